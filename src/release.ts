import { randomUUID } from 'node:crypto';
import { callerReference } from './cloudfront/caller-reference.ts';
import { checkCacheTags, checkDistribution } from './cloudfront/check.ts';
import { choosePaths, hasTags } from './cloudfront/choose-paths.ts';
import { type Clearing, clearDistribution } from './cloudfront/clear.ts';
import { costText } from './cloudfront/cost.ts';
import { createMatcher } from './cloudfront/matcher.ts';
import { pathOfPage } from './cloudfront/paths.ts';
import { type PathPlan, planItems } from './cloudfront/planner.ts';
import { type DeployError, toDeployError } from './errors.ts';
import { buildImage, choosePlatform, getsBuiltImage } from './image/build.ts';
import { checkUpdate, lookAtFunction } from './lambda/look.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { createCodeResolver, refuseOtherPlatform } from './lambda/resolve-code.ts';
import {
  type DistributionOutcome,
  emptyOutcome,
  type FunctionOutcome,
  isKnownUnchanged,
  type Outcome,
} from './outcome.ts';
import type { ClearingPlan, Plan } from './plan.ts';
import { notFetched } from './regenerate/failures.ts';
import type { RegenerationOutcome } from './regenerate/outcome.ts';
import { regenerate } from './regenerate/regenerate.ts';
import { startTimeline, type Timeline } from './timeline.ts';
import type { Log, Run, World } from './world.ts';

/**
 * Looks at everything, makes every function ready, and only then clears the caches. Never throws: what went wrong stands
 * in the outcome, beside what had been done by then.
 */
export async function release(plan: Plan, run: Run, world: World): Promise<Outcome> {
  const timeline = startTimeline(world.log);
  const outcome = emptyOutcome(plan);
  try {
    await runSteps(plan, run, world, timeline, outcome);
  } catch (error) {
    outcome.error = toDeployError(error);
  }
  outcome.steps = timeline.steps;
  outcome.totalMs = timeline.elapsedMs();
  return outcome;
}

async function runSteps(plan: Plan, run: Run, world: World, timeline: Timeline, outcome: Outcome): Promise<void> {
  const { build, functions } = outcome;
  let deadline = performance.now() + plan.updateTimeoutMs;

  // Before anything changes: a wrong name or a missing permission must not leave half a release behind.
  const areThere = await world.log.group('Look', () => lookAtEverything(plan, run, world, timeline, outcome, deadline));
  if (!areThere || plan.dryRun) {
    return;
  }

  if (build !== undefined) {
    const began = performance.now();
    const isBuilt = await world.log.group(`Build ${build.plan.image.text}`, () =>
      sideBySide([build], world.log, () => buildImage(build, functions.filter(getsBuiltImage), world, timeline)),
    );
    if (!isBuilt) {
      return;
    }
    // A build takes as long as it takes; that is not the time of the update.
    deadline += performance.now() - began;
  }

  if (functions.length > 0) {
    const areReady = await world.log.group(`Update ${count(functions, 'function')}`, () =>
      sideBySide(functions, world.log, (one) => prepareFunction({ world, timeline, outcome: one, deadline })),
    );
    // The cache is never cleared while old code can still answer: it would fill with old pages again, and they stay.
    if (!areReady) {
      return;
    }
  }

  if (plan.clearing !== undefined) {
    await clearCaches({ plan: plan.clearing, run, world, timeline, outcome });
  }
}

/** Clears what there is to clear, and then fetches the pages. */
async function clearCaches(releasing: Releasing): Promise<void> {
  const { plan, world, outcome } = releasing;
  const { distributions, paths, regeneration } = outcome;
  if (paths === undefined) {
    return;
  }
  const reason = reasonNotToClear(plan, paths, outcome);
  if (reason !== undefined) {
    world.log.line(`nothing to clear, ${reason}${regeneration ? '; no page is fetched either' : ''}`);
    return;
  }
  const areCleared = await world.log.group(`Clear ${count(distributions, 'distribution')}`, () =>
    sideBySide(distributions, world.log, (one) => clearDistribution(toClearing(releasing, one, paths.items), one)),
  );

  if (!areCleared || regeneration === undefined) {
    return;
  }
  const unseen = distributions.find(({ warning }) => warning !== undefined);
  if (unseen?.warning === undefined) {
    await world.log.group('Regenerate', () =>
      sideBySide([regeneration], world.log, () => regeneratePages(releasing, paths, regeneration)),
    );
  } else {
    regeneration.warning = notFetched(unseen.id, unseen.warning);
    world.log.line(regeneration.warning.message);
  }
}

/**
 * The functions first, because the first request should leave before the code of the other clients is loaded; then all
 * else side by side, so that one run tells everything that is wrong.
 */
async function lookAtEverything(
  plan: Plan,
  run: Run,
  world: World,
  timeline: Timeline,
  outcome: Outcome,
  deadline: number,
): Promise<boolean> {
  const { clearing, dryRun } = plan;
  const areThere = await sideBySide(outcome.functions, world.log, (one) =>
    lookAtFunction(one, world, timeline, deadline),
  );
  const { build } = outcome;
  const isBuildable =
    build === undefined ||
    !areThere ||
    (await sideBySide([build], world.log, async () => {
      build.platform = choosePlatform(build.plan.platform, outcome.functions.filter(getsBuiltImage));
    }));
  const resolveCode = createCodeResolver(world);
  // Of an image that is not built yet, nothing can be known.
  const known = outcome.functions.filter((one) => one.error === undefined && !getsBuiltImage(one));
  const [areFitting, areReachable] = await Promise.all([
    sideBySide(known, world.log, async (one) => {
      refuseOtherPlatform(one, await resolveCode(one, deadline));
      if (dryRun) {
        await checkUpdate(one, world, timeline, deadline);
      }
    }),
    clearing === undefined || lookAtClearing({ plan: clearing, run, world, timeline, outcome }, dryRun, deadline),
  ]);
  return areThere && isBuildable && areFitting && areReachable;
}

/** What clearing the caches is done with. */
interface Releasing {
  plan: ClearingPlan;
  run: Run;
  world: World;
  timeline: Timeline;
  outcome: Outcome;
}

async function lookAtClearing(releasing: Releasing, dryRun: boolean, deadline: number): Promise<boolean> {
  const { plan, run, world, outcome } = releasing;
  const paths = await choosePaths(plan, run, world);
  outcome.paths = paths;
  if (paths.items.length > 0) {
    const { length: targets } = outcome.distributions;
    const where = targets === 1 ? '' : ` in each of ${targets} distributions`;
    world.log.line(`to clear: ${count(paths.items, 'path')}${where}, ${costText(paths.items.length, targets)}`);
  }
  return sideBySide(outcome.distributions, world.log, async (one) => {
    // Who does not wait may lack the permission to look.
    if (plan.wait !== 'false' || dryRun) {
      await checkDistribution(one, plan, world, deadline);
    }
    if (hasTags(paths)) {
      await checkCacheTags(one, world, deadline);
    }
  });
}

function reasonNotToClear(clearing: ClearingPlan, paths: PathPlan, { functions }: Outcome): string | undefined {
  if (paths.items.length === 0) {
    return clearing.changedFiles.length > 0 ? 'no changed file shows in a path' : 'paths-file lists no path';
  }
  return clearing.onlyChanged && functions.every(isKnownUnchanged) ? 'nothing changed' : undefined;
}

function toClearing(releasing: Releasing, { id }: DistributionOutcome, items: readonly string[], round = ''): Clearing {
  const { plan, run, world, timeline, outcome } = releasing;
  const released = [...outcome.functions.map(describeReleased), ...(round === '' ? [] : [round])];
  return { world, timeline, plan, items, reference: (part) => callerReference(run, id, part, released) };
}

async function regeneratePages(
  releasing: Releasing,
  paths: PathPlan,
  regeneration: RegenerationOutcome,
): Promise<void> {
  const { plan, world, timeline, outcome } = releasing;
  if (plan.regeneration === undefined) {
    return;
  }
  // A stale page has just been seen, so the old invalidation of an earlier process would not clear it.
  const round = `again ${randomUUID()}`;
  await regenerate({
    world,
    timeline,
    plan: plan.regeneration,
    // Which pages carry a tag is known to CloudFront alone.
    isCleared: hasTags(paths) ? () => true : createMatcher(paths.items),
    clearedAt: Math.min(...outcome.distributions.map(({ sentAt }) => sentAt ?? Number.POSITIVE_INFINITY)),
    clearAgain: async (stale) => {
      const { items } = planItems(stale.map(pathOfPage), plan.maxPaths);
      const sentAt = performance.now();
      // Which of the distributions has the pages is not known here.
      await Promise.all(
        outcome.distributions.map((one) => clearDistribution(toClearing(releasing, one, items, round), one)),
      );
      return sentAt;
    },
    outcome: regeneration,
  });
}

function describeReleased({ name, version, after }: FunctionOutcome): string {
  return `${name} ${version} ${after?.codeSha256 ?? ''}`;
}

/** One that fails stops none of the others; true when none failed. */
async function sideBySide<T extends { error: DeployError | undefined }>(
  outcomes: readonly T[],
  log: Log,
  work: (outcome: T) => Promise<void>,
): Promise<boolean> {
  await Promise.all(
    outcomes.map(async (outcome) => {
      try {
        await work(outcome);
      } catch (error) {
        outcome.error = toDeployError(error);
        log.line(`${outcome.error.code}: ${outcome.error.message}`);
      }
    }),
  );
  return outcomes.every(({ error }) => error === undefined);
}

function count(items: readonly unknown[], noun: string): string {
  return `${items.length} ${noun}${items.length === 1 ? '' : 's'}`;
}
