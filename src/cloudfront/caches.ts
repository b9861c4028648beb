import { keysToClear } from '../assets/compare.ts';
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
    // Who does not wait may lack the permission to look.
    if (plan.wait !== 'false' || releasing.plan.dryRun) {
      await checkDistribution(one, plan, world, deadline);
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

function toClearing({ world, timeline }: Releasing, plan: ClearingPlan, items: readonly string[]): Clearing {
  return { world, timeline, plan, items, reference: () => callerReference('') };
}

/** Fetches the pages that the plan names, and sees that they are fresh. */
export function regenerateCaches(
  releasing: Releasing,
  plan: ClearingPlan,
  paths: PathPlan,
  regeneration: RegenerationOutcome,
): Promise<boolean> {
  const { world, timeline, outcome } = releasing;
  return sideBySide([regeneration], world.log, async () => {
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
}
