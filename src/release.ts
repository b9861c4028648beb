import { followsLatest } from './alias/pin.ts';
import { confirmLive, lookAtAlarmsAgain, lookAtRollout, pinAll, switchAll } from './alias/rollout.ts';
import { versionsOf } from './alias/target.ts';
import { createAlarmWatch } from './alias/watch-alarms.ts';
import { deleteStaleAssets, notDeletedYet } from './assets/delete-stale.ts';
import { lookAtAssets } from './assets/look.ts';
import { placeOf, toDelete } from './assets/outcome.ts';
import { uploadAssets } from './assets/upload.ts';
import { clearCaches, lookAtCaches, partlyInvalidated, regenerateCaches } from './cloudfront/caches.ts';
import { toDeployError } from './errors.ts';
import { buildImage, choosePlatform, getsBuiltImage } from './image/build.ts';
import { isUpToDate } from './lambda/code.ts';
import { createWayBack } from './lambda/going-back.ts';
import { checkUpdate, lookAtFunction } from './lambda/look.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { pruneVersions } from './lambda/prune.ts';
import { createCodeResolver, refuseOtherPlatform } from './lambda/resolve-code.ts';
import { assetsChanged, emptyOutcome, type FunctionOutcome, isKnownUnchanged, type Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';
import { notFetched } from './regenerate/failures.ts';
import type { Releasing } from './releasing.ts';
import { rollBack, rollBackAfterCancel } from './rollback.ts';
import { count, sideBySide } from './side-by-side.ts';
import { startTimeline } from './timeline.ts';
import type { Run, World } from './world.ts';

/**
 * Looks at everything, makes every function ready, and only then switches over and clears the caches. Never throws: what
 * went wrong stands in the outcome, beside what had been done by then.
 */
export async function release(plan: Plan, run: Run, world: World): Promise<Outcome> {
  const timeline = startTimeline(world.log, world.clock);
  const outcome = emptyOutcome(plan);
  const deadline = world.clock.now() + plan.updateTimeoutMs;
  const alarms = createAlarmWatch(world, plan.rollout);
  const releasing = { plan, run, world, timeline, outcome, alarms, deadline };
  try {
    if (await goOut(releasing)) {
      await tidyUp(releasing);
    }
  } catch (error) {
    outcome.error = toDeployError(error);
  }
  outcome.steps = timeline.steps;
  outcome.totalMs = timeline.elapsedMs();
  return outcome;
}

/** True when the release is out and seen to be; a cancel that comes later than that takes nothing back. */
async function goOut(releasing: Releasing): Promise<boolean> {
  let isOut = false;
  try {
    isOut = await runSteps(releasing);
    return isOut;
  } finally {
    if (!isOut && releasing.world.cancelled.aborted && releasing.plan.rollout.rollback) {
      await rollBackAfterCancel(releasing);
    }
  }
}

async function runSteps(releasing: Releasing): Promise<boolean> {
  const { plan, world } = releasing;
  // Before anything changes: a wrong name or a missing permission must not leave half a release behind.
  const areThere = await world.log.group('Look', () => lookAtEverything(releasing));
  if (!areThere || plan.dryRun) {
    return false;
  }
  const isReleased =
    (await build(releasing)) &&
    // A page must never name a file that is not there yet.
    (await upload(releasing)) &&
    // An alias on $LATEST would serve the new code before anything about it is proven.
    (await pin(releasing)) &&
    (await prepare(releasing)) &&
    // The cache is never cleared while old code can still answer: it would fill with old pages again, and they stay.
    (await goLive(releasing)) &&
    (await clear(releasing)) &&
    (await regenerate(releasing));
  if (!isReleased) {
    if (plan.rollout.rollback && !world.cancelled.aborted) {
      await rollBack(releasing);
    }
    return false;
  }
  // What others have put in its place since is theirs: it is reported, and nothing is rolled back.
  return confirmLive(releasing);
}

async function tidyUp(releasing: Releasing): Promise<void> {
  // An old page in the cache must not lose its files, so not before it is cleared.
  await deleteStale(releasing);
  await prune(releasing);
  await lookAtAlarmsAgain(releasing);
  await confirmLive(releasing);
}

/**
 * The functions first, because the first request should leave before the code of the other clients is loaded; then all
 * else side by side, so that one run tells everything that is wrong.
 */
async function lookAtEverything(releasing: Releasing): Promise<boolean> {
  const { plan, world, timeline, outcome, deadline } = releasing;
  const areThere = await sideBySide(outcome.functions, world.log, (one) =>
    lookAtFunction(one, world, timeline, deadline),
  );
  const isBuildable = !areThere || (await chooseBuildPlatform(releasing));
  const resolveCode = createCodeResolver(world, outcome.warnings);
  // Of an image that is not built yet, nothing can be known.
  const known = outcome.functions.filter((one) => one.error === undefined && !getsBuiltImage(one));
  const [areFitting, areSwitchable, areClearable, noWaysBack] = await Promise.all([
    sideBySide(known, world.log, async (one) => {
      refuseOtherPlatform(one, await resolveCode(one, deadline));
      if (plan.dryRun) {
        await checkUpdate(one, world, timeline, deadline);
      }
    }),
    areThere && lookAtRollout(releasing),
    lookAtAssetsAndCaches(releasing),
    areThere ? findNoWaysBack(releasing) : [],
  ]);
  for (const { warning } of noWaysBack.filter(({ one }) => !isToStay(one))) {
    world.log.line(warning.message);
    outcome.warnings.push(warning);
  }
  return areThere && isBuildable && areFitting && areSwitchable && areClearable;
}

/** Where a release that fails could not be rolled back; a dry run changes nothing that would have to be. */
async function findNoWaysBack({ plan, world, outcome, deadline }: Releasing) {
  const wayBack = createWayBack(world, deadline);
  const asked = plan.rollout.rollback && !plan.dryRun ? outcome.functions : [];
  const found = await Promise.all(asked.map(async (one) => ({ one, warning: await wayBack(one) })));
  return found.flatMap(({ one, warning }) => (warning === undefined ? [] : [{ one, warning }]));
}

/** What has the code already gets no update that would have to be rolled back. */
function isToStay({ before, expectedSha256, plan }: FunctionOutcome): boolean {
  return before !== undefined && isUpToDate(before, expectedSha256, plan.architecture);
}

/** Which assets change decides what is to be cleared. */
async function lookAtAssetsAndCaches(releasing: Releasing): Promise<boolean> {
  const { plan, world, timeline, outcome, deadline } = releasing;
  const { assets } = outcome;
  const { assets: request, clearing } = plan;
  const areThere =
    assets === undefined ||
    request === undefined ||
    (await sideBySide([assets], world.log, async () => {
      assets.plan = await lookAtAssets(request, world, timeline, deadline);
    }));
  const areClearable = clearing === undefined || (await lookAtCaches(releasing, clearing));
  return areThere && areClearable;
}

async function chooseBuildPlatform({ world, outcome }: Releasing): Promise<boolean> {
  const { build, functions } = outcome;
  return (
    build === undefined ||
    (await sideBySide([build], world.log, async () => {
      build.platform = choosePlatform(build.plan.platform, functions.filter(getsBuiltImage));
    }))
  );
}

async function build(releasing: Releasing): Promise<boolean> {
  const { world, timeline, outcome } = releasing;
  const { build: building, functions } = outcome;
  if (building === undefined) {
    return true;
  }
  const began = world.clock.now();
  const isBuilt = await world.log.group(`Build ${building.plan.image.text}`, () =>
    sideBySide([building], world.log, () => buildImage(building, functions.filter(getsBuiltImage), world, timeline)),
  );
  // A build takes as long as it takes; that is not the time of the update.
  releasing.deadline += world.clock.now() - began;
  return isBuilt;
}

async function upload(releasing: Releasing): Promise<boolean> {
  const { plan, world, timeline, outcome } = releasing;
  const { assets } = outcome;
  const { plan: planned } = assets ?? {};
  if (assets === undefined || planned === undefined) {
    return true;
  }
  const began = world.clock.now();
  const isUploaded = await world.log.group(`Upload assets to ${placeOf(assets)}`, () =>
    sideBySide([assets], world.log, () => uploadAssets(planned, assets, world, timeline, began + plan.updateTimeoutMs)),
  );
  releasing.deadline += world.clock.now() - began;
  return isUploaded;
}

/** The release is out by now, so what cannot be deleted is only told. */
async function deleteStale({ plan, world, timeline, outcome }: Releasing): Promise<void> {
  const { assets } = outcome;
  const { plan: planned } = assets ?? {};
  if (assets === undefined || planned === undefined) {
    return;
  }
  const unseen = outcome.distributions.find(({ invalidations }) =>
    invalidations.some(({ status }) => status !== 'Completed'),
  );
  if (toDelete(planned) > 0 && unseen !== undefined) {
    const warning = notDeletedYet(planned, unseen.id);
    world.log.line(warning.message);
    outcome.warnings.push(warning);
    return;
  }
  try {
    await deleteStaleAssets(planned, assets, world, timeline, world.clock.now() + plan.updateTimeoutMs);
  } catch (error) {
    outcome.warnings.push(toDeployError(error));
  }
}

async function prepare({ world, timeline, outcome, deadline }: Releasing): Promise<boolean> {
  const { functions } = outcome;
  return (
    functions.length === 0 ||
    world.log.group(`Update ${count(functions, 'function')}`, () =>
      sideBySide(functions, world.log, (one) => prepareFunction({ world, timeline, outcome: one, deadline })),
    )
  );
}

async function pin(releasing: Releasing): Promise<boolean> {
  const following = releasing.outcome.functions.filter(({ alias }) => followsLatest(alias));
  return (
    following.length === 0 ||
    releasing.world.log.group(`Pin ${count(following, 'alias', 'aliases')}`, () => pinAll(releasing, following))
  );
}

async function goLive(releasing: Releasing): Promise<boolean> {
  const { plan, world, outcome } = releasing;
  const isNeeded = outcome.functions.some(({ alias }) => alias !== undefined) || plan.rollout.bakeMs > 0;
  return !isNeeded || world.log.group('Switch', () => switchAll(releasing));
}

async function clear(releasing: Releasing): Promise<boolean> {
  const { plan, world, outcome } = releasing;
  const { clearing } = plan;
  if (clearing === undefined || outcome.paths === undefined) {
    return true;
  }
  const { items } = outcome.paths;
  const reason = reasonNotToClear(releasing);
  if (reason !== undefined) {
    world.log.line(`nothing to clear, ${reason}${outcome.regeneration ? '; no page is fetched either' : ''}`);
    return true;
  }
  const isCleared = await world.log.group(`Clear ${count(outcome.distributions, 'distribution')}`, () =>
    clearCaches(releasing, clearing, items),
  );
  outcome.error ??= partlyInvalidated(outcome.distributions);
  return isCleared;
}

function reasonNotToClear({ plan, outcome }: Releasing): string | undefined {
  if (outcome.paths?.items.length === 0) {
    return plan.clearing?.changedFiles.length === 0 && !plan.clearing.clearsAssets
      ? 'paths-file lists no path'
      : 'no changed file shows in a path';
  }
  const { plan: assets } = outcome.assets ?? {};
  const changesAssets = assetsChanged(outcome) > 0 || (assets !== undefined && toDelete(assets) > 0);
  return plan.clearing?.onlyChanged && outcome.functions.every(isKnownUnchanged) && !changesAssets
    ? 'nothing changed'
    : undefined;
}

async function regenerate(releasing: Releasing): Promise<boolean> {
  const { plan, world, outcome } = releasing;
  const { paths, regeneration, distributions } = outcome;
  const { clearing } = plan;
  const isCleared = distributions.every(({ invalidations }) => invalidations.length > 0);
  if (clearing === undefined || paths === undefined || regeneration === undefined || !isCleared) {
    return true;
  }
  const unseen = distributions.find(({ warning }) => warning !== undefined);
  if (unseen?.warning !== undefined) {
    // What is fetched before the old pages are gone fills the cache with them again.
    regeneration.warning = notFetched(unseen.id, unseen.warning);
    world.log.line(regeneration.warning.message);
    return true;
  }
  return world.log.group('Regenerate', () => regenerateCaches(releasing, clearing, paths, regeneration));
}

async function prune({ plan, world, outcome }: Releasing): Promise<void> {
  const { keepVersions } = plan.rollout;
  if (keepVersions === 0) {
    return;
  }
  const deadline = world.clock.now() + plan.updateTimeoutMs;
  const warnings = await Promise.all(
    outcome.functions.map(({ name, plan: { ref }, before, version, previousVersion = '', alias }) =>
      pruneVersions({
        world,
        name,
        functionName: ref.text,
        isDurable: before?.traits.executionTimeout !== undefined,
        keep: keepVersions,
        own: version,
        inUse: [previousVersion, ...(alias?.before ? versionsOf(alias.before) : [])],
        deadline,
      }),
    ),
  );
  outcome.warnings.push(...warnings.flat());
}
