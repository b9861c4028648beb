import type { Clock, Log } from './world.ts';

/** One thing that was done for one function or distribution. */
export interface Step {
  subject: string;
  name: string;
  /** Milliseconds since the run began. */
  startMs: number;
  ms: number;
  failed: boolean;
}

export interface Timeline {
  readonly steps: readonly Step[];
  elapsedMs(): number;
  /** Records how long the work took, and gives a sign of life while it says nothing. */
  step<T>(subject: string, name: string, work: (note: Note) => Promise<T>): Promise<T>;
}

/** Says where a step stands, in one line. */
export type Note = (status: string) => void;

const signOfLifeMs = 15_000;

export function startTimeline(log: Log, clock: Clock): Timeline {
  const began = clock.now();
  const steps: Step[] = [];
  const elapsedMs = () => Math.round(clock.now() - began);
  return {
    steps,
    elapsedMs,
    async step(subject, name, work) {
      const startMs = elapsedMs();
      const started = clock.now();
      let last = name;
      const say = (status: string) => {
        const ms = clock.now() - started;
        log.line(`${subject}: ${status}${ms < 100 ? '' : ` (${seconds(ms)})`}`);
      };
      const life = setInterval(() => say(`still busy, ${last}`), signOfLifeMs);
      const note: Note = (status) => {
        last = status;
        life.refresh();
        say(status);
      };
      const record = (failed: boolean) => {
        clearInterval(life);
        steps.push({ subject, name, startMs, ms: elapsedMs() - startMs, failed });
      };
      try {
        const result = await work(note);
        record(false);
        return result;
      } catch (error) {
        record(true);
        throw error;
      }
    },
  };
}

export function seconds(ms: number): string {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
