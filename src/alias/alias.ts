import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { backoffMs, leastLeftMs, outOfTime, persist } from '../retry.ts';
import type { Note } from '../timeline.ts';
import type { AliasState, Attempt, Run, World } from '../world.ts';
import { movedByOthers, refuseNewerRun } from './run-order.ts';

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
  /** The versions that it may name without anybody else having moved it: those it named before, and that of this run. */
  known?: readonly string[];
  /** Whether this run changed it, or may have. */
  isMoved: boolean;
}

/** Where an alias is to point. */
export interface AliasTarget {
  version: string;
  weights: Readonly<Record<string, number>>;
}

/** Where it is to point, from where it pointed before: what an older run did meanwhile is taken over. */
type Aim = (before: AliasState | undefined) => AliasTarget;

/** What moving an alias takes. */
export interface AliasWork {
  world: World;
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

function takeOver(outcome: AliasOutcome, state: AliasState | undefined): void {
  outcome.before = state && settled(state);
  outcome.now = state;
  outcome.known = state === undefined ? [] : versionsOf(state);
}

/**
 * As it will be when provisioned concurrency has followed an earlier move: a whole weight of an older version is AWS's
 * own. To be put back with it, the alias would leave the newer one without traffic for good.
 */
function settled(state: AliasState): AliasState {
  const [[version, weight] = ['', 0]] = Object.entries(state.weights);
  return weight === 1 && Number(version) < Number(state.version) ? { ...state, weights: {} } : state;
}

/** Asks for a move. Noted before the call: a cancel in the middle of it must not report the alias as it was. */
export async function ask<T>(
  outcome: AliasOutcome,
  target: AliasTarget,
  call: () => Promise<Attempt<T>>,
): Promise<Attempt<T>> {
  const { isMoved, sent } = outcome;
  outcome.isMoved = true;
  outcome.sent = target;
  outcome.known = [...(outcome.known ?? []), ...versionsOf(target)];
  const attempt = await call();
  if (attempt.kind === 'refused') {
    Object.assign(outcome, { isMoved, sent });
  }
  return attempt;
}

/**
 * Moves the alias and reads it back. With its revision, so that nobody else's move is lost: what somebody else did
 * meanwhile is taken over only from a run that is older than this one, and then the target follows from that.
 */
export async function moveAlias(
  work: AliasWork,
  targetFrom: Aim,
  { isGoingBack = false }: { isGoingBack?: boolean } = {},
): Promise<void> {
  const { outcome, note } = work;
  let sent: Sent | undefined;
  for (let tries = 0; ; tries += 1) {
    const state = await readAlias(work);
    const isBehind = isBefore(state, sent);
    // A read may be behind a move whose answer got lost, so the way back is never believed to be gone: it is asked for.
    const isBelieved = !isBehind && (sent !== undefined || !isGoingBack);
    if (state !== undefined && isBelieved && isThere(state, targetFrom(outcome.before), sent !== undefined)) {
      outcome.now = state;
      note(`alias ${outcome.name} points to ${describeTarget(state)}`);
      return;
    }
    if (sent === undefined) {
      sent = await tryToMove(work, state, { targetFrom, isGoingBack, tries });
    } else {
      // Somebody else may be at it, or AWS shows a weight of its own for as long as provisioned concurrency takes.
      await pauseBefore(work, tries, isBehind ? 'a read that is behind' : 'an alias that points elsewhere');
      sent = isBehind ? sent : undefined;
    }
  }
}

/** The revisions before and after a move that was answered; the next round reads it back. */
interface Sent {
  from: string | undefined;
  to: string;
}

/** Whether a read is behind a move that was answered. */
function isBefore(state: AliasState | undefined, sent: Sent | undefined): boolean {
  return sent !== undefined && sent.from !== sent.to && state?.revisionId === sent.from;
}

async function tryToMove(
  work: AliasWork,
  state: AliasState | undefined,
  { targetFrom, isGoingBack, tries }: { targetFrom: Aim; isGoingBack: boolean; tries: number },
): Promise<Sent | undefined> {
  const { outcome, note } = work;
  await refuseOthersMove(work, state, isGoingBack);
  const attempt = await send(work, state, targetFrom(outcome.before));
  if (attempt.kind === 'answered') {
    outcome.now = attempt.value;
    return { from: state?.revisionId, to: attempt.value.revisionId };
  }
  // Somebody else was faster, or a lost answer of ours was not: the next look tells.
  if (attempt.kind === 'refused' && attempt.error.code !== 'conflict') {
    throw attempt.error;
  }
  const reason = attempt.kind === 'refused' ? attempt.error.message : attempt.reason;
  note(`alias ${outcome.name} not moved yet, ${reason}`);
  await pauseBefore(work, tries, reason);
  return undefined;
}

/** Where the alias points by now; what an older run has done meanwhile is taken over. */
export async function lookAgain(work: AliasWork): Promise<AliasState | undefined> {
  const { outcome, world } = work;
  let state = await readAlias(work);
  if (state?.revisionId !== outcome.now?.revisionId) {
    // Somebody else has moved it, or this read is behind the one before.
    await world.clock.pause(lagMs);
    state = await readAlias(work);
  }
  await refuseOthersMove(work, state);
  outcome.now = state;
  return state;
}

/** Waits until the weight is gone that AWS set while provisioned concurrency follows the alias. */
export async function awaitWhole(work: AliasWork, target: AliasTarget): Promise<void> {
  const { outcome } = work;
  for (let tries = 0; outcome.now !== undefined && isSplit(outcome.now); tries += 1) {
    await pauseBefore(work, tries, `${describeTarget(outcome.now)} still`);
    const state = await readAlias(work);
    if (state !== undefined && isHandedOver(state, target)) {
      outcome.now = state;
    } else {
      await moveAlias(work, () => target);
    }
  }
}

function send(
  { world, functionName, outcome, deadline }: AliasWork,
  state: AliasState | undefined,
  target: AliasTarget,
): Promise<Attempt<AliasState>> {
  const { name } = outcome;
  const { version, weights } = target;
  return ask(outcome, target, () =>
    state === undefined
      ? world.lambda.createAlias(functionName, name, version, deadline)
      : world.lambda.updateAlias(functionName, name, { version, weights, revisionId: state.revisionId }, deadline),
  );
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

/** Whatever names another version is not of this run's making, nor of those who act for it: CodeDeploy, and AWS itself. */
async function refuseOthersMove(work: AliasWork, state: AliasState | undefined, isGoingBack = false): Promise<void> {
  const { outcome } = work;
  if (state === undefined) {
    return;
  }
  if (versionsOf(state).every((version) => outcome.known?.includes(version))) {
    // What nobody has asked to move yet is still as it was before.
    outcome.before = outcome.sent === undefined && !isGoingBack ? settled(state) : outcome.before;
    return;
  }
  // Whoever reads the report is to know where it is.
  outcome.now = state;
  await refuseNewerRun(work, versionsOf(state), { isKnownOlder: true });
  if (isGoingBack) {
    throw movedByOthers(work, state.version);
  }
  takeOver(outcome, state);
}

async function pauseBefore({ world, deadline, outcome }: AliasWork, tries: number, reason: string): Promise<void> {
  const left = deadline - world.clock.now() - leastLeftMs;
  if (left <= 0) {
    throw outOfTime(`UpdateAlias of ${outcome.name}`, reason);
  }
  await world.clock.pause(Math.min(left, backoffMs(tries, 200, 5000)));
}

export function pointsTo(state: AliasTarget, target: AliasTarget): boolean {
  return state.version === target.version && weightsText(state) === weightsText(target);
}

function isThere(state: AliasState, target: AliasTarget, isSent: boolean): boolean {
  return pointsTo(state, target) || (isSent && isHandedOver(state, target));
}

/**
 * While provisioned concurrency follows the alias, AWS itself lets the version from before serve, by a weight of 1 that
 * nobody asked for (https://github.com/hashicorp/terraform-provider-aws/issues/48116). Clearing it again changes nothing.
 */
function isHandedOver({ version, weights }: AliasTarget, target: AliasTarget): boolean {
  return version === target.version && !isSplit(target) && Object.values(weights).every((weight) => weight === 1);
}

/** The one it points to, and those that get a part of the traffic. */
export function versionsOf({ version, weights }: AliasTarget): string[] {
  return [version, ...Object.keys(weights).filter((one) => (weights[one] ?? 0) > 0)];
}

export function isSplit({ weights }: AliasTarget): boolean {
  return Object.values(weights).some((weight) => weight > 0);
}

/** `version 3 (10 % to version 4)`. */
export function describeTarget(target: AliasTarget): string {
  const others = weightsText(target);
  return `version ${plain(target.version)}${others === '' ? '' : ` (${others})`}`;
}

function weightsText({ weights }: AliasTarget): string {
  return Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .map(([version, weight]) => `${Math.round(weight * 10_000) / 100} % to version ${plain(version)}`)
    .toSorted()
    .join(', ');
}

/** An alias that this run left where nobody wants it. */
export function leftBehind(name: string, outcome: AliasOutcome, cause: DeployError): DeployError {
  const target = outcome.now === undefined ? 'an unknown version' : describeTarget(outcome.now);
  return new DeployError(
    cause.code === 'cancelled' ? 'cancelled' : 'rolled-back',
    `Alias ${outcome.name} of ${name} could not be put back and points to ${target}: ${cause.message}`,
    {
      hint: 'Move it by hand, or run this again: it looks where everything stands.',
      cause,
    },
  );
}
