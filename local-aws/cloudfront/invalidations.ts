import type { Input, Reply } from '../api.ts';
import type { Outcome } from '../faults.ts';
import type { CloudFrontStore, Distribution, Invalidation } from './distributions.ts';
import { invalidationElement, xmlReply } from './documents.ts';
import { CloudFrontErrors } from './errors.ts';
import { type InvalidationBatch, readBatch } from './invalidation-batch.ts';

export function createInvalidation(
  store: CloudFrontStore,
  distribution: Distribution,
  input: Input,
  outcome: Outcome | undefined,
): Reply {
  const batch = readBatch(input);
  const earlier = distribution.invalidations.find((other) => other.callerReference === batch.callerReference);
  if (earlier !== undefined) return repeat(distribution, earlier, batch);
  store.quota(distribution, batch.items);
  const invalidation: Invalidation = {
    ...batch,
    id: randomId(store),
    status: 'InProgress',
    createdAt: new Date(),
    completedAt: undefined,
  };
  distribution.invalidations.push(invalidation);
  store.timeline.add('invalidation-created', distribution.id, { id: invalidation.id, items: batch.items.join(' ') });
  startClearing(store, distribution, invalidation, outcome);
  return created(distribution, invalidation, true);
}

/** The same request again is answered with the first invalidation; the same reference for another is an error. */
function repeat(distribution: Distribution, earlier: Invalidation, batch: InvalidationBatch): Reply {
  if (earlier.items.join('\n') === batch.items.join('\n')) return created(distribution, earlier, false);
  throw CloudFrontErrors.invalid(
    `Your request contains a caller reference that was used for a previous invalidation batch for the same distribution. Caller reference: ${batch.callerReference}`,
  );
}

function startClearing(
  store: CloudFrontStore,
  distribution: Distribution,
  invalidation: Invalidation,
  outcome: Outcome | undefined,
): void {
  if (outcome?.kind === 'stuck') return;
  const { clock, timeline, cloudFrontPropagationMs } = store;
  const { id, items } = invalidation;
  const completedMs = outcome?.kind === 'takes' ? outcome.ms : clock.draw(store.invalidationMs);
  const clearedMs =
    cloudFrontPropagationMs === undefined ? completedMs : Math.min(completedMs, clock.draw(cloudFrontPropagationMs));
  const clear = async () => {
    const objects = distribution.cache.clear(items);
    timeline.add('cache-cleared', distribution.id, { id, objects });
    await Promise.all(distribution.otherCaches.map((clearOther) => clearOther(items)));
  };
  const complete = () => {
    invalidation.status = 'Completed';
    invalidation.completedAt = new Date();
    timeline.add('invalidation-completed', distribution.id, { id });
  };
  // Another cache that cannot be cleared ends the process: who waits for this invalidation would wait in vain.
  void Promise.all([clock.sleep(clearedMs).then(clear), clock.sleep(completedMs)]).then(complete);
}

export function getInvalidation(_store: CloudFrontStore, distribution: Distribution, input: Input): Reply {
  const found = distribution.invalidations.find((invalidation) => invalidation.id === input.Id);
  if (found === undefined) throw CloudFrontErrors.noSuchInvalidation();
  return xmlReply(200, 'Invalidation', invalidationElement(found));
}

/** Newest first, as on AWS; the marker is the last id of the page before. */
export function listInvalidations(_store: CloudFrontStore, distribution: Distribution, input: Input): Reply {
  const all = distribution.invalidations.toReversed();
  const { Marker = '', MaxItems = '100' } = input;
  const most = Number(MaxItems);
  if (!Number.isInteger(most) || most < 1) throw CloudFrontErrors.invalid('MaxItems is not valid.');
  const start = all.findIndex((invalidation) => invalidation.id === Marker) + 1;
  const page = all.slice(start, start + most);
  const more = start + page.length < all.length;
  return xmlReply(200, 'InvalidationList', {
    Marker: String(Marker),
    NextMarker: more ? page.at(-1)?.id : undefined,
    MaxItems: most,
    IsTruncated: more,
    Quantity: page.length,
    Items: {
      InvalidationSummary: page.map((invalidation) => ({
        Id: invalidation.id,
        CreateTime: invalidation.createdAt.toISOString(),
        Status: invalidation.status,
      })),
    },
  });
}

function created(distribution: Distribution, invalidation: Invalidation, effect: boolean): Reply {
  const reply = xmlReply(201, 'Invalidation', invalidationElement(invalidation));
  const place = `${distribution.kind === 'tenant' ? 'distribution-tenant' : 'distribution'}/${distribution.id}`;
  const location = `https://cloudfront.amazonaws.com/2020-05-31/${place}/invalidation/${invalidation.id}`;
  return { ...reply, headers: { ...reply.headers, location }, effect };
}

function randomId(store: CloudFrontStore): string {
  const letters = Array.from({ length: 25 }, () => Math.floor(store.clock.random() * 36).toString(36));
  return `I${letters.join('').toUpperCase()}`;
}
