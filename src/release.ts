import { callerReference } from './cloudfront/caller-reference.ts';
import { checkDistribution } from './cloudfront/check.ts';
import { clearDistribution } from './cloudfront/clear.ts';
import { type DeployError, toDeployError } from './errors.ts';
import { buildImage, choosePlatform, getsBuiltImage } from './image/build.ts';
import { checkUpdate, lookAtFunction } from './lambda/look.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { createCodeResolver, refuseOtherPlatform } from './lambda/resolve-code.ts';
import { emptyOutcome, type FunctionOutcome, isKnownUnchanged, type Outcome } from './outcome.ts';
import type { ClearingPlan, Plan } from './plan.ts';
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
  const { build, functions, distributions } = outcome;
  let deadline = performance.now() + plan.updateTimeoutMs;

  // Before anything changes: a wrong name or a missing permission must not leave half a release behind.
  const areThere = await world.log.group('Look', () => lookAtEverything(plan, world, timeline, outcome, deadline));
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

  const { clearing } = plan;
  if (clearing === undefined) {
    return;
  }
  const reason = reasonNotToClear(clearing, outcome);
  if (reason !== undefined) {
    world.log.line(`nothing to clear, ${reason}`);
    return;
  }
  await world.log.group(`Clear ${count(distributions, 'distribution')}`, () =>
    clearDistributions(clearing, run, world, timeline, outcome),
  );
}

/**
 * The functions first, because the first request should leave before the code of the other clients is loaded; then all
 * else side by side, so that one run tells everything that is wrong.
 */
async function lookAtEverything(
  plan: Plan,
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
    sideBySide(outcome.distributions, world.log, async (one) => {
      // Who does not wait may lack the permission to look.
      if (clearing !== undefined && (clearing.wait !== 'false' || dryRun)) {
        await checkDistribution(one, clearing, world, deadline);
      }
    }),
  ]);
  return areThere && isBuildable && areFitting && areReachable;
}

function reasonNotToClear(clearing: ClearingPlan, { functions }: Outcome): string | undefined {
  if (clearing.paths.length === 0) {
    return 'paths-file lists no path';
  }
  return clearing.onlyChanged && functions.every(isKnownUnchanged) ? 'nothing changed' : undefined;
}

function clearDistributions(
  clearing: ClearingPlan,
  run: Run,
  world: World,
  timeline: Timeline,
  outcome: Outcome,
): Promise<boolean> {
  for (const path of clearing.widenedPaths) {
    world.log.line(`${path} is cleared with everything that begins like it: CloudFront matches no "~"`);
  }
  const released = outcome.functions.map(describeReleased);
  return sideBySide(outcome.distributions, world.log, (one) =>
    clearDistribution(world, timeline, clearing, one, callerReference(run, one.id, clearing.paths, released)),
  );
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
