import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import type { Note } from '../timeline.ts';
import type { FunctionState } from '../world.ts';
import { changes, type Preparation, pauseBeforeRetry, waitUntilFree } from './preparation.ts';
import { reasonHint } from './state.ts';

/** Publishing the same code twice gives the same version, so it is repeated until it is answered. */
export async function publishVersion(preparation: Preparation, updated: FunctionState, note: Note): Promise<string> {
  const { world, outcome, deadline } = preparation;
  const { plan } = outcome;
  for (let tries = 0; ; tries += 1) {
    // Before the call: a cancel in the middle of it must not report that nothing was published.
    outcome.stage = 'publish-sent';
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

export async function confirmVersion(
  { world, outcome: { plan }, deadline }: Preparation,
  version: string,
  note: Note,
): Promise<void> {
  const { name } = plan.ref;
  const waited = await world.lambda.waitForVersion(plan.ref.text, version, {
    // With SnapStart, a version is ready when its snapshot is.
    isOver: ({ state, snapStart }) => endStates.has(state) && !(state === 'Active' && snapStart === 'Off'),
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
      { hint: versionHint(state, code) },
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

function versionHint(state: string, reasonCode: string): string {
  return state === 'Inactive'
    ? 'It has not been used for weeks: invoke it once, which brings it back, then run this again.'
    : `${reasonHint(reasonCode)} A version stays as it is, and the same code gets no other: deploy a new build.`;
}
