import { DeployError, toDeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import type { ClearingPlan } from '../plan.ts';
import { type Note, seconds, type Timeline } from '../timeline.ts';
import type { World } from '../world.ts';
import { createInvalidations } from './create-invalidations.ts';
import { toBatches } from './quota.ts';

export interface Clearing {
  world: World;
  timeline: Timeline;
  plan: Pick<ClearingPlan, 'wait' | 'timeoutMs'>;
  /** Encoded paths, wildcards and tags. */
  items: readonly string[];
  /** A CallerReference that no call has had. */
  reference(): string;
}

/**
 * Clears the cache of one distribution and, unless told otherwise, waits until CloudFront says that it is done. An end that
 * is not seen does not keep the paths of the next call from being cleared.
 */
export async function clearDistribution(clearing: Clearing, outcome: DistributionOutcome): Promise<void> {
  const { world, plan, items } = clearing;
  const deadline = world.clock.now() + plan.timeoutMs;
  let unseen: DeployError | undefined;
  for (const [index, batch] of toBatches(items).entries()) {
    const until = index === 0 ? deadline : Math.max(deadline, world.clock.now() + leastCreatingMs);
    await create(clearing, outcome, batch, until);
    if (plan.wait !== 'false') {
      // Also before the next batch: each of them may use up the quota for what is in progress.
      unseen = (await seeEnd(clearing, outcome, deadline)) ?? unseen;
    }
  }
  if (unseen !== undefined && plan.wait === 'true') {
    throw unseen;
  }
  outcome.warning = unseen ?? outcome.warning;
}

/** What is left for a further call when waiting for the one before has used up the time. */
const leastCreatingMs = 15_000;

async function create(
  { world, timeline, reference }: Clearing,
  outcome: DistributionOutcome,
  batch: readonly string[],
  deadline: number,
): Promise<void> {
  try {
    await timeline.step(outcome.id, 'create invalidation', (note) =>
      createInvalidations({ world, reference, another: reference }, outcome, batch, deadline, note),
    );
  } catch (error) {
    // Without an answer, it may have been accepted.
    outcome.isRefused = !['timed-out', 'cancelled'].includes(toDeployError(error).code);
    throw error;
  }
}

/** Why the end was not seen; undefined when it was. */
async function seeEnd(
  clearing: Clearing,
  outcome: DistributionOutcome,
  deadline: number,
): Promise<DeployError | undefined> {
  try {
    await clearing.timeline.step(outcome.id, 'wait for the invalidation', (note) =>
      waitForAll(clearing, outcome, deadline, note),
    );
    return undefined;
  } catch (error) {
    const reason = toDeployError(error);
    if (reason.code === 'cancelled') {
      throw reason;
    }
    return reason;
  }
}

async function waitForAll(
  { world, plan }: Clearing,
  outcome: DistributionOutcome,
  deadline: number,
  note: Note,
): Promise<void> {
  for (const invalidation of outcome.invalidations.filter(({ status }) => status !== 'Completed')) {
    const waited = await world.cloudFront.waitForInvalidation(outcome, invalidation.id, {
      isOver: ({ status }) => status === 'Completed',
      onState: ({ status }) => {
        if (status !== invalidation.status) {
          note(`invalidation ${invalidation.id} ${plain(status)}`);
        }
        invalidation.status = status;
      },
      deadline,
    });
    if (waited.kind === 'timed-out') {
      throw notCompleted(outcome.id, invalidation, plan.timeoutMs, waited.reason);
    }
  }
}

function notCompleted(
  id: string,
  invalidation: { id: string; status: string },
  timeoutMs: number,
  reason: string,
): DeployError {
  return new DeployError(
    'timed-out',
    `Invalidation ${invalidation.id} of ${id} was still "${plain(invalidation.status)}" after ${seconds(timeoutMs)}${reason ? ` (${reason})` : ''}.`,
    {
      hint: 'CloudFront goes on with it. Raise invalidation-timeout, or set wait-for-invalidation to best-effort to make this a warning.',
    },
  );
}
