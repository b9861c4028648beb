import type { Context, SQSBatchResponse } from 'aws-lambda';
import { connectClock } from '../adapters/clock.ts';
import { createInvalidations } from '../cloudfront/create-invalidations.ts';
import { toBatches } from '../cloudfront/quota.ts';
import { type ErrorCode, toDeployError } from '../errors.ts';
import type { DistributionOutcome } from '../outcome.ts';
import type { CloudFront } from '../world.ts';
import { type Delivery, readEvent } from './events.ts';
import type { Log } from './log.ts';
import { type Clearing, planClearings } from './plan.ts';
import type { Settings } from './sites.ts';

export interface Surroundings {
  settings: Settings;
  cloudFront: CloudFront;
  log: Log;
}

/** What is left of the function's time for the answer, after a last call that was given a second. */
const marginMs = 2000;

/** What Lambda calls with an event. */
export type Handler = (
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<SQSBatchResponse | undefined>;

/**
 * Clears what an event says has changed: one call for each distribution, at the same time. What cannot be cleared now is
 * given back: to the queue the messages concerned, and without a queue the event, by an error. What can never be cleared
 * is logged, and given back to nobody.
 */
export function createHandler(surroundings: Surroundings): Handler {
  const { settings, log } = surroundings;
  return async (event, context) => {
    const deadline = performance.now() + context.getRemainingTimeInMillis() - marginMs;
    const deliveries = readEvent(event);
    for (const delivery of deliveries) {
      logUnread(delivery, log);
    }
    const clearings = planClearings(deliveries, settings, log);
    const succeeded = await Promise.all(clearings.map((clearing) => clear(clearing, surroundings, deadline)));
    const failed = clearings.filter((_, index) => !succeeded[index]);
    const messageIds = deliveries.flatMap(({ messageId }) => messageId ?? []);
    if (messageIds.length > 0) {
      const failures = new Set(failed.flatMap(({ deliveries }) => [...deliveries]));
      return { batchItemFailures: deliveries.filter((one) => failures.has(one)).map(toFailure) };
    }
    if (failed.length > 0) {
      throw new Error(`Not cleared: ${failed.map(({ distributionId }) => distributionId).join(', ')}. See the log.`);
    }
    return undefined;
  };
}

function toFailure({ messageId }: Delivery): { itemIdentifier: string } {
  return { itemIdentifier: messageId ?? '' };
}

function logUnread({ messageId, ignored, problems }: Delivery, log: Log): void {
  for (const reason of ignored) {
    log.debug('ignored', { reason, messageId });
  }
  for (const reason of problems) {
    log.error('cannot be understood', { reason, messageId });
  }
}

// Nobody cancels a Lambda.
const clock = connectClock(new AbortController().signal);

/** False when it has to be tried again; also after a refusal, so that the dead-letter queue and its alarm get to know. */
async function clear(clearing: Clearing, { cloudFront, log }: Surroundings, deadline: number): Promise<boolean> {
  const { distributionId, items, reference } = clearing;
  const outcome: DistributionOutcome = {
    ...{ kind: 'distribution', id: distributionId, invalidations: [], isSent: false, isRefused: false },
    ...{ sentAt: undefined, warning: undefined, error: undefined },
  };
  const creating = { world: { cloudFront, clock }, reference };
  try {
    for (const batch of toBatches(items)) {
      await createInvalidations(creating, outcome, batch, deadline, (note) => log.debug(note));
    }
  } catch (thrown) {
    const { code, message } = toDeployError(thrown);
    log.error('not cleared', { distribution: distributionId, code, reason: message, hint: hints[code], paths: items });
    return false;
  }
  const invalidationId = outcome.invalidations.map(({ id }) => id);
  log.info('cleared', { distribution: distributionId, invalidationId, pathCount: items.length, paths: items });
  return true;
}

/** What only a human can put right. */
const hints: Partial<Record<ErrorCode, string>> = {
  'access-denied': 'Allow cloudfront:CreateInvalidation on this distribution to the role of the function.',
  'not-found': 'See that DISTRIBUTION_ID or SITES names a distribution of this account.',
};
