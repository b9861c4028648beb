import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import type { Note } from '../timeline.ts';
import type { FunctionState } from '../world.ts';
import { type Preparation, waitUntilFree } from './preparation.ts';

/** How long a read may be behind. */
const lagMs = 1000;

/**
 * The function, once it is free, if it still is as this run left it; throws a `conflict` when another deployment, or a
 * change of its configuration, came since.
 */
export async function awaitOwnCode(preparation: Preparation, note: Note): Promise<FunctionState> {
  const { world, outcome } = preparation;
  const left = outcome.left === undefined ? outcome.after : await outcome.left;
  const state = await waitUntilFree(preparation, note);
  if (isOfOthers(outcome, state)) {
    throw otherCode(outcome, state);
  }
  if (isOwn(outcome, left, state)) {
    return state;
  }
  // This read may be behind the one before, or that one was behind what this run did.
  await world.clock.pause(lagMs);
  const again = await waitUntilFree(preparation, note);
  if (isOwn(outcome, left, again)) {
    return again;
  }
  throw otherCode(outcome, again);
}

function isOwn(outcome: FunctionOutcome, left: FunctionState | undefined, state: FunctionState): boolean {
  const { before, after, expectedSha256, sentSha256 } = outcome;
  if (after === undefined) {
    // The end of this run's update was not seen, so the revision that it leaves is not known either.
    return [before?.codeSha256, expectedSha256, sentSha256].includes(state.codeSha256);
  }
  // What could not be read after publishing is told by its code alone.
  const isSameRevision = left === undefined || left.revisionId === '' || left.revisionId === state.revisionId;
  return state.codeSha256 === after.codeSha256 && isSameRevision;
}

/** Code that no read can show for being behind; whatever comes after it is another deployment's, be it the same code. */
function isOfOthers(
  { before, after, expectedSha256, sentSha256, error }: FunctionOutcome,
  state: FunctionState,
): boolean {
  const known = [before?.codeSha256, after?.codeSha256, expectedSha256, sentSha256];
  return (after === undefined && error?.code === 'conflict') || !known.includes(state.codeSha256);
}

/**
 * That the function still has the code of this run; for one whose callers meet $LATEST. An update that is in progress shows
 * its code before it serves, so it is waited for.
 */
export async function confirmCode(preparation: Preparation): Promise<void> {
  const { world, outcome } = preparation;
  const { after } = outcome;
  // A log says what changes, and here nothing should.
  const silent = () => undefined;
  const state = await waitUntilFree(preparation, silent);
  if (state.codeSha256 === after?.codeSha256) {
    return;
  }
  await world.clock.pause(lagMs);
  const again = await waitUntilFree(preparation, silent);
  if (again.codeSha256 !== after?.codeSha256) {
    throw otherCode(outcome, again);
  }
}

function otherCode({ name, after, expectedSha256 = '' }: FunctionOutcome, state: FunctionState): DeployError {
  const own = after?.codeSha256 ?? expectedSha256;
  const what =
    state.codeSha256 === own
      ? 'was changed since by somebody else'
      : `holds other code than this run deployed: ${plain(state.resolvedImageUri || state.imageUri || 'a package')} with the SHA-256 ${plain(state.codeSha256, 64)}`;
  return new DeployError('conflict', `Function ${name} ${what}.`, {
    hint: 'It stays as it is. Give the workflow a concurrency group, then run it again.',
  });
}
