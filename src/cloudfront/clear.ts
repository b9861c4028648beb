import { randomUUID } from 'node:crypto';
import { DeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import type { ClearingPlan } from '../plan.ts';
import { persist } from '../retry.ts';
import { seconds, type Timeline } from '../timeline.ts';
import type { Attempt, Invalidation, World } from '../world.ts';

/** Clears the cache of one distribution and, unless told otherwise, waits until CloudFront says that it is done. */
export async function clearDistribution(
  world: World,
  timeline: Timeline,
  plan: ClearingPlan,
  outcome: DistributionOutcome,
  callerReference: string,
): Promise<void> {
  const { id } = outcome;
  const deadline = performance.now() + plan.timeoutMs;
  outcome.callerReference = callerReference;
  const created = await timeline.step(id, 'create invalidation', async (note) => {
    const { paths } = plan;
    const invalidation = await persist(() => createOnce(world, outcome, paths, deadline), {
      subject: `CreateInvalidation for ${id}`,
      deadline,
      // TooManyInvalidationsInProgress lasts as long as the invalidations that are in progress.
      capMs: 15_000,
      cancelled: world.cancelled,
      onRetry: note,
    });
    note(
      `invalidation ${invalidation.id} ${invalidation.status}, ${paths.length} ${paths.length === 1 ? 'path' : 'paths'}`,
    );
    return invalidation;
  });
  outcome.invalidationId = created.id;
  outcome.invalidationStatus = created.status;
  if (plan.wait === 'false') {
    return;
  }
  try {
    await timeline.step(id, 'wait for the invalidation', async (note) => {
      const waited = await world.cloudFront.waitForInvalidation(id, created.id, {
        isOver: ({ status }) => status === 'Completed',
        onState: ({ status }) => {
          if (status !== outcome.invalidationStatus) {
            note(`invalidation ${created.id} ${plain(status)}`);
          }
          outcome.invalidationStatus = status;
        },
        deadline,
      });
      if (waited.kind === 'timed-out') {
        throw notCompleted(id, created.id, outcome.invalidationStatus, plan.timeoutMs, waited.reason);
      }
    });
  } catch (error) {
    if (plan.wait === 'best-effort' && error instanceof DeployError && error.code !== 'cancelled') {
      outcome.warning = error;
      return;
    }
    throw error;
  }
}

/** One try. A reference that somebody else used up for other paths is given up for one that nobody can have. */
async function createOnce(
  world: World,
  outcome: DistributionOutcome,
  paths: readonly string[],
  deadline: number,
): Promise<Attempt<Invalidation>> {
  const { id, callerReference } = outcome;
  const wasSent = outcome.isSent;
  // Before the call: a cancel in the middle of it must not report the cache as untouched.
  outcome.isSent = true;
  const attempt = await world.cloudFront.createInvalidation(id, { paths, callerReference }, deadline);
  outcome.isSent = wasSent || attempt.kind !== 'refused';
  if (attempt.kind === 'refused' && attempt.error.code === 'conflict') {
    outcome.callerReference = `lambda-cloudfront-deploy-${randomUUID()}`;
    return world.cloudFront.createInvalidation(id, { paths, callerReference: outcome.callerReference }, deadline);
  }
  return attempt;
}

function notCompleted(
  id: string,
  invalidationId: string,
  status: string,
  timeoutMs: number,
  reason: string,
): DeployError {
  return new DeployError(
    'timed-out',
    `Invalidation ${invalidationId} of ${id} was still "${plain(status)}" after ${seconds(timeoutMs)}${reason ? ` (${reason})` : ''}.`,
    {
      hint: 'CloudFront goes on with it. Raise invalidation-timeout, or set wait-for-invalidation to best-effort to make this a warning.',
    },
  );
}
