import type { Duration } from './clock.ts';
import type { AlarmOptions } from './cloudwatch/alarms.ts';
import type { CodeDeployOptions } from './codedeploy/deployments.ts';
import type { Image } from './image-manifest.ts';
import type { FunctionOptions } from './lambda/new-function.ts';
import type { PackageContent } from './lambda/packages.ts';
import type { Registry } from './registry.ts';
import type { BucketOptions } from './s3/buckets.ts';

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
  /** CloudWatch's. */
  alarms?: AlarmOptions[] | undefined;
  codeDeploy?: CodeDeployOptions[] | undefined;
  /** Image URI → digest, or more about the image. */
  images?: Record<string, string | Image> | undefined;
  /** By default every image is there, for Lambda and for ECR, with a manifest and a digest of its own. */
  unknownImages?: 'accept' | 'reject' | undefined;
  /**
   * What ECR's GetAuthorizationToken hands out: by default the user AWS and the password `<account>-auth-token`. With a
   * `host` also a real registry, as `127.0.0.1:5000`: images there are what that registry has at the time.
   */
  registry?: Partial<Registry> | undefined;
  /**
   * `bucket/key` → the package there, or its versions, oldest first. Without it every object is there, and its name
   * stands for its bytes.
   */
  packages?: Record<string, PackageContent | { versions: Record<string, PackageContent> }> | undefined;
  /** Buckets that S3 serves, by name. */
  buckets?: Record<string, BucketOptions> | undefined;
  /** Buckets in another Region than the functions. */
  bucketRegions?: Record<string, string> | undefined;
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
  /** What a cold start adds to an invocation. */
  initMs?: Duration | undefined;
  /** Instead of `versionMs`, for functions with SnapStart. */
  snapStartMs?: Duration | undefined;
  /** Until provisioned concurrency is READY. */
  provisionedMs?: Duration | undefined;
  /** Until a deployment of CodeDeploy is InProgress, and each of its hooks. */
  deploymentMs?: Duration | undefined;
  /** One of the minutes in the name of a deployment configuration. */
  codeDeployMinuteMs?: Duration | undefined;
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
  /** Of a tenant: the distribution whose configuration it has. */
  parentId?: string | undefined;
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
  initMs: 20,
  snapStartMs: 2000,
  provisionedMs: 1500,
  deploymentMs: 100,
  codeDeployMinuteMs: 200,
  invalidationMs: 1000,
  originMs: 20,
  apiMs: 0,
} as const;
