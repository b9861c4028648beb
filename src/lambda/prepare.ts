import type { FunctionState } from '../world.ts';
import { isUpToDate } from './code.ts';
import { type Preparation, readFunction, waitUntilFree } from './preparation.ts';
import { type Listing, listVersions, previousVersion } from './previous-version.ts';
import { confirmVersion, lookAtPublished, numberedVersion, publishVersion, republishedVersion } from './publish.ts';
import { isBusy } from './state.ts';
import { isManaged, latestPublished, servesLatestPublished } from './traits.ts';
import { confirmUpdate, updateCode } from './update.ts';
import { warmUp } from './warm-up.ts';

const longestBelievedMs = 5000;

/** Brings one function from what it is to code that serves and, if asked for, is published and Active. */
export async function prepareFunction(preparation: Preparation): Promise<void> {
  const { world, timeline, outcome } = preparation;
  const { name, plan, before } = outcome;
  // What was seen long ago, before a build for example, says little about now.
  const isOld = world.clock.now() - outcome.seenAt > longestBelievedMs;
  const free =
    before === undefined || isBusy(before) || isOld
      ? await timeline.step(name, 'wait for the earlier update', (note) => waitUntilFree(preparation, note))
      : before;
  const isNew = !isUpToDate(free, outcome.expectedSha256, plan.architecture);
  const sent = isNew
    ? await timeline.step(name, 'update code', (note) => updateCode(preparation, free, note))
    : undefined;
  // Not what it was when it was looked at: somebody else may have deployed meanwhile.
  outcome.before = sent?.before ?? free;
  // Beside the wait, so that it costs no time.
  const listing = plan.version && listVersions(outcome, world);
  if (sent !== undefined) {
    outcome.after = await timeline.step(name, 'wait for the update', (note) => confirmUpdate(preparation, sent, note));
  } else {
    world.log.line(`${name}: holds this code already, nothing to update`);
    outcome.after = free;
    // Nobody waits for new code here, and only this list tells whether the version is new.
    await listing?.done;
  }
  outcome.stage = 'updated';
  const started = { ...preparation, deadline: preparation.deadline + (isManaged(outcome.after) ? plan.startUpMs : 0) };
  if (servesLatestPublished(outcome, outcome.after)) {
    await republish(started, outcome.after, listing);
  } else if (listing !== undefined) {
    await publish(started, outcome.after, listing);
  }
  const { warmUp: plannedWarmUp } = plan;
  if (plannedWarmUp !== undefined) {
    // An origin that calls no alias is served by $LATEST, which has execution environments of its own.
    const isNamed = plan.alias !== '' || outcome.version === latestPublished;
    const qualifier = isNamed ? outcome.version : '$LATEST';
    outcome.warmUp = await timeline.step(name, 'warm up', (note) => warmUp(started, qualifier, plannedWarmUp, note));
  }
  outcome.stage = 'ready';
}

async function publishCode(preparation: Preparation, updated: FunctionState): Promise<FunctionState> {
  const { timeline, outcome } = preparation;
  const { name, plan } = outcome;
  const request = {
    codeSha256: updated.codeSha256,
    description: plan.version?.description,
    isLatestPublished: servesLatestPublished(outcome, updated),
  };
  const published = await timeline.step(name, 'publish version', (note) => publishVersion(preparation, request, note));
  outcome.left = plan.alias === '' ? lookAfterPublishing(preparation) : undefined;
  return published;
}

/** Publishing gives the function another revision. For a way back that may never be needed, so nobody waits for it. */
async function lookAfterPublishing(preparation: Preparation): Promise<FunctionState | undefined> {
  try {
    return await readFunction(preparation, () => undefined);
  } catch {
    return undefined;
  }
}

/** Also for code that was there before: its version may be missing, or not be Active yet, after a run broken off. */
async function publish(preparation: Preparation, updated: FunctionState, listing: Listing): Promise<void> {
  const { timeline, outcome } = preparation;
  const { name, before } = outcome;
  const isListedBefore = listing.versions !== undefined;
  const published = await publishCode(preparation, updated);
  const { version } = published;
  outcome.version = version;
  outcome.stage = 'published';
  await timeline.step(name, `wait for version ${version}`, (note) =>
    confirmVersion(preparation, numberedVersion(published), note),
  );
  const hasNewCode = updated.codeSha256 !== before?.codeSha256;
  outcome.previousVersion = previousVersion(listing.versions, { version, hasNewCode, isListedBefore });
}

/** What served before is not what $LATEST had, but what was published of it last. */
async function republish(
  preparation: Preparation,
  updated: FunctionState,
  listing: Listing | undefined,
): Promise<void> {
  const { timeline, outcome } = preparation;
  const { name } = outcome;
  const earlier = await lookAtPublished(preparation);
  outcome.before = {
    ...(earlier ?? updated),
    arn: updated.arn,
    ...(earlier === undefined && { codeSha256: '', imageUri: '', resolvedImageUri: '' }),
  };
  const published = await publishCode(preparation, updated);
  outcome.version = latestPublished;
  outcome.stage = 'published';
  await timeline.step(name, `wait for ${latestPublished}`, (note) =>
    confirmVersion(preparation, republishedVersion(published, earlier, updated.codeSha256), note),
  );
  outcome.previousVersion = previousVersion(listing?.versions, { version: '', hasNewCode: true, isListedBefore: true });
}
