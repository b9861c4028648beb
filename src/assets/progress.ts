import type { Note } from '../timeline.ts';

const usuallyEveryMs = 5000;

export interface Progress {
  /** One more is done. */
  advance(): void;
  /** A call is tried again; with thousands of them only their number is told, and the last reason. */
  retried(reason: string): void;
}

/** A line every few seconds: `1200 of 10000 files, 210/s`. */
export function startProgress(note: Note, total: number, noun: string, everyMs = usuallyEveryMs): Progress {
  const began = performance.now();
  let done = 0;
  let retries = 0;
  let said = began;
  let lastReason = '';
  const say = () => {
    const now = performance.now();
    if (now - said < everyMs) {
      return;
    }
    said = now;
    const rate = Math.round((done * 1000) / (now - began));
    note(`${done} of ${total} ${noun}, ${rate}/s${retries === 0 ? '' : `, ${retries} retried (last: ${lastReason})`}`);
  };
  return {
    advance() {
      done += 1;
      say();
    },
    retried(reason) {
      retries += 1;
      lastReason = reason;
      say();
    },
  };
}
