import { pause } from '../retry.ts';
import type { Clock } from '../world.ts';

/** The clock of this machine, which no change of the time of day sets back. */
export function connectClock(cancelled: AbortSignal): Clock {
  return { now: () => performance.now(), pause: (ms) => pause(ms, cancelled) };
}
