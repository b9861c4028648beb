import { DeployError, toDeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import type { ClearingPlan } from '../plan.ts';
import { persist } from '../retry.ts';
import type { Attempt, World } from '../world.ts';

/**
 * A wrong distribution or a missing permission to wait, found before any code is touched. Passing trouble is ridden out:
 * only what AWS refuses is left out, where the workflow can do without it, and then the warning is returned.
 */
export async function checkDistribution(
  outcome: DistributionOutcome,
  plan: ClearingPlan,
  world: World,
  deadline: number,
): Promise<DeployError | undefined> {
  try {
    await patiently(outcome, 'The check', world, deadline, () => world.cloudFront.check(outcome, deadline));
  } catch (error) {
    const refusal = toDeployError(error);
    if (isNeeded(refusal, plan)) {
      throw refusal;
    }
    return leftOut(outcome, refusal);
  }
  world.log.line(`${outcome.id}: is there, its invalidations can be read`);
  return undefined;
}

/** Who does not have to see the end of an invalidation may lack the permission to look. */
function isNeeded({ code }: DeployError, { wait }: ClearingPlan): boolean {
  return code === 'access-denied' ? wait === 'true' : code !== 'invalidation-failed';
}

function leftOut({ id }: DistributionOutcome, { code, message }: DeployError): DeployError {
  return new DeployError(code, `${id} was not checked before the release: ${message}`, {
    hint: 'A wrong id shows only when it is invalidated, after the code is live. Allow the role to read invalidations of this distribution, and check the id.',
  });
}

/**
 * A distribution that reads no cache tags takes an invalidation of one, answers with an id, and clears nothing
 * (CacheTagConfig of https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html).
 */
export async function checkCacheTags(outcome: DistributionOutcome, world: World, deadline: number): Promise<void> {
  const { distributionId, header } = await patiently(outcome, 'GetDistributionConfig', world, deadline, () =>
    world.cloudFront.cacheTags(outcome, deadline),
  );
  if (header === '') {
    throw new DeployError(
      'invalid-input',
      `${outcome.id} has no header for cache tags configured, so CloudFront would take the tags in paths and clear nothing.`,
      { hint: `Set CacheTagConfig.HeaderName of distribution ${distributionId}, or name paths instead of #tags.` },
    );
  }
  world.log.line(`${outcome.id}: reads cache tags from the header ${header}`);
}

function patiently<T>(
  { id }: DistributionOutcome,
  what: string,
  { clock, log }: World,
  deadline: number,
  call: () => Promise<Attempt<T>>,
): Promise<T> {
  const onRetry = (reason: string) => log.line(`${id}: ${reason}`);
  return persist(call, { subject: `${what} for ${id}`, deadline, capMs: 5000, clock, onRetry });
}
