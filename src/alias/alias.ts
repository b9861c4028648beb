import { DeployError } from '../errors.ts';
import { backoffMs, leastLeftMs, outOfTime, persist } from '../retry.ts';
import type { Note } from '../timeline.ts';
import type { AliasState, Attempt, Run, World } from '../world.ts';
import { type Knowledge, relationOf } from './ownership.ts';
import { movedByOthers, refuseNewerRun } from './run-order.ts';
import { type AliasTarget, describeTarget, isHandedOver, isSplit, pointsTo, settled, versionsOf } from './target.ts';

/** How long a read may be behind. */
export const lagMs = 1000;

/** What is known of the alias of one function. */
export interface AliasOutcome {
  readonly name: string;
  /** As it was before this run; undefined when the function had none. */
  before: AliasState | undefined;
  /** As this run saw it last. */
  now: AliasState | undefined;
  /** What this run asked for last, be it answered or not. */
  sent: AliasTarget | undefined;
  /** Whether this run changed it, or may have. */
  isMoved: boolean;
  /** The version that this run gave to an alias that named $LATEST, before it changed any code; empty otherwise. */
  pinned: string;
  knowledge: Knowledge;
}

const nothingKnown: Knowledge = { left: undefined, past: [], pending: [], isProvisioned: false };

export function emptyAlias(name: string): AliasOutcome {
  return {
    name,
    before: undefined,
    now: undefined,
    sent: undefined,
    isMoved: false,
    pinned: '',
    knowledge: nothingKnown,
  };
}

/** Where it is to point, from where it pointed before: what an older run did meanwhile is taken over. */
type Aim = (before: AliasState | undefined) => AliasTarget;

/** What moving an alias takes. */
export interface AliasWork {
  world: Pick<World, 'lambda' | 'clock'>;
  run: Run;
  /** As it is called by. */
  functionName: string;
  outcome: AliasOutcome;
  /** In milliseconds of the clock. */
  deadline: number;
  note: Note;
}

/** The alias before anything changes; an older run stops here. */
export async function lookAtAlias(work: AliasWork): Promise<void> {
  const { outcome, note } = work;
  const state = await readAlias(work);
  takeOver(outcome, state);
  if (state === undefined) {
    note(`has no alias ${outcome.name}, it will be created`);
    return;
  }
  note(
    `alias ${outcome.name} points to ${describeTarget(state)}${isSplit(state) ? ', which an earlier run left split' : ''}`,
  );
  await refuseNewerRun(work, versionsOf(state));
}

/** What others have made of the alias is what this run goes on from. */
function takeOver(outcome: AliasOutcome, state: AliasState | undefined): void {
  outcome.before = state && settled(state);
  leaveAt(outcome, state);
}

/** From now on, this is how the run has left the alias. */
export function leaveAt(outcome: AliasOutcome, state: AliasState | undefined): void {
  const { left, past } = outcome.knowledge;
  const isNew = left !== undefined && left.revisionId !== state?.revisionId;
  outcome.now = state;
  outcome.knowledge = {
    ...outcome.knowledge,
    left: state,
    past: isNew ? [...past, left.revisionId] : past,
    // A call that is still on its way carries the revision from before, so it comes to nothing now.
    pending: isNew || (left === undefined && state !== undefined) ? [] : outcome.knowledge.pending,
  };
}

/** Asks for a move. Noted before the call: a cancel in the middle of it must not report the alias as it was. */
export async function ask<T>(
  outcome: AliasOutcome,
  target: AliasTarget,
  call: () => Promise<Attempt<T>>,
): Promise<Attempt<T>> {
  const { isMoved, sent, knowledge } = outcome;
  outcome.isMoved = true;
  outcome.sent = target;
  outcome.knowledge = { ...knowledge, pending: [...knowledge.pending, target] };
  const attempt = await call();
  if (attempt.kind === 'refused' || attempt.kind === 'busy') {
    Object.assign(outcome, { isMoved, sent, knowledge });
  }
  return attempt;
}

/**
 * Where the alias points by now, as soon as a read shows it. What an older run has done before this one's first move is
 * taken over; any other move of somebody else is a `conflict`, and stays.
 */
export async function observe(work: AliasWork): Promise<AliasState | undefined> {
  const { world, outcome } = work;
  let suspect: string | undefined;
  for (let tries = 0; ; tries += 1) {
    const state = await readAlias(work);
    switch (relationOf(outcome.knowledge, state)) {
      case 'own':
        leaveAt(outcome, state);
        return state;
      case 'behind':
        await pauseBefore(work, tries, 'a read that is behind');
        break;
      case 'foreign': {
        const revision = state?.revisionId ?? 'none';
        if (suspect === revision) {
          await takeOverOrRefuse(work, state);
          return state;
        }
        // It may be behind by more than this run knows of, so it is believed when it stays.
        suspect = revision;
        await world.clock.pause(lagMs);
      }
    }
  }
}

async function takeOverOrRefuse(work: AliasWork, state: AliasState | undefined): Promise<void> {
  const { outcome } = work;
  // Whoever reads the report is to know where it is.
  outcome.now = state;
  if (outcome.isMoved || outcome.pinned !== '' || state === undefined) {
    throw await movedByOthers(work, state);
  }
  const known = outcome.before === undefined ? [] : versionsOf(outcome.before);
  if (!versionsOf(state).every((version) => known.includes(version))) {
    await refuseNewerRun(work, versionsOf(state), { isKnownOlder: true });
  }
  takeOver(outcome, state);
}

/**
 * Moves the alias and reads it back: always from a state that is this run's, and with its revision, so that nobody else's
 * move is lost. True when AWS has answered that it was this run that moved it.
 */
export async function moveAlias(
  work: AliasWork,
  targetFrom: Aim,
  { isGoingBack = false }: { isGoingBack?: boolean } = {},
): Promise<boolean> {
  const { outcome, note } = work;
  let isSent = false;
  for (let tries = 0; ; tries += 1) {
    const state = await observe(work);
    const target = targetFrom(outcome.before);
    // A move whose answer got lost may come yet, so the way back is never believed to be gone: it is asked for.
    const isSure = isSent || !isGoingBack || outcome.knowledge.pending.length === 0;
    if (state !== undefined && isSure && isThere(state, target, isSent)) {
      note(`alias ${outcome.name} points to ${describeTarget(state)}`);
      return isSent;
    }
    if (state !== undefined && isSent) {
      await pauseBefore(work, tries, 'an alias that points elsewhere');
    }
    isSent = await send(work, state, target, tries);
  }
}

/** False when the alias has not moved, as far as is known; the next look tells. */
async function send(
  work: AliasWork,
  state: AliasState | undefined,
  target: AliasTarget,
  tries: number,
): Promise<boolean> {
  const { world, functionName, outcome, deadline, note } = work;
  const { name } = outcome;
  const { version, weights } = target;
  const attempt = await ask(outcome, target, () =>
    state === undefined
      ? world.lambda.createAlias(functionName, name, version, deadline)
      : world.lambda.updateAlias(functionName, name, { version, weights, revisionId: state.revisionId }, deadline),
  );
  if (attempt.kind === 'answered') {
    leaveAt(outcome, attempt.value);
    return true;
  }
  // Somebody else was faster, by deleting it, too, or a lost answer of ours was not: the next look tells.
  const isOvertaken = (code: string) => code === 'conflict' || (code === 'not-found' && state !== undefined);
  if (attempt.kind === 'refused' && !isOvertaken(attempt.error.code)) {
    throw attempt.error;
  }
  const reason = attempt.kind === 'refused' ? attempt.error.message : attempt.reason;
  note(`alias ${name} not moved yet, ${reason}`);
  await pauseBefore(work, tries, reason);
  return false;
}

/** Waits until the weight is gone that AWS set while provisioned concurrency follows the alias. */
export async function awaitWhole(work: AliasWork, target: AliasTarget): Promise<void> {
  const { outcome } = work;
  for (let tries = 0; outcome.now !== undefined && isSplit(outcome.now); tries += 1) {
    await pauseBefore(work, tries, `${describeTarget(outcome.now)} still`);
    const state = await observe(work);
    if (state !== undefined && !isHandedOver(state, target)) {
      await moveAlias(work, () => target);
    }
  }
}

/**
 * That the alias still is where this run left it, and was nowhere else meanwhile: caches may hold pages of what served in
 * between. Whoever moved it meant it.
 */
export async function confirmAlias(work: AliasWork, target: AliasTarget): Promise<void> {
  const { world, outcome } = work;
  for (let isSecond = false; ; isSecond = true) {
    const state = await readAlias(work);
    if (state !== undefined && pointsTo(state, target) && relationOf(outcome.knowledge, state) === 'own') {
      return;
    }
    if (isSecond) {
      outcome.now = state;
      throw await movedByOthers(work, state);
    }
    // This read may be behind the one before.
    await world.clock.pause(lagMs);
  }
}

/** Where the alias points, whoever moved it there. */
export async function readAlias(work: AliasWork): Promise<AliasState | undefined> {
  const { world, functionName, outcome, deadline, note } = work;
  return persist(() => world.lambda.lookAtAlias(functionName, outcome.name, deadline), {
    subject: `GetAlias ${outcome.name} of ${functionName}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: note,
  });
}

async function pauseBefore({ world, deadline, outcome }: AliasWork, tries: number, reason: string): Promise<void> {
  const left = deadline - world.clock.now() - leastLeftMs;
  if (left <= 0) {
    throw outOfTime(`UpdateAlias of ${outcome.name}`, reason);
  }
  await world.clock.pause(Math.min(left, backoffMs(tries, 200, 5000)));
}

export function isThere(state: AliasState, target: AliasTarget, isSent: boolean): boolean {
  return pointsTo(state, target) || (isSent && isHandedOver(state, target));
}

/** An alias that this run left where nobody wants it. */
export function leftBehind(name: string, outcome: AliasOutcome, cause: DeployError): DeployError {
  if (cause.code === 'conflict' || cause.code === 'rollback-failed') {
    return cause;
  }
  const target = outcome.now === undefined ? 'an unknown version' : describeTarget(outcome.now);
  return new DeployError(
    cause.code === 'cancelled' ? 'cancelled' : 'rollback-failed',
    `Alias ${outcome.name} of ${name} could not be rolled back and points to ${target}: ${cause.message}`,
    {
      hint: 'Move it by hand, or re-run: the next run checks where everything stands.',
      cause,
    },
  );
}
