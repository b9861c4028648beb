import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import type { Note } from '../timeline.ts';
import type { Attempt, Clock, CodeChange, FunctionState } from '../world.ts';
import { holds, sourceText } from './code.ts';
import { changeOf, changes, type Preparation, pauseBeforeRetry, resolvedCode, waitUntilFree } from './preparation.ts';
import { isBusy, reasonHint, statusText } from './state.ts';

/** An update that is in, and the function as it was right before. */
export interface SentUpdate {
  before: FunctionState;
  sent: FunctionState;
}

/**
 * Sends the update until it is in, exactly once as far as that can be seen: after an answer that got lost it reads back
 * before it sends again. A 409 means that somebody else is deploying; theirs ends, then ours is sent.
 *
 * It carries the revision of what was read, so that what it replaces is known and can be put back; when somebody else was
 * faster, that is read and replaced, unless the workflow has said which revision it is to be.
 */
export async function updateCode(preparation: Preparation, free: FunctionState, note: Note): Promise<SentUpdate> {
  const { world, outcome, deadline } = preparation;
  const { plan } = outcome;
  let before = free;
  let maybeApplied = false;
  for (let tries = 0; ; tries += 1) {
    // Before the call: a cancel in the middle of it must not report the function as untouched.
    outcome.stage = 'update-sent';
    const answer = await world.lambda.updateCode(plan.ref.text, changeFrom(outcome, before), deadline);
    const attempt = isOvertaken(answer, outcome) ? overtaken : answer;
    if (attempt.kind === 'answered') {
      note(`update accepted, ${sourceText(plan.source)}`);
      outcome.sentSha256 = attempt.value.codeSha256;
      return { before, sent: attempt.value };
    }
    maybeApplied ||= attempt.kind === 'unanswered';
    outcome.stage = maybeApplied ? 'update-sent' : 'untouched';
    const refusal = refusalOf(attempt);
    // After a lost answer even a refusal may be our own doing: a revision that moved was moved by our update.
    if (!maybeApplied) {
      throwIfAny(refusal);
    }
    const now = await lookAgain(preparation, attempt, tries, note, (state) =>
      isApplied(before, state, refusal, outcome),
    );
    if (maybeApplied && isApplied(before, now, refusal, outcome)) {
      note('the update is in');
      return { before, sent: now };
    }
    throwIfAny(refusal);
    before = now;
  }
}

/** The change that replaces this state, and no later one. */
function changeFrom(outcome: FunctionOutcome, before: FunctionState): CodeChange {
  const change = changeOf(outcome, before);
  return { ...change, revisionId: change.revisionId ?? (before.revisionId || undefined) };
}

function refusalOf(attempt: Attempt<FunctionState>): DeployError | undefined {
  return attempt.kind === 'refused' ? attempt.error : undefined;
}

function throwIfAny(refusal: DeployError | undefined): void {
  if (refusal !== undefined) {
    throw refusal;
  }
}

/** Somebody else's change came between the look and the update; theirs is what this one replaces. */
const overtaken = { kind: 'busy', reason: 'the function was changed meanwhile' } as const;

function isOvertaken(answer: Attempt<FunctionState>, { revisionId }: FunctionOutcome): boolean {
  return revisionId === undefined && answer.kind === 'refused' && answer.error.code === 'conflict';
}

async function lookAgain(
  preparation: Preparation,
  attempt: Attempt<FunctionState>,
  tries: number,
  note: Note,
  isIn: (state: FunctionState) => boolean,
): Promise<FunctionState> {
  const { clock } = preparation.world;
  // After a lost answer, a read may be behind an update that is in.
  const believeAt = attempt.kind === 'unanswered' ? clock.now() + lagMs : 0;
  for (;;) {
    if (attempt.kind === 'busy' || attempt.kind === 'unanswered') {
      note(`update not confirmed, ${attempt.reason}; looking where it stands`);
      await pauseBeforeRetry(preparation, tries, attempt, 'UpdateFunctionCode');
    }
    const isBelieved = clock.now() >= believeAt;
    const state = await waitUntilFree(preparation, note);
    if (isBelieved || isIn(state)) {
      return state;
    }
  }
}

/**
 * Whether an update whose answer got lost took place. Where the function held the same tag before, a new revision may be
 * anybody's change of its configuration, so only other code proves it; else it is sent again, which changes nothing more.
 */
function isApplied(
  before: FunctionState,
  now: FunctionState,
  refusal: DeployError | undefined,
  outcome: FunctionOutcome,
): boolean {
  const code = resolvedCode(outcome);
  const { expectedSha256 } = outcome;
  const hasNewCode = now.codeSha256 !== before.codeSha256;
  if (code.kind === 's3') {
    // Nobody told us the hash of that package.
    return hasNewCode;
  }
  if (refusal?.code === 'conflict' && now.codeSha256 === expectedSha256) {
    // Our revision-id was used up, and by nobody else: the function holds what we sent.
    return true;
  }
  const isOurCode = (state: FunctionState) => holds(state, code, expectedSha256);
  const hasMoved = hasNewCode || now.revisionId !== before.revisionId;
  return hasMoved && isOurCode(now) && (hasNewCode || !isOurCode(before));
}

/** Waits until the update has ended and proves that it ended well, with the code that was asked for. */
export async function confirmUpdate(
  { world, outcome, deadline }: Preparation,
  { before, sent }: SentUpdate,
  note: Note,
): Promise<FunctionState> {
  const { name, plan } = outcome;
  const isFresh = freshness(before, sent, world.clock);
  const waited = await world.lambda.waitForUpdate(plan.ref.text, {
    isOver: (state) => isFresh(state) && !isBusy(state) && isSettled(state),
    onState: changes(statusText, note),
    deadline,
  });
  if (waited.kind === 'timed-out') {
    const status = waited.last ? statusText(waited.last) : waited.reason;
    throw new DeployError(
      'timed-out',
      `The update of function ${name} had not ended in time, its last status was "${plain(status)}".`,
      {
        hint: 'It goes on without this run: run it again to complete the release, and raise update-timeout if updates take that long.',
      },
    );
  }
  const state = waited.last;
  const hasFailed = state.lastUpdateStatus === 'Failed' || state.state === 'Failed';
  // Of somebody else's update that failed, nothing follows about ours.
  const isOthers = sent.codeSha256 !== '' && ![before, sent].some((one) => one.codeSha256 === state.codeSha256);
  if (hasFailed && !isOthers) {
    throw updateFailure(name, state);
  }
  if (hasFailed || !isOurs(state, { before, sent }, outcome)) {
    throw new DeployError(
      'conflict',
      `Function ${name} holds other code than this run deployed: ${plain(state.imageUri || 'a package')} with the SHA-256 ${plain(state.codeSha256)}, instead of ${sourceText(plan.source)}.`,
      { hint: 'Somebody else deployed at the same time. Give the workflow a concurrency group, then run it again.' },
    );
  }
  return state;
}

function isSettled({ state, lastUpdateStatus }: FunctionState): boolean {
  return state === 'Failed' || lastUpdateStatus === 'Successful' || lastUpdateStatus === 'Failed';
}

/** How long a read may be behind the update that was just answered. */
const lagMs = 900;

/**
 * Tells a read of the function after our update from one that is behind it and shows an end that is not ours. Proof is
 * the new code, our revision, or an update seen in progress; where nothing proves it, as with the same code again, reads
 * are believed after a while. What still shows the revision from before is never believed.
 */
function freshness(before: FunctionState, sent: FunctionState, clock: Clock): (state: FunctionState) => boolean {
  const believeAt = clock.now() + lagMs;
  const tellsNewCode = sent.codeSha256 !== '' && sent.codeSha256 !== before.codeSha256;
  const tellsNewRevision = sent.revisionId !== '' && sent.revisionId !== before.revisionId;
  let wasBusy = false;
  return (state) => {
    wasBusy ||= isBusy(state);
    if (tellsNewRevision && state.revisionId === before.revisionId) {
      return false;
    }
    const hasNewCode = tellsNewCode ? state.codeSha256 === sent.codeSha256 : state.codeSha256 !== before.codeSha256;
    const hasOurRevision = tellsNewRevision && state.revisionId === sent.revisionId;
    return hasNewCode || hasOurRevision || wasBusy || clock.now() > believeAt;
  };
}

/** What Lambda said when it took the update proves most; a tag proves little, it may have been moved and deployed again. */
function isOurs(state: FunctionState, { before, sent }: SentUpdate, outcome: FunctionOutcome): boolean {
  if (sent.codeSha256 !== '' && sent.codeSha256 !== before.codeSha256) {
    return state.codeSha256 === sent.codeSha256;
  }
  const canTell = outcome.expectedSha256 !== undefined || state.imageUri !== '';
  return !canTell || holds(state, resolvedCode(outcome), outcome.expectedSha256);
}

function updateFailure(name: string, state: FunctionState): DeployError {
  const [code, reason] =
    state.lastUpdateStatus === 'Failed'
      ? [state.lastUpdateStatusReasonCode, state.lastUpdateStatusReason]
      : [state.stateReasonCode, state.stateReason];
  return new DeployError(
    'update-failed',
    `The update of function ${name} ended as Failed: ${plain(code || 'no reason given')}${reason ? ` (${plain(reason)})` : ''}.`,
    { hint: reasonHint(code) },
  );
}
