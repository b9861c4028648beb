import { setImmediate } from 'node:timers/promises';

/** Many times what any story takes; more is a loop without an end. */
const mostTurns = 50_000;

interface Timer {
  at: number;
  fire(): void;
}

/** A clock that stands still while anybody works, and then goes on to what comes next. */
export interface VirtualClock {
  now(): number;
  after(ms: number, fire: () => void): void;
  sleep(ms: number): Promise<void>;
  /** Until it is settled; false when nothing is left that could settle it. */
  runUntil(end: Promise<unknown>): Promise<boolean>;
}

export function createClock(onTick: () => void): VirtualClock {
  const timers: Timer[] = [];
  let now = 0;
  const clock: VirtualClock = {
    now: () => now,
    after(ms, fire) {
      const timer = { at: now + Math.max(0, ms), fire };
      const place = timers.findIndex(({ at }) => at > timer.at);
      timers.splice(place === -1 ? timers.length : place, 0, timer);
    },
    sleep: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    async runUntil(end) {
      let isOver = false;
      const over = () => {
        isOver = true;
      };
      end.then(over, over);
      for (let turns = 0; turns < mostTurns; turns += 1) {
        // One turn of the event loop comes after every microtask: by then all have done what they could.
        await setImmediate();
        if (isOver) {
          return true;
        }
        const next = timers.shift();
        if (next === undefined) {
          return false;
        }
        now = next.at;
        next.fire();
        onTick();
      }
      return false;
    },
  };
  return clock;
}
