import { DeployError } from '../errors.ts';
import { type Preparation, readFunction, waitUntilFree } from '../lambda/preparation.ts';
import { confirmVersion, numberedVersion, publishVersion } from '../lambda/publish.ts';
import { backoffMs } from '../retry.ts';
import type { Note } from '../timeline.ts';
import type { FunctionState } from '../world.ts';
import { type AliasOutcome, type AliasWork, moveAlias } from './alias.ts';
import { refuseNewerRun } from './run-order.ts';

/** An alias on $LATEST follows every update of the code at once, before anything about the new code is proven. */
export function followsLatest(alias: AliasOutcome | undefined): boolean {
  return alias?.before?.version === '$LATEST';
}

/**
 * Gives an alias on $LATEST a version of the code that it serves, before that code is updated: only then can the new code
 * be warmed up, shifted to and rolled back. Published under the CodeSha256 and the revision of what was just read, so the
 * version is what serves (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
 *
 * @returns what people have to know about it.
 */
export async function pinAlias(preparation: Preparation, work: AliasWork): Promise<DeployError | undefined> {
  const { outcome: alias, note } = work;
  const { version, state, isPinned } = await pinToWhatServes(preparation, work);
  // To what comes now, this is how everything was before.
  Object.assign(alias, { before: alias.now, isMoved: false, sent: undefined, pinned: isPinned ? version : '' });
  await lookAfterPin(preparation, state, note);
  return isPinned ? nowFixed(preparation.outcome.name, alias) : undefined;
}

const latest = { version: '$LATEST', weights: {} };
const mostRounds = 5;

/**
 * No call moves an alias on the condition that the function still has some code. So the function is read before the move
 * and after it: what somebody else deployed in between was live, and must not go out of service by our move.
 */
async function pinToWhatServes(
  preparation: Preparation,
  work: AliasWork,
): Promise<{ version: string; state: FunctionState; isPinned: boolean }> {
  const { outcome: alias, note } = work;
  for (let round = 1; ; round += 1) {
    const { published, state } = await publishWhatServes(preparation, note);
    const { version } = published;
    await confirmVersion(preparation, numberedVersion(published), note);
    // What an alias on $LATEST serves may be the code of a newer run.
    await refuseNewerRun(work, [version]);
    const isStill = async () => (await readFunction(preparation, note)).codeSha256 === state.codeSha256;
    if (await isStill()) {
      const isPinned = await pinTo(version, work);
      if (!isPinned || (await isStill())) {
        return { version, state, isPinned };
      }
      await moveAlias(work, () => latest, { isGoingBack: true });
    }
    if (round === mostRounds) {
      throw overtaken(preparation.outcome.name, alias);
    }
    note('somebody else has deployed meanwhile, starting again with what serves now');
  }
}

/** False when somebody else has given it a version meanwhile, be it the same. */
async function pinTo(version: string, work: AliasWork): Promise<boolean> {
  const { outcome: alias } = work;
  try {
    return await moveAlias(work, (before) => (followsLatest(alias) ? { version, weights: {} } : (before ?? latest)));
  } catch (error) {
    // It has the code that serves, whoever pinned it, and going back to $LATEST could take another run's pin away.
    alias.isMoved = false;
    throw error;
  }
}

function overtaken(functionName: string, { name }: AliasOutcome): DeployError {
  return new DeployError(
    'conflict',
    `Alias ${name} of ${functionName} points to $LATEST, and others kept deploying to it while it was to be fixed to a version.`,
    { hint: 'Nothing was updated. Give the workflow a concurrency group, then run it again.' },
  );
}

/** Somebody who changes the function meanwhile changes what serves, so it is read and published again. */
async function publishWhatServes(
  preparation: Preparation,
  note: Note,
): Promise<{ published: FunctionState; state: FunctionState }> {
  const { world, outcome, deadline } = preparation;
  const { version } = outcome.plan;
  const description = version?.description && `pinned by ${version.description}`.slice(0, mostDescription);
  for (let tries = 0; ; tries += 1) {
    const state = await waitUntilFree(preparation, note);
    const { codeSha256, revisionId } = state;
    try {
      const request = { codeSha256, revisionId, description, isLatestPublished: false };
      return { published: await publishVersion(preparation, request, note), state };
    } catch (error) {
      const isChanged = error instanceof DeployError && error.code === 'conflict';
      if (!isChanged || world.clock.now() > deadline) {
        throw error;
      }
      note(`the function was changed meanwhile, reading it again (${error.message})`);
      await world.clock.pause(backoffMs(tries, 500, 5000));
    } finally {
      // Nothing of this run's code is in yet.
      outcome.stage = 'untouched';
    }
  }
}

/** Lambda takes 256 characters. */
const mostDescription = 256;

/** Publishing gives the function another revision, which whoever asked for the one before cannot know. */
async function lookAfterPin(preparation: Preparation, published: FunctionState, note: Note): Promise<void> {
  const { world, outcome } = preparation;
  const state = await readFunction(preparation, note);
  if (outcome.revisionId === published.revisionId && state.codeSha256 === published.codeSha256) {
    outcome.revisionId = state.revisionId;
  }
  outcome.before = state;
  outcome.seenAt = world.clock.now();
}

function nowFixed(functionName: string, { name, pinned }: AliasOutcome): DeployError {
  return new DeployError(
    'unexpected',
    `Alias ${name} of ${functionName} pointed to $LATEST. It is fixed to version ${pinned} now, a version of the code it served before this release.`,
    {
      hint: 'From now on a configuration change reaches the alias only by a new version; callers without the alias still get $LATEST. In Terraform, add function_version of the alias to ignore_changes.',
    },
  );
}
