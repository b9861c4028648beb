import { DeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import type { ClearingPlan } from '../plan.ts';
import { persist } from '../retry.ts';
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
  const attempt = await world.cloudFront.check(outcome, Math.min(deadline, world.clock.now() + patienceMs));
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

/**
 * A distribution that reads no cache tags takes an invalidation of one, answers with an id, and clears nothing
 * (CacheTagConfig of https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html).
 */
export async function checkCacheTags(outcome: DistributionOutcome, world: World, deadline: number): Promise<void> {
  const { distributionId, header } = await persist(() => world.cloudFront.cacheTags(outcome, deadline), {
    subject: `GetDistributionConfig for ${outcome.id}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: (reason) => world.log.line(`${outcome.id}: ${reason}`),
  });
  if (header === '') {
    throw new DeployError(
      'invalid-input',
      `${outcome.id} has no header for cache tags configured, so CloudFront would take the tags in paths and clear nothing.`,
      { hint: `Set CacheTagConfig.HeaderName of distribution ${distributionId}, or name paths instead of #tags.` },
    );
  }
  world.log.line(`${outcome.id}: reads cache tags from the header ${header}`);
}
