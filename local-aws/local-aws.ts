import type { Input } from './api.ts';
import type { Origin } from './cdn/edge.ts';
import type { ClearCache } from './cloudfront/distributions.ts';
import type { ApiCall, Hook } from './dispatch.ts';
import type { Fault, FaultHandle } from './faults.ts';
import type { Images } from './images.ts';
import type { FunctionOptions } from './lambda/new-function.ts';
import type { Packages } from './lambda/packages.ts';
import type { DistributionOptions } from './options.ts';
import type { DistributionSnapshot, FunctionSnapshot } from './snapshots.ts';
import type { TimelineEvent } from './timeline.ts';

/** An AWS on this machine, with the ways a test looks into it and breaks it. */
export interface LocalAws {
  /** For AWS_ENDPOINT_URL. */
  url: string;
  /** What a client's environment needs. */
  env: Record<'AWS_ENDPOINT_URL' | 'AWS_REGION' | 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>;
  cdnUrl: (distributionId: string) => string;
  /**
   * Puts another cache in front of a distribution's function, and returns the origin that it fetches from. It is cleared
   * when the edge is, and no invalidation is Completed before that has resolved.
   */
  attachCache: (distributionId: string, clear: ClearCache) => Origin;
  calls: ApiCall[];
  events: TimelineEvent[];
  images: Images;
  /** Objects in S3 that functions can be made of. */
  packages: Packages;
  /** IAM actions that are denied; change it at any time. */
  denied: Set<string>;
  functionNamed: (name: string) => FunctionSnapshot;
  functions: () => FunctionSnapshot[];
  distribution: (id: string) => DistributionSnapshot;
  distributions: () => DistributionSnapshot[];
  addFunction: (options: FunctionOptions) => void;
  addDistribution: (options: DistributionOptions) => Promise<void>;
  fault: (fault: Fault) => FaultHandle;
  clearFaults: () => void;
  /** Calls back synchronously before and after a matching call is applied; returns how to stop that. */
  on: (action: string, hook: Hook) => () => void;
  /** A call by somebody else, at once and without the network; throws the service's error. */
  apply: (action: string, input: Input) => unknown;
  stop: () => Promise<void>;
}
