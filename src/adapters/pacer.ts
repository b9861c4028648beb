import { pause } from '../retry.ts';

/** Lets callers through one by one, so far apart that an account's quota is never used up by one run. */
export function createPacer(intervalMs: number, cancelled: AbortSignal): (deadline: number) => Promise<void> {
  let next = 0;
  return async (deadline) => {
    const now = performance.now();
    const turn = Math.max(now, next);
    next = turn + intervalMs;
    if (turn > now) {
      // Not past the deadline: whoever stands so far behind will not send anything any more.
      await pause(Math.max(0, Math.min(turn, deadline + 1) - now), cancelled);
    }
  };
}
