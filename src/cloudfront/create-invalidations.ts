import { randomUUID } from 'node:crypto';
import { DeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import { persist } from '../retry.ts';
import { type Note, seconds } from '../timeline.ts';
import type { Attempt, Invalidation, World } from '../world.ts';
import { isOverQuota, perSecondIntervalMs, toSlices } from './quota.ts';

/** Refusals in a row after which a quota is not a matter of time, but of the size of the call. */
const mostRefusals = 3;

/** TooManyInvalidationsInProgress lasts as long as the invalidations that are in progress. */
const longestPauseMs = 15_000;

/** New references in a row that are answered with old invalidations, after which CloudFront is not believed. */
const mostReplays = 3;

/** How far apart the clocks of two machines of CloudFront may be: one says when it was made, one when it answers. */
const clocksApartMs = 1000;

export interface Creating {
  world: Pick<World, 'cloudFront' | 'clock'>;
  reference(items: readonly string[]): string;
  /**
   * Another reference for the same items, for when CloudFront answers with an invalidation of before. Undefined where
   * that one will do, because its reference says what it was made for.
   */
  another?(): string;
}

/**
 * Creates the invalidation of a batch in one call, or in slices where the account's quota is that of a second.
 *
 * The first slice has the reference of the whole batch: where references follow from the work, as in the companion
 * Lambda, CloudFront refuses it for other paths, and so tells the next process that this one had to divide.
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
    createOne({ creating, outcome, items, callerReference, isDivisible, deadline, note });
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
  creating: Creating;
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
  const { creating, outcome, items, isDivisible, deadline, note } = call;
  const { clock } = creating.world;
  const name = { callerReference: call.callerReference, sentAt: clock.now(), replays: 0 };
  let refusals = 0;
  const created = await persist(
    async (): Promise<Attempt<Invalidation | 'divide'>> => {
      const attempt = await sendAs(name, call);
      if (isDivisible && isConflict(attempt)) {
        return { kind: 'answered', value: 'divide' };
      }
      refusals = 'errorName' in attempt && isOverQuota(attempt.errorName) ? refusals + 1 : 0;
      const isTooLarge = attempt.kind === 'refused' || refusals >= mostRefusals;
      return isDivisible && refusals > 0 && isTooLarge ? { kind: 'answered', value: 'divide' } : attempt;
    },
    { subject: `CreateInvalidation for ${outcome.id}`, deadline, capMs: longestPauseMs, clock, onRetry: note },
  );
  if (created === 'divide') {
    return false;
  }
  outcome.invalidations.push({ ...created, callerReference: name.callerReference, pathCount: items.length });
  note(`invalidation ${created.id} ${created.status}, ${items.length} ${items.length === 1 ? 'path' : 'paths'}`);
  return true;
}

/** The reference that a call has now, and since when. */
interface Name {
  callerReference: string;
  sentAt: number;
  /** How many references before it were answered with old invalidations. */
  replays: number;
}

/** The same reference for as long as the answer may be one to it, and another when it is not. */
async function sendAs(name: Name, call: Call): Promise<Attempt<Invalidation>> {
  const { creating, outcome, isDivisible } = call;
  const attempt = await send(call, name.callerReference);
  if (isConflict(attempt) && !isDivisible) {
    // Used up for other paths; this one nobody can have.
    rename(name, creating);
    return send(call, name.callerReference);
  }
  const sinceSentMs = creating.world.clock.now() - name.sentAt;
  if (attempt.kind !== 'answered' || creating.another === undefined || !isReplay(attempt.value, sinceSentMs)) {
    return attempt;
  }
  rename(name, creating);
  name.replays += 1;
  return asReplay(outcome, attempt.value, name.replays);
}

function isConflict(attempt: Attempt<unknown>): boolean {
  return attempt.kind === 'refused' && attempt.error.code === 'conflict';
}

function rename(name: Name, { another, world }: Creating): void {
  name.callerReference = another?.() ?? `lambda-cloudfront-deploy-${randomUUID()}`;
  name.sentAt = world.clock.now();
}

/**
 * Whether the invalidation was there before this reference was first sent: then nothing was cleared now. A lost answer to
 * our own first try is younger than that. Without a time in the answer, it is taken for new: the reference is of this
 * process alone, so that there is nothing CloudFront could answer it with.
 */
function isReplay({ ageMs }: Invalidation, sinceSentMs: number): boolean {
  return ageMs !== undefined && ageMs > sinceSentMs + clocksApartMs;
}

function asReplay(outcome: DistributionOutcome, { id, ageMs = 0 }: Invalidation, replays: number): Attempt<never> {
  const made = `invalidation ${id}, which was made ${seconds(ageMs)} before`;
  return replays < mostReplays
    ? { kind: 'unanswered', reason: `CloudFront answered with ${made}`, retryAfterMs: 0 }
    : {
        kind: 'refused',
        error: new DeployError(
          'invalidation-failed',
          `CreateInvalidation for ${outcome.id}: CloudFront answered ${replays} new caller references with old invalidations, the last with ${made}. Nothing was invalidated.`,
          {
            hint: 'Check what stands between this runner and CloudFront: a proxy may replay answers. Then run it again.',
          },
        ),
      };
}

async function send(
  { creating: { world }, outcome, items, deadline }: Call,
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
