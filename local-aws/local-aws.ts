import type { Input } from './api.ts';
import type { Origin } from './cdn/edge.ts';
import type { ClearCache } from './cloudfront/distributions.ts';
import type { AlarmState } from './cloudwatch/alarms.ts';
import type { ApiCall, Hook } from './dispatch.ts';
import type { Fault, FaultHandle } from './faults.ts';
import type { Images } from './images.ts';
import type { FunctionOptions } from './lambda/new-function.ts';
import type { Packages } from './lambda/packages.ts';
import type { DistributionOptions } from './options.ts';
import type { Buckets } from './s3/look.ts';
import type { AlarmSnapshot, DeploymentSnapshot, DistributionSnapshot, FunctionSnapshot } from './snapshots.ts';
import type { TimelineEvent } from './timeline.ts';

/** What came back without a socket. */
export interface InProcessAnswer {
  status: number;
  headers: Record<string, string>;
  /** JSON as a value; CloudFront's XML and empty bodies as text. */
  body: unknown;
}

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
  /** What S3 serves. */
  buckets: Buckets;
  /** IAM actions that are denied; change it at any time. */
  denied: Set<string>;
  functionNamed: (name: string) => FunctionSnapshot;
  functions: () => FunctionSnapshot[];
  distribution: (id: string) => DistributionSnapshot;
  distributions: () => DistributionSnapshot[];
  alarms: () => AlarmSnapshot[];
  /** CloudWatch comes to see an alarm otherwise. */
  setAlarm: (name: string, state: AlarmState) => void;
  /** CodeDeploy's, oldest first. */
  deployments: () => DeploymentSnapshot[];
  addFunction: (options: FunctionOptions) => void;
  addDistribution: (options: DistributionOptions) => Promise<void>;
  fault: (fault: Fault) => FaultHandle;
  clearFaults: () => void;
  /** Calls back synchronously before and after a matching call is applied; returns how to stop that. */
  on: (action: string, hook: Hook) => () => void;
  /** A client's call like any over HTTP, faults and all, without a socket: ten times as fast. */
  call: (action: string, input: Input) => Promise<InProcessAnswer>;
  /** A call by somebody else, at once and without the network; throws the service's error. */
  apply: (action: string, input: Input) => unknown;
  stop: () => Promise<void>;
}
