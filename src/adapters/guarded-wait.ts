import { backoffMs, cancellation, leastLeftMs, pause } from '../retry.ts';
import type { Attempt, Wait, Waited } from '../world.ts';

/** A waiter of the SDK, such as waitUntilFunctionUpdatedV2. */
type Waiter<Client, Input> = (
  options: { client: Client; abortSignal: AbortSignal; minDelay: number; maxDelay: number; maxWaitTime: number },
  input: Input,
) => Promise<unknown>;

export interface GuardedWait<T, Client, Input, Command> {
  waiter: Waiter<Client, Input>;
  input: Input;
  /** Sends the waiter's command. */
  look(command: Command): Promise<Attempt<T>>;
  wait: Wait<T>;
  pace: Pace;
  cancelled: AbortSignal;
}

/** In seconds, between polls: the first ones `minDelay` apart, all from the third on `maxDelay` at the most. */
export interface Pace {
  minDelay: number;
  maxDelay: number;
  /** What takes longer than `after` will take long, so it is looked at every `delay` or so from then on. */
  slow?: { after: number; delay: number };
}

/**
 * Runs a waiter of the SDK without its three faults (smithy's createWaiter and poller, read in 3.1162.0): it takes every
 * exception, also a 403, for a reason to go on polling; on a failure its message is the whole response, for a function
 * with environment variables and a presigned URL; and its default delays grow to minutes.
 *
 * So the waiter gets a thin client: whatever is read, it is shown one word that one of its acceptors knows; what cannot
 * get better aborts it at once; and the delays are ours.
 */
export async function guardedWait<T, Client, Input, Command>({
  waiter,
  input,
  look,
  wait,
  pace,
  cancelled,
}: GuardedWait<T, Client, Input, Command>): Promise<Waited<T>> {
  const stop = new AbortController();
  let refusal: unknown;
  let last: T | undefined;
  let reason = '';
  let misses = 0;
  const began = performance.now();

  const thinClient = {
    send: async (command: Command) => {
      await pause(extraDelayMs(pace, began, wait.deadline), cancelled);
      const answer = await look(command);
      if (answer.kind === 'answered') {
        misses = 0;
        last = answer.value;
        wait.onState(last);
        return wait.isOver(last) ? over : waiting;
      }
      if (answer.kind === 'refused') {
        refusal = answer.error;
        stop.abort();
      } else {
        reason = answer.reason;
        const retryAfterMs = answer.kind === 'unanswered' ? answer.retryAfterMs : 0;
        const left = Math.max(0, wait.deadline - performance.now());
        await pause(Math.min(left, Math.max(retryAfterMs, backoffMs(misses, 100, 2000))), cancelled);
        misses += 1;
      }
      throw new Error('not seen');
    },
  };

  const maxWaitTime = Math.max((wait.deadline - performance.now()) / 1000, pace.minDelay + 0.001);
  try {
    const abortSignal = AbortSignal.any([stop.signal, cancelled]);
    abortSignal.throwIfAborted();
    const { minDelay, maxDelay } = pace;
    await waiter({ client: thinClient as Client, abortSignal, maxWaitTime, minDelay, maxDelay }, input);
    return { kind: 'done', last: last as T };
  } catch (cause) {
    if (refusal !== undefined) {
      throw refusal;
    }
    if (cancelled.aborted) {
      throw cancellation(cause);
    }
    return { kind: 'timed-out', last, reason };
  }
}

/** The waiter knows one pace only; the rest of a slow one is waited here. */
function extraDelayMs({ maxDelay, slow }: Pace, began: number, deadline: number): number {
  const now = performance.now();
  const isSlow = slow !== undefined && now - began > slow.after * 1000;
  // The last look before the deadline is not to be missed.
  return isSlow ? Math.max(0, Math.min((slow.delay - maxDelay) * 1000, deadline - now - leastLeftMs)) : 0;
}

// Each waiter looks at one of these fields; whether the end is a good one is for the caller to judge.
const over = {
  Configuration: { LastUpdateStatus: 'Successful', State: 'Active' },
  Invalidation: { Status: 'Completed' },
};
const waiting = {
  Configuration: { LastUpdateStatus: 'InProgress', State: 'Pending' },
  Invalidation: { Status: 'InProgress' },
};
