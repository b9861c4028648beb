import { pause } from '../retry.ts';

/** Lets callers through one by one, so far apart that an account's quota is never used up by one run. */
export function createPacer(intervalMs: number, cancelled: AbortSignal): () => Promise<void> {
  let next = 0;
  return async () => {
    const now = performance.now();
    const turn = Math.max(now, next);
    next = turn + intervalMs;
    if (turn > now) {
      await pause(turn - now, cancelled);
    }
  };
}
