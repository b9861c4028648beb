import { randomUUID } from 'node:crypto';
import type { DistributionOutcome } from '../outcome.ts';
import { persist } from '../retry.ts';
import type { Note } from '../timeline.ts';
import type { Attempt, Invalidation, World } from '../world.ts';
import { isOverQuota, perSecondIntervalMs, toSlices } from './quota.ts';

/** Refusals in a row after which a quota is not a matter of time, but of the size of the call. */
const mostRefusals = 3;

/** TooManyInvalidationsInProgress lasts as long as the invalidations that are in progress. */
const longestPauseMs = 15_000;

interface Creating {
  world: Pick<World, 'cloudFront' | 'clock'>;
  reference(items: readonly string[]): string;
}

/**
 * Creates the invalidation of a batch in one call, or in slices where the account's quota is that of a second.
 *
 * A process that was broken off may have gone either way. So the first slice has the reference of the whole batch, and
 * CloudFront, which refuses a reference for other paths, tells the next one which way it was: nothing is billed twice.
 */
export async function createInvalidations(
  creating: Creating,
  outcome: DistributionOutcome,
  batch: readonly string[],
  deadline: number,
  note: Note,
): Promise<void> {
  const slices = toSlices(batch);
  const reference = creating.reference(batch);
  const create = (items: readonly string[], callerReference: string, isDivisible: boolean) =>
    createOne({ world: creating.world, outcome, items, callerReference, isDivisible, deadline, note });
  if (await create(batch, reference, slices.length > 1)) {
    return;
  }
  note(`CloudFront does not take ${batch.length} paths at once, sending them in ${slices.length} calls`);
  for (const [index, slice] of slices.entries()) {
    if (index > 0) {
      await creating.world.clock.pause(perSecondIntervalMs);
    }
    await create(slice, index === 0 ? reference : creating.reference(slice), false);
  }
}

interface Call {
  world: Creating['world'];
  outcome: DistributionOutcome;
  items: readonly string[];
  callerReference: string;
  /** Whether to give up where smaller calls may get through. */
  isDivisible: boolean;
  deadline: number;
  note: Note;
}

/** False when the call has to be divided. */
async function createOne(call: Call): Promise<boolean> {
  const { world, outcome, items, isDivisible, deadline, note } = call;
  let { callerReference } = call;
  let refusals = 0;
  const created = await persist(
    async (): Promise<Attempt<Invalidation | 'divide'>> => {
      const attempt = await send(call, callerReference);
      if (attempt.kind === 'refused' && attempt.error.code === 'conflict') {
        if (isDivisible) {
          return { kind: 'answered', value: 'divide' };
        }
        // Somebody else used it up for other paths; this one nobody can have.
        callerReference = `lambda-cloudfront-deploy-${randomUUID()}`;
        return send(call, callerReference);
      }
      refusals = 'errorName' in attempt && isOverQuota(attempt.errorName) ? refusals + 1 : 0;
      const isTooLarge = attempt.kind === 'refused' || refusals >= mostRefusals;
      return isDivisible && refusals > 0 && isTooLarge ? { kind: 'answered', value: 'divide' } : attempt;
    },
    {
      subject: `CreateInvalidation for ${outcome.id}`,
      deadline,
      capMs: longestPauseMs,
      clock: world.clock,
      onRetry: note,
    },
  );
  if (created === 'divide') {
    return false;
  }
  if (created.status === 'Completed') {
    // One that an earlier process made with this reference: what was cached since is not old.
    outcome.sentAt = Math.min(outcome.sentAt ?? Number.POSITIVE_INFINITY, call.world.clock.now() - created.ageMs);
  }
  outcome.invalidations.push({ ...created, callerReference, pathCount: items.length });
  note(`invalidation ${created.id} ${created.status}, ${items.length} ${items.length === 1 ? 'path' : 'paths'}`);
  return true;
}

async function send(
  { world, outcome, items, deadline }: Call,
  callerReference: string,
): Promise<Attempt<Invalidation>> {
  const wasSent = outcome.isSent;
  // Before the call: a cancel in the middle of it must not report the cache as untouched.
  outcome.isSent = true;
  outcome.sentAt ??= world.clock.now();
  const attempt = await world.cloudFront.createInvalidation(outcome, { paths: items, callerReference }, deadline);
  outcome.isSent = wasSent || attempt.kind !== 'refused';
  return attempt;
}
