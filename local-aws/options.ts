import type { Duration } from './clock.ts';
import type { Image } from './images.ts';
import type { FunctionOptions } from './lambda/new-function.ts';

export interface LocalAwsOptions {
  accountId?: string | undefined;
  region?: string | undefined;
  /** The API's port; default: a free one. */
  port?: number | undefined;
  clocks?: Clocks | undefined;
  /** Makes the draws from ranges and weights repeat. */
  seed?: number | undefined;
  functions?: FunctionOptions[] | undefined;
  distributions?: DistributionOptions[] | undefined;
  /** Image URI → digest. */
  images?: Record<string, string | Image> | undefined;
  /** By default every URI works and has a digest of its own. */
  unknownImages?: 'accept' | 'reject' | undefined;
  /** IAM actions that are denied from the start. */
  deny?: string[] | undefined;
  /** CloudFront's quotas: those until 2026 (default), or those since. */
  quotas?: 'in-progress' | 'per-second' | undefined;
}

/** How long things take, in ms or as a range. */
interface Clocks {
  createMs?: Duration | undefined;
  updateMs?: Duration | undefined;
  versionMs?: Duration | undefined;
  invokeMs?: Duration | undefined;
  /** Until an invalidation says Completed. */
  invalidationMs?: Duration | undefined;
  /** Until the cache is really clear; default: when the invalidation completes. */
  cloudFrontPropagationMs?: Duration | undefined;
  /** From an edge to the function and back. */
  originMs?: Duration | undefined;
  /** Every API call. */
  apiMs?: Duration | undefined;
}

export interface DistributionOptions {
  id: string;
  /** A tenant of a multi-tenant distribution. */
  kind?: 'distribution' | 'tenant' | undefined;
  functionName: string;
  /** The alias or version that is the origin; default $LATEST. */
  qualifier?: string | undefined;
  /** For pages without Cache-Control; default a day. */
  ttlSeconds?: number | undefined;
  /** The header that carries cache tags; without one the distribution has none. */
  cacheTagHeader?: string | undefined;
  /** The edge's port; default: a free one. */
  port?: number | undefined;
}

/** A demo's pace: slow enough to see the states, fast enough to wait for. */
export const DEFAULT_CLOCKS = {
  createMs: 1000,
  updateMs: 1500,
  versionMs: 800,
  invokeMs: 0,
  invalidationMs: 1000,
  originMs: 20,
  apiMs: 0,
} as const;
