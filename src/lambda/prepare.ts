import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import { backoffMs, outOfTime, pause } from '../retry.ts';
import type { Note, Timeline } from '../timeline.ts';
import type { Attempt, FunctionState, World } from '../world.ts';
import { holds, isBusy, reasonHint, statusText } from './state.ts';

/** What the steps of preparing one function share. */
export interface Preparation {
  world: World;
  timeline: Timeline;
  outcome: FunctionOutcome;
  /** In milliseconds of `performance.now()`. */
  deadline: number;
}

/** Brings one function from what it is to new code that serves and, if asked for, is published and Active. */
export async function prepareFunction(preparation: Preparation): Promise<void> {
  const { timeline, outcome } = preparation;
  const { name, plan, before } = outcome;
  const free =
    before === undefined || isBusy(before)
      ? await timeline.step(name, 'wait for the earlier update', (note) => waitUntilFree(preparation, note))
      : before;
  outcome.before = free;
  const sent = await timeline.step(name, 'update code', (note) => updateCode(preparation, free, note));
  // While the update is under way, so that it costs no time.
  const previousVersion = plan.version && newestVersion(preparation);
  const updated = await timeline.step(name, 'wait for the update', (note) => confirmUpdate(preparation, sent, note));
  outcome.after = updated;
  outcome.stage = 'updated';
  if (plan.version !== undefined) {
    outcome.previousVersion = await previousVersion;
    const version = await timeline.step(name, 'publish version', (note) => publishVersion(preparation, updated, note));
    outcome.version = version;
    outcome.stage = 'published';
    await timeline.step(name, `wait for version ${version}`, (note) => confirmVersion(preparation, version, note));
  }
  outcome.stage = 'ready';
}

/** Waits for the update of somebody else; how it ends does not matter, since this one replaces it. */
async function waitUntilFree({ world, outcome: { plan }, deadline }: Preparation, note: Note): Promise<FunctionState> {
  const waited = await world.lambda.waitForUpdate(plan.ref.text, {
    isOver: (state) => !isBusy(state),
    onState: changes(statusText, note),
    deadline,
  });
  if (waited.kind === 'timed-out') {
    throw stillBusy(plan.ref.name, waited.last ? statusText(waited.last) : waited.reason);
  }
  return waited.last;
}

/** An update that is in, and the function as it was right before. */
interface SentUpdate {
  before: FunctionState;
  sent: FunctionState;
}

/**
 * Sends the update until it is in, exactly once as far as that can be seen: after an answer that got lost it reads back
 * before it sends again. A 409 means that somebody else is deploying; theirs ends, then ours is sent.
 */
async function updateCode(preparation: Preparation, free: FunctionState, note: Note): Promise<SentUpdate> {
  const { world, outcome, deadline } = preparation;
  const { plan } = outcome;
  const change = { imageUri: plan.image.text, architecture: plan.architecture, revisionId: plan.revisionId };
  let before = free;
  let maybeApplied = false;
  for (let tries = 0; ; tries += 1) {
    // Before the call: a cancel in the middle of it must not report the function as untouched.
    outcome.stage = 'update-sent';
    const attempt = await world.lambda.updateCode(plan.ref.text, change, deadline);
    if (attempt.kind === 'answered') {
      note(`accepted ${plan.image.text}`);
      return { before, sent: attempt.value };
    }
    maybeApplied ||= attempt.kind === 'unanswered';
    outcome.stage = maybeApplied ? 'update-sent' : 'untouched';
    const refusal = attempt.kind === 'refused' ? attempt.error : undefined;
    // After a lost answer even a refusal may be our own doing: a revision that moved was moved by our update.
    if (refusal && !maybeApplied) {
      throw refusal;
    }
    const now = await lookAgain(preparation, attempt, tries, note);
    if (maybeApplied && isApplied(before, now, change.imageUri)) {
      note('the update is in');
      return { before, sent: now };
    }
    if (refusal) {
      throw refusal;
    }
    before = now;
  }
}

async function lookAgain(
  preparation: Preparation,
  attempt: Attempt<FunctionState>,
  tries: number,
  note: Note,
): Promise<FunctionState> {
  if (attempt.kind === 'busy' || attempt.kind === 'unanswered') {
    note(`update not confirmed, ${attempt.reason}; looking where it stands`);
    await pauseBeforeRetry(preparation, tries, attempt, 'UpdateFunctionCode');
  }
  return waitUntilFree(preparation, note);
}

/**
 * Whether an update whose answer got lost took place. Where the function held the same tag before, a new revision may be
 * anybody's change of its configuration, so only other code proves it; else it is sent again, which changes nothing more.
 */
function isApplied(before: FunctionState, now: FunctionState, imageUri: string): boolean {
  const moved = now.revisionId !== before.revisionId || now.codeSha256 !== before.codeSha256;
  return moved && holds(now, imageUri) && (now.codeSha256 !== before.codeSha256 || !holds(before, imageUri));
}

/** Waits until the update has ended and proves that it ended well, with the code that was asked for. */
async function confirmUpdate(
  { world, outcome: { plan }, deadline }: Preparation,
  { before, sent }: SentUpdate,
  note: Note,
): Promise<FunctionState> {
  // A read that is older than our own update still shows the revision from before it.
  const isStale = (state: FunctionState) =>
    state.revisionId !== '' && state.revisionId === before.revisionId && sent.revisionId !== before.revisionId;
  const waited = await world.lambda.waitForUpdate(plan.ref.text, {
    isOver: (state) =>
      !isStale(state) &&
      !isBusy(state) &&
      (state.state === 'Failed' || ['Successful', 'Failed'].includes(state.lastUpdateStatus)),
    onState: changes(statusText, note),
    deadline,
  });
  if (waited.kind === 'timed-out') {
    const status = waited.last ? statusText(waited.last) : waited.reason;
    throw new DeployError(
      'timed-out',
      `The update of function ${plan.ref.name} had not ended in time, its last status was "${plain(status)}".`,
      {
        hint: 'It goes on without this run: run it again to complete the release, and raise update-timeout if updates take that long.',
      },
    );
  }
  const state = waited.last;
  if (state.lastUpdateStatus === 'Failed' || state.state === 'Failed') {
    throw updateFailure(plan.ref.name, state);
  }
  const isOurs = state.imageUri === '' ? state.codeSha256 === sent.codeSha256 : holds(state, plan.image.text);
  if (!isOurs) {
    throw new DeployError(
      'conflict',
      `Function ${plan.ref.name} holds other code than this run deployed: ${plain(state.imageUri || state.codeSha256)} instead of ${plan.image.text}.`,
      { hint: 'Somebody else deployed at the same time. Give the workflow a concurrency group, then run it again.' },
    );
  }
  return state;
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

/** Publishing the same code twice gives the same version, so it is repeated until it is answered. */
async function publishVersion(preparation: Preparation, updated: FunctionState, note: Note): Promise<string> {
  const { world, outcome, deadline } = preparation;
  const { plan } = outcome;
  for (let tries = 0; ; tries += 1) {
    const attempt = await world.lambda.publishVersion(
      plan.ref.text,
      { codeSha256: updated.codeSha256, description: plan.version?.description },
      deadline,
    );
    if (attempt.kind === 'answered') {
      note(`published version ${attempt.value.version}`);
      return attempt.value.version;
    }
    if (attempt.kind === 'refused') {
      throw attempt.error;
    }
    note(`not published yet, ${attempt.reason}`);
    await pauseBeforeRetry(preparation, tries, attempt, 'PublishVersion');
    if (attempt.kind === 'busy') {
      await waitUntilFree(preparation, note);
    }
  }
}

async function confirmVersion(
  { world, outcome: { plan }, deadline }: Preparation,
  version: string,
  note: Note,
): Promise<void> {
  const { name } = plan.ref;
  const waited = await world.lambda.waitForVersion(plan.ref.text, version, {
    isOver: ({ state }) => endStates.has(state),
    onState: changes(({ state }) => `version ${version} ${state || 'unknown'}`, note),
    deadline,
  });
  const state = waited.last?.state || (waited.kind === 'timed-out' ? waited.reason : 'unknown');
  if (waited.kind === 'timed-out') {
    throw new DeployError(
      'timed-out',
      `Version ${version} of function ${name} was not Active in time, its last state was "${plain(state)}".`,
      {
        hint: 'It goes on without this run: run it again to complete the release, and raise update-timeout if versions take that long.',
      },
    );
  }
  if (state !== 'Active') {
    const { stateReasonCode: code, stateReason: reason } = waited.last;
    throw new DeployError(
      'version-failed',
      `Version ${version} of function ${name} is ${plain(state)}: ${plain(code || 'no reason given')}${reason ? ` (${plain(reason)})` : ''}.`,
      { hint: `${reasonHint(code)} A version stays as it is, and the same code gets no other: deploy a new build.` },
    );
  }
}

/** States a version does not leave by itself. Others, also those nobody has heard of yet, are waited out. */
const endStates: ReadonlySet<string> = new Set([
  'Active',
  'Failed',
  'Inactive',
  'Deactivated',
  'ActiveNonInvocable',
  'Deleting',
]);

/** For the report only: without the permission to list versions, or without an answer, it stays unknown. */
async function newestVersion({ world, outcome, deadline }: Preparation): Promise<string | undefined> {
  const { name, plan } = outcome;
  try {
    const patience = Math.min(deadline, performance.now() + 10_000);
    const attempt = await world.lambda.newestVersion(plan.ref.text, patience);
    if (attempt.kind === 'answered') {
      return attempt.value ?? '';
    }
    const reason = attempt.kind === 'refused' ? attempt.error.message : attempt.reason;
    world.log.line(`${name}: previous-version stays empty, the versions could not be listed (${reason})`);
    return undefined;
  } catch {
    // Cancelled: whoever waits for this hears of it elsewhere.
    return undefined;
  }
}

async function pauseBeforeRetry(
  { world, outcome: { plan }, deadline }: Preparation,
  tries: number,
  attempt: Unfinished,
  action: string,
): Promise<void> {
  const left = deadline - performance.now();
  if (left <= 0) {
    throw attempt.kind === 'busy'
      ? stillBusy(plan.ref.name, attempt.reason)
      : outOfTime(`${action} for ${plan.ref.name}`, attempt.reason);
  }
  const retryAfterMs = attempt.kind === 'unanswered' ? attempt.retryAfterMs : 0;
  await pause(Math.min(left, Math.max(retryAfterMs, backoffMs(tries, 200, 5000))), world.cancelled);
}

type Unfinished = Extract<Attempt<unknown>, { kind: 'busy' | 'unanswered' }>;

function stillBusy(name: string, status: string): DeployError {
  return new DeployError('busy', `Function ${name} was not free in time, its last status was "${plain(status)}".`, {
    hint: 'Another deployment or configuration change holds it; run this again when that has ended, or raise update-timeout.',
  });
}

/** Passes on what is new. */
function changes<T>(show: (state: T) => string, note: Note): (state: T) => void {
  let last = '';
  return (state) => {
    const text = show(state);
    if (text !== last) {
      last = text;
      note(text);
    }
  };
}
