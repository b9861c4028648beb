import { setTimeout } from 'node:timers/promises';
import { DeployError } from './errors.ts';
import type { Attempt, Clock } from './world.ts';

/** Half of the wait is fixed and half is random, so that deployers who collided once do not collide again. */
export function backoffMs(attempt: number, baseMs: number, capMs: number): number {
  const whole = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
  return whole / 2 + (Math.random() * whole) / 2;
}

export async function pause(ms: number, cancelled: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal: cancelled });
  } catch (cause) {
    throw cancellation(cause);
  }
}

export function cancellation(cause?: unknown): DeployError {
  return new DeployError('cancelled', 'The run was cancelled.', {
    hint: 'Run it again: it looks where everything stands and completes what is missing.',
    cause,
  });
}

/** No try begins later than this before the deadline. */
export const leastLeftMs = 250;

export interface Persistence {
  /** What is tried, for the message when time runs out: `CreateInvalidation for E2QWRUHAPOMQZL`. */
  subject: string;
  deadline: number;
  capMs: number;
  clock: Clock;
  onRetry(reason: string): void;
}

/**
 * Tries a call that is safe to repeat until it is answered, refused for good, or the deadline has passed.
 */
export async function persist<T>(call: () => Promise<Attempt<T>>, persistence: Persistence): Promise<T> {
  const { subject, deadline, capMs, clock, onRetry } = persistence;
  for (let tries = 0; ; tries += 1) {
    const attempt = await call();
    if (attempt.kind === 'answered') {
      return attempt.value;
    }
    if (attempt.kind === 'refused') {
      throw attempt.error;
    }
    const retryAfterMs = attempt.kind === 'unanswered' ? attempt.retryAfterMs : 0;
    const left = deadline - clock.now() - leastLeftMs;
    if (left <= 0) {
      throw outOfTime(subject, attempt.reason);
    }
    onRetry(`${subject}: ${attempt.reason}, trying again`);
    await clock.pause(Math.min(left, Math.max(retryAfterMs, backoffMs(tries, 200, capMs))));
  }
}

export function outOfTime(subject: string, reason: string): DeployError {
  return new DeployError('timed-out', `${subject} was not answered in time; the last try ended with ${reason}.`, {
    hint: 'Run it again, it is safe; see https://health.aws.amazon.com if it goes on.',
  });
}

/** How long what was just made may be unknown to reads. */
const visibleWithinMs = 10_000;

/** Takes a 404 about something that was just made for a read that is behind, for a while. */
export function patientWithNew(now: () => number): <T>(answer: Attempt<T>) => Attempt<T> {
  const until = now() + visibleWithinMs;
  return (answer) =>
    answer.kind === 'refused' && answer.error.code === 'not-found' && now() < until
      ? { kind: 'unanswered', reason: 'not visible yet', retryAfterMs: 0 }
      : answer;
}
