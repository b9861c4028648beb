import { callerReference } from './cloudfront/caller-reference.ts';
import { checkDistribution } from './cloudfront/check.ts';
import { clearDistribution } from './cloudfront/clear.ts';
import { type DeployError, toDeployError } from './errors.ts';
import { checkUpdate, lookAtFunction } from './lambda/look.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { emptyOutcome, type FunctionOutcome, type Outcome } from './outcome.ts';
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
  const deadline = performance.now() + plan.updateTimeoutMs;

  // Before anything changes: a wrong name or a missing permission must not leave half a release behind.
  const areThere = await world.log.group('Look', () => lookAtEverything(plan, world, timeline, outcome, deadline));
  if (!areThere || plan.dryRun) {
    return;
  }

  if (outcome.functions.length > 0) {
    const areReady = await world.log.group(`Update ${count(outcome.functions, 'function')}`, () =>
      sideBySide(outcome.functions, world.log, (one) => prepareFunction({ world, timeline, outcome: one, deadline })),
    );
    // The cache is never cleared while old code can still answer: it would fill with old pages again, and they stay.
    if (!areReady) {
      return;
    }
  }

  const { clearing } = plan;
  if (clearing !== undefined && clearing.paths.length === 0) {
    world.log.line('nothing to clear, paths-file lists no path');
  } else if (clearing !== undefined) {
    await world.log.group(`Clear ${count(outcome.distributions, 'distribution')}`, () =>
      clearDistributions(clearing, run, world, timeline, outcome),
    );
  }
}

async function lookAtEverything(
  plan: Plan,
  world: World,
  timeline: Timeline,
  outcome: Outcome,
  deadline: number,
): Promise<boolean> {
  const { clearing, dryRun } = plan;
  const [functions, distributions] = await Promise.all([
    sideBySide(outcome.functions, world.log, async (one) => {
      await lookAtFunction(one, world, timeline, deadline);
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
  return functions && distributions;
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
