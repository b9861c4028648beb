import type { Cache } from '../cdn/cache.ts';
import type { Origin } from '../cdn/edge.ts';
import type { Clock, Duration } from '../clock.ts';
import type { Listener } from '../listener.ts';
import type { Timeline } from '../timeline.ts';

/** A distribution, or a tenant of one: tenants are invalidated on their own. */
export interface Distribution {
  id: string;
  kind: 'distribution' | 'tenant';
  functionName: string;
  /** Of a tenant: the distribution whose configuration it has. */
  parentId: string | undefined;
  cacheTagHeader: string | undefined;
  createdAt: Date;
  /** Oldest first. */
  invalidations: Invalidation[];
  cache: Cache;
  edge: Listener;
  origin: Origin;
  /** Each drops the same items from another cache in front of the function. */
  otherCaches: ClearCache[];
}

export type ClearCache = (items: readonly string[]) => Promise<void>;

export interface Invalidation {
  id: string;
  callerReference: string;
  items: string[];
  status: 'InProgress' | 'Completed';
  createdAt: Date;
  completedAt: Date | undefined;
}

/** Refuses a batch that would exceed a quota, and otherwise counts it. */
export type Quota = (distribution: Distribution, items: string[]) => void;

export interface CloudFrontStore {
  accountId: string;
  clock: Clock;
  timeline: Timeline;
  distributions: Map<string, Distribution>;
  quota: Quota;
  invalidationMs: Duration;
  /** When objects are dropped, if earlier than the invalidation says Completed; AWS is usually done long before. */
  cloudFrontPropagationMs: Duration | undefined;
}

export function distributionArn(accountId: string, id: string, kind: Distribution['kind']): string {
  const type = kind === 'tenant' ? 'distribution-tenant' : 'distribution';
  return `arn:aws:cloudfront::${accountId}:${type}/${id}`;
}
