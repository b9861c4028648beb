import type { Note } from '../timeline.ts';
import { count } from './count.ts';
import type { RegenerationOutcome } from './outcome.ts';

const noteEveryMs = 5000;
const leastNoteMs = 1000;

/** Says where it stands after each tenth and every 5 s, but never more often than once a second. */
export function startProgress(pages: number, encodings: number, outcome: RegenerationOutcome, note: Note): () => void {
  const whole = pages * encodings;
  const began = performance.now();
  let done = 0;
  let last = { at: began, done: 0 };
  return () => {
    done += 1;
    const now = performance.now();
    const since = now - last.at;
    const isTenth = done - last.done >= whole / 10 && since >= leastNoteMs;
    if (isTenth || since >= noteEveryMs || done === whole) {
      const rate = Math.round((done * 1000) / Math.max(1, now - began));
      last = { at: now, done };
      note(
        `${done.toLocaleString('en-US')} of ${count(whole, 'request')} (${count(pages, 'page')} in ${encodings} encodings), ${rate} a second, ${count(outcome.stale, 'page')} stale`,
      );
    }
  };
}
