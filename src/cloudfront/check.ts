import type { DistributionOutcome } from '../outcome.ts';
import type { ClearingPlan } from '../plan.ts';
import type { World } from '../world.ts';

const patienceMs = 5000;

/**
 * A wrong distribution or a missing permission to wait, found before any code is touched. Anything else that goes wrong
 * here says nothing about the release, which will find out for itself.
 */
export async function checkDistribution(
  outcome: DistributionOutcome,
  plan: ClearingPlan,
  world: World,
  deadline: number,
): Promise<void> {
  const attempt = await world.cloudFront.check(outcome.id, Math.min(deadline, performance.now() + patienceMs));
  if (attempt.kind === 'answered') {
    world.log.line(`${outcome.id}: is there, its invalidations can be read`);
    return;
  }
  if (attempt.kind !== 'refused') {
    world.log.line(`${outcome.id}: not checked beforehand, ${attempt.reason}`);
    return;
  }
  const { error } = attempt;
  if (error.code === 'not-found' || (error.code === 'access-denied' && plan.wait === 'true')) {
    throw error;
  }
  world.log.line(`${outcome.id}: not checked beforehand, ${error.message}`);
}
