import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import { backoffMs, leastLeftMs, outOfTime, persist } from '../retry.ts';
import type { Note, Timeline } from '../timeline.ts';
import type { Attempt, Code, CodeChange, FunctionState, World } from '../world.ts';
import { isBusy, refuseDeleting, statusText } from './state.ts';

/** What the steps of preparing one function share. */
export interface Preparation {
  world: World;
  timeline: Timeline;
  outcome: FunctionOutcome;
  /** In milliseconds of the clock. */
  deadline: number;
}

/** What is sent; looking at everything has found it out before the first function is prepared. */
export function resolvedCode({ name, code }: FunctionOutcome): Code {
  if (code === undefined) {
    throw new Error(`The code of ${name} was not resolved.`);
  }
  return code;
}

/** With the code goes what the function has and would lose with an update that does not say it again. */
export function changeOf(outcome: FunctionOutcome, { traits }: FunctionState): CodeChange {
  const { architecture } = outcome.plan;
  const { sourceKmsKey, s3Object } = traits;
  return {
    code: resolvedCode(outcome),
    architecture,
    revisionId: outcome.revisionId,
    sourceKmsKey,
    byReference: s3Object !== undefined,
  };
}

/** The function as it is now, busy or not. */
export function readFunction({ world, outcome, deadline }: Preparation, note: Note): Promise<FunctionState> {
  return persist(() => world.lambda.look(outcome.plan.ref.text, deadline), {
    subject: `GetFunction for ${outcome.name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: note,
  });
}

/** Waits for the update of somebody else; how it ends does not matter, since this one replaces it. */
export async function waitUntilFree(
  { world, outcome: { name, plan }, deadline }: Preparation,
  note: Note,
): Promise<FunctionState> {
  const waited = await world.lambda.waitForUpdate(plan.ref.text, {
    isOver: (state) => !isBusy(state),
    onState: changes(statusText, note),
    deadline,
  });
  if (waited.kind === 'timed-out') {
    throw stillBusy(name, waited.last ? statusText(waited.last) : waited.reason);
  }
  refuseDeleting(name, waited.last);
  return waited.last;
}

/** Before a call is made again; throws when there is no time left for that. */
export async function pauseBeforeRetry(
  { world, outcome: { name }, deadline }: Preparation,
  tries: number,
  attempt: Unfinished,
  action: string,
): Promise<void> {
  const left = deadline - world.clock.now() - leastLeftMs;
  if (left <= 0) {
    throw attempt.kind === 'busy'
      ? stillBusy(name, attempt.reason)
      : outOfTime(`${action} for ${name}`, attempt.reason);
  }
  const retryAfterMs = attempt.kind === 'unanswered' ? attempt.retryAfterMs : 0;
  await world.clock.pause(Math.min(left, Math.max(retryAfterMs, backoffMs(tries, 200, 5000))));
}

type Unfinished = Extract<Attempt<unknown>, { kind: 'busy' | 'unanswered' }>;

function stillBusy(name: string, status: string): DeployError {
  return new DeployError('busy', `Function ${name} was not free in time, its last status was "${plain(status)}".`, {
    hint: 'Another deployment or configuration change holds it; run this again when that has ended, or raise update-timeout.',
  });
}

/** Passes on what is new. */
export function changes<T>(show: (state: T) => string, note: Note): (state: T) => void {
  let last = '';
  return (state) => {
    const text = show(state);
    if (text !== last) {
      last = text;
      note(text);
    }
  };
}
