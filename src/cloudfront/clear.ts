import { DeployError } from '../errors.ts';
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

/** Clears the cache of one distribution and, unless told otherwise, waits until CloudFront says that it is done. */
export async function clearDistribution(clearing: Clearing, outcome: DistributionOutcome): Promise<void> {
  const { world, timeline, plan, items, reference } = clearing;
  const { id } = outcome;
  const deadline = world.clock.now() + plan.timeoutMs;
  for (const batch of toBatches(items)) {
    await timeline.step(id, 'create invalidation', (note) =>
      createInvalidations({ world, reference, another: reference }, outcome, batch, deadline, note),
    );
    if (plan.wait !== 'false') {
      // Also before the next batch: each of them may use up the quota for what is in progress.
      await waitAsAsked(clearing, outcome, deadline);
    }
  }
}

async function waitAsAsked(clearing: Clearing, outcome: DistributionOutcome, deadline: number): Promise<void> {
  try {
    await clearing.timeline.step(outcome.id, 'wait for the invalidation', (note) =>
      waitForAll(clearing, outcome, deadline, note),
    );
  } catch (error) {
    if (clearing.plan.wait === 'best-effort' && error instanceof DeployError && error.code !== 'cancelled') {
      outcome.warning = error;
      return;
    }
    throw error;
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
