import { keysToClear } from '../assets/compare.ts';
import { DeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import type { ClearingPlan } from '../plan.ts';
import type { RegenerationOutcome } from '../regenerate/outcome.ts';
import { regenerate } from '../regenerate/regenerate.ts';
import type { Releasing } from '../releasing.ts';
import { count, sideBySide } from '../side-by-side.ts';
import { callerReference } from './caller-reference.ts';
import { checkCacheTags, checkDistribution } from './check.ts';
import { choosePaths, hasTags } from './choose-paths.ts';
import { type Clearing, clearDistribution } from './clear.ts';
import { costText } from './cost.ts';
import { createMatcher } from './matcher.ts';
import { pathOfPage } from './paths.ts';
import { type PathPlan, planItems } from './planner.ts';

/** What is to be cleared, what it costs, and whether it can be cleared; before anything changes. */
export async function lookAtCaches(releasing: Releasing, plan: ClearingPlan): Promise<boolean> {
  const { run, world, outcome, deadline } = releasing;
  const assetKeys = plan.clearsAssets && outcome.assets?.plan ? keysToClear(outcome.assets.plan) : [];
  const paths = await choosePaths(plan, assetKeys, run, world);
  outcome.paths = paths;
  if (paths.items.length > 0) {
    const { length: targets } = outcome.distributions;
    const where = targets === 1 ? '' : ` in each of ${targets} distributions`;
    world.log.line(`to clear: ${count(paths.items, 'path')}${where}, ${costText(paths.items.length, targets)}`);
  }
  return sideBySide(outcome.distributions, world.log, async (one) => {
    const warning = await checkDistribution(one, plan, world, deadline);
    if (warning !== undefined) {
      world.log.line(warning.message);
      outcome.warnings.push(warning);
    }
    if (hasTags(paths)) {
      await checkCacheTags(one, world, deadline);
    }
  });
}

export function clearCaches(releasing: Releasing, plan: ClearingPlan, items: readonly string[]): Promise<boolean> {
  const { world, outcome } = releasing;
  const clearing = toClearing(releasing, plan, items);
  return sideBySide(outcome.distributions, world.log, (one) => clearDistribution(clearing, one));
}

/** What stands where CloudFront accepted some of it and refused the rest: neither is as if nothing had happened. */
export function partlyInvalidated(distributions: readonly DistributionOutcome[]): DeployError | undefined {
  const refused = distributions.filter(({ isRefused }) => isRefused);
  if (refused.length === 0 || !distributions.some(({ invalidations }) => invalidations.length > 0)) {
    return undefined;
  }
  const list = refused.map(({ id, invalidations, error }) => {
    const what = invalidations.length > 0 ? 'some of its paths' : 'all of it';
    return `${id} (${what}: ${error?.code ?? 'refused'})`;
  });
  return new DeployError(
    'invalidation-failed',
    `CloudFront accepted only a part of the invalidation and refused ${list.join(', ')}.`,
    {
      hint: 'What was accepted is invalidated, and old pages may stay in the rest. See the errors of these, then run this again.',
    },
  );
}

function toClearing({ world, timeline }: Releasing, plan: ClearingPlan, items: readonly string[]): Clearing {
  return { world, timeline, plan, items, reference: () => callerReference('') };
}

/** Fetches the pages that the plan names, and sees that they are fresh. */
export async function regenerateCaches(
  releasing: Releasing,
  plan: ClearingPlan,
  paths: PathPlan,
  regeneration: RegenerationOutcome,
): Promise<boolean> {
  const { world, timeline, outcome } = releasing;
  const areFresh = await sideBySide([regeneration], world.log, async () => {
    if (plan.regeneration === undefined) {
      return;
    }
    await regenerate({
      world,
      timeline,
      plan: plan.regeneration,
      // Which pages carry a tag is known to CloudFront alone.
      isCleared: hasTags(paths) ? () => true : createMatcher(paths.items),
      clearedAt: Math.min(...outcome.distributions.map(({ sentAt }) => sentAt ?? Number.POSITIVE_INFINITY)),
      clearAgain: async (stale) => {
        const { items } = planItems(stale.map(pathOfPage), plan.maxPaths);
        const sentAt = world.clock.now();
        const clearing = toClearing(releasing, plan, items);
        // Which of the distributions has the pages is not known here.
        await Promise.all(outcome.distributions.map((one) => clearDistribution(clearing, one)));
        return sentAt;
      },
      outcome: regeneration,
    });
  });
  outcome.warnings.push(...regeneration.moreWarnings);
  return areFresh;
}
