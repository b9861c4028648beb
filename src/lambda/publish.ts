import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { persist } from '../retry.ts';
import type { Note } from '../timeline.ts';
import type { FunctionState, VersionRequest } from '../world.ts';
import { changes, type Preparation, pauseBeforeRetry, waitUntilFree } from './preparation.ts';
import { reasonHint } from './state.ts';
import { latestPublished } from './traits.ts';

/** Publishing the same code twice gives the same version, so it is repeated until it is answered. */
export async function publishVersion(
  preparation: Preparation,
  version: VersionRequest,
  note: Note,
): Promise<FunctionState> {
  const { world, outcome, deadline } = preparation;
  for (let tries = 0; ; tries += 1) {
    // Before the call: a cancel in the middle of it must not report that nothing was published.
    outcome.stage = 'publish-sent';
    const attempt = await world.lambda.publishVersion(outcome.plan.ref.text, version, deadline);
    if (attempt.kind === 'answered') {
      note(`published version ${attempt.value.version}`);
      return attempt.value;
    }
    if (attempt.kind === 'refused') {
      outcome.stage = 'updated';
      throw attempt.error;
    }
    note(`not published yet, ${attempt.reason}`);
    await pauseBeforeRetry(preparation, tries, attempt, 'PublishVersion');
    if (attempt.kind === 'busy') {
      await waitUntilFree(preparation, note);
    }
  }
}

/** `$LATEST.PUBLISHED` as it is; undefined when nothing was published there yet. */
export async function lookAtPublished({
  world,
  outcome: { name, plan },
  deadline,
}: Preparation): Promise<FunctionState | undefined> {
  try {
    return await persist(() => world.lambda.lookAtVersion(plan.ref.text, latestPublished, deadline), {
      subject: `GetFunction for ${name}:${latestPublished}`,
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: () => undefined,
    });
  } catch (error) {
    if (error instanceof DeployError && error.code === 'not-found') {
      return undefined;
    }
    throw error;
  }
}

/** What a version must show to be the one that was published. */
export interface ExpectedVersion {
  version: string;
  isOver(state: FunctionState): boolean;
}

export async function confirmVersion(
  { world, outcome: { name, plan }, deadline }: Preparation,
  { version, isOver }: ExpectedVersion,
  note: Note,
): Promise<void> {
  const waited = await world.lambda.waitForVersion(plan.ref.text, version, {
    isOver,
    onState: changes((state) => `version ${version} ${versionText(state)}`, note),
    deadline,
  });
  if (waited.kind === 'timed-out') {
    const state = waited.last ? versionText(waited.last) : waited.reason;
    throw new DeployError(
      'timed-out',
      `Version ${version} of function ${name} was not Active in time, its last state was "${plain(state)}".`,
      {
        hint: 'It goes on without this run: run it again to complete the release, and raise update-timeout if versions take that long.',
      },
    );
  }
  const { state, lastUpdateStatus } = waited.last;
  if (state !== 'Active' || (version === latestPublished && lastUpdateStatus === 'Failed')) {
    throw versionFailure(name, version, waited.last);
  }
}

function versionFailure(name: string, version: string, last: FunctionState): DeployError {
  const [state, code, reason] =
    last.state === 'Active'
      ? ['Failed', last.lastUpdateStatusReasonCode, last.lastUpdateStatusReason]
      : [last.state, last.stateReasonCode, last.stateReason];
  return new DeployError(
    'version-failed',
    `Version ${version} of function ${name} is ${plain(state || 'unknown')}: ${plain(code || 'no reason given')}${reason ? ` (${plain(reason)})` : ''}.`,
    { hint: versionHint(state, code) },
  );
}

/** A version with a number never changes: how it is found is how it is. */
export function numberedVersion({ version }: FunctionState): ExpectedVersion {
  return {
    version,
    // With SnapStart, a version is ready when its snapshot is.
    isOver: ({ state, snapStart }) => endStates.has(state) && !(state === 'Active' && snapStart === 'Off'),
  };
}

/**
 * `$LATEST.PUBLISHED` is published over and over: it is Active with the code from before until the new one serves. An end
 * that is not a good one is believed only when it was not there before.
 */
export function republishedVersion(
  published: FunctionState,
  earlier: FunctionState | undefined,
  codeSha256: string,
): ExpectedVersion {
  const isUnchanged = published.revisionId === earlier?.revisionId;
  return {
    version: latestPublished,
    isOver: (state) => {
      if (state.lastUpdateStatus === 'InProgress') {
        return false;
      }
      const hasFailed = state.lastUpdateStatus === 'Failed' || (endStates.has(state.state) && state.state !== 'Active');
      return hasFailed
        ? isUnchanged || state.revisionId !== earlier?.revisionId
        : state.state === 'Active' && state.codeSha256 === codeSha256;
    },
  };
}

function versionText({ version, state, lastUpdateStatus }: FunctionState): string {
  return version === latestPublished
    ? `${state || 'unknown'}, update ${lastUpdateStatus || 'unknown'}`
    : state || 'unknown';
}

/**
 * States a version does not leave by itself. Others, also those nobody has heard of yet, are waited out; and
 * ActiveNonInvocable, which is how $LATEST of a function on managed instances is when it is well.
 */
const endStates: ReadonlySet<string> = new Set(['Active', 'Failed', 'Inactive', 'Deactivated', 'Deleting']);

function versionHint(state: string, reasonCode: string): string {
  if (state === 'Inactive') {
    return 'It has not been used for weeks: invoke it once, which brings it back, then run this again.';
  }
  if (state === 'Deactivated') {
    return 'Its scaling configuration has no execution environment: raise MinExecutionEnvironments and MaxExecutionEnvironments, then run this again.';
  }
  return `${reasonHint(reasonCode)} A version stays as it is, and the same code gets no other: deploy a new build.`;
}
