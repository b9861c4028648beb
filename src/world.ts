import type { DeployError } from './errors.ts';
import type { ImageUri } from './image/image-uri.ts';

/** Everything outside the program. Only src/adapters/ builds one for real. */
export interface World {
  lambda: Lambda;
  alarms: Alarms;
  codeDeploy: CodeDeploy;
  cloudFront: CloudFront;
  ecr: Ecr;
  docker: Docker;
  zips: Zips;
  repository: Repository;
  web: Web;
  assets: Assets;
  clock: Clock;
  log: Log;
  /** What may still be called for some seconds after the job was cancelled, while the runner waits. */
  afterCancel(): Pick<World, 'lambda' | 'clock'>;
  /** Aborted when the runner cancels the job. */
  cancelled: AbortSignal;
}

export interface Clock {
  /** In milliseconds since some moment; deadlines are in it, too. */
  now(): number;
  /** Throws when the run is cancelled meanwhile. */
  pause(ms: number): Promise<void>;
}

/** Where and why the action runs; every field is empty outside GitHub Actions. */
export interface Run {
  serverUrl: string;
  repository: string;
  runId: string;
  runAttempt: string;
  job: string;
  /** The id of the step, unique in its job. */
  step: string;
  sha: string;
  /** The commits a push event went from and to; undefined for other events, and for a branch that is new. */
  push: CommitRange | undefined;
  /** `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  awsRegion: string;
}

/** Both as full hashes. */
export interface CommitRange {
  before: string;
  after: string;
}

export interface Log {
  line(text: string): void;
  warning(title: string, text: string): void;
  error(title: string, text: string): void;
  group<T>(title: string, work: () => Promise<T>): Promise<T>;
}

/**
 * How one call to AWS ended.
 *
 * - `answered`: with an answer that has the shape it must have;
 * - `refused`: for good, trying again cannot help;
 * - `busy`: another change of the same function is in progress;
 * - `unanswered`: throttled, broken off, timed out, a server error or an answer that makes no sense. The call may have
 *   been applied (even a 429 or a refused connection can hide an earlier attempt that was), so whoever changes something
 *   reads back before trying again.
 *
 * `errorName` is AWS's own name for what was wrong, where there is one, `throttle` the Reason of a throttle
 * (ThrottleReason of Lambda's API).
 */
export type Attempt<T> =
  | { kind: 'answered'; value: T }
  | { kind: 'refused'; error: DeployError; errorName?: string }
  | { kind: 'busy'; reason: string }
  | { kind: 'unanswered'; reason: string; retryAfterMs: number; errorName?: string; throttle?: string };

/** How a wait ended: `last` is the state that ended it, or the last one seen before the deadline. */
export type Waited<T> = { kind: 'done'; last: T } | { kind: 'timed-out'; last: T | undefined; reason: string };

export interface Wait<T> {
  /** True when there is nothing more to wait for, be it well or badly ended. */
  isOver(state: T): boolean;
  /** Each state seen, the first and the last one too. */
  onState(state: T): void;
  /** In milliseconds of `performance.now()`. */
  deadline: number;
}

/** What we read of a function or a version: no environment variables, no presigned URL, so they can reach no log. */
export interface FunctionState {
  arn: string;
  version: string;
  state: string;
  stateReasonCode: string;
  stateReason: string;
  lastUpdateStatus: string;
  lastUpdateStatusReasonCode: string;
  lastUpdateStatusReason: string;
  codeSha256: string;
  revisionId: string;
  /** Of a version: who published it, if its publisher said so. */
  description: string;
  /** Of a version with SnapStart: `On` when its snapshot is there. Empty without SnapStart. */
  snapStart: string;
  packageType: string;
  architectures: readonly string[];
  /** As it was given to the last update. */
  imageUri: string;
  /** By digest. */
  resolvedImageUri: string;
  traits: FunctionTraits;
}

/** What decides how a function is deployed and invoked, beyond its code. Whole only as GetFunction answers it. */
export interface FunctionTraits {
  /** How long an invocation may take, in seconds; undefined when it is not told. */
  timeout: number | undefined;
  /** The ARN of the capacity provider of a function on Lambda Managed Instances; empty for all others. */
  capacityProvider: string;
  /** How long an execution of a durable function may take, in seconds; undefined for all others. */
  executionTimeout: number | undefined;
  /** `PER_TENANT` for a function with tenant isolation; empty for all others. */
  tenantIsolation: string;
  /** Undefined when none is reserved. */
  reservedConcurrency: number | undefined;
  /** The customer's key that encrypts the package of a zip; empty when it is AWS's. */
  sourceKmsKey: string;
  /** The package in S3 that the function refers to, where Lambda has no copy of its own. */
  s3Object: S3Object | undefined;
}

export interface S3Object {
  bucket: string;
  key: string;
  version: string | undefined;
}

/** The code a function is to hold, in the form it is sent. */
export type Code = { kind: 'image'; imageUri: string } | ({ kind: 'zip' } & Zip) | ({ kind: 's3' } & S3Object);

export interface CodeChange {
  code: Code;
  architecture: string | undefined;
  revisionId: string | undefined;
  /** Encrypts the package; empty for AWS's own key. */
  sourceKmsKey: string;
  /** Whether the function is to refer to the package in S3 instead of having a copy. */
  byReference: boolean;
}

export interface VersionRequest {
  codeSha256: string;
  description: string | undefined;
  /** Publishes only if the function still has it. */
  revisionId?: string;
  /** Publishes to `$LATEST.PUBLISHED` instead of to a version with a number. */
  isLatestPublished: boolean;
}

export interface PublishedVersion {
  version: string;
  codeSha256: string;
  architectures: readonly string[];
  /** Of its package, zipped. */
  bytes: number;
}

export type SavePackage = (pieces: AsyncIterable<Uint8Array>) => Promise<Zip>;

/** Every call ends by `deadline` at the latest (milliseconds of `performance.now()`). */
export interface Lambda {
  look(functionName: string, deadline: number): Promise<Attempt<FunctionState>>;
  checkUpdate(functionName: string, change: CodeChange, deadline: number): Promise<Attempt<FunctionState>>;
  updateCode(functionName: string, change: CodeChange, deadline: number): Promise<Attempt<FunctionState>>;
  /** Publishes only if the code still is `codeSha256`; code already published answers with the version it has. */
  publishVersion(functionName: string, version: VersionRequest, deadline: number): Promise<Attempt<FunctionState>>;
  /** The numbers of all published versions. */
  listVersions(functionName: string, deadline: number): Promise<Attempt<readonly number[]>>;
  /** The same with their code, oldest first. */
  listPublished(functionName: string, deadline: number): Promise<Attempt<readonly PublishedVersion[]>>;
  /** The package of a version, given to `save` as it comes. */
  fetchPackage(functionName: string, version: string, save: SavePackage, deadline: number): Promise<Attempt<Zip>>;
  waitForUpdate(functionName: string, wait: Wait<FunctionState>): Promise<Waited<FunctionState>>;
  waitForVersion(functionName: string, version: string, wait: Wait<FunctionState>): Promise<Waited<FunctionState>>;
  lookAtVersion(functionName: string, version: string, deadline: number): Promise<Attempt<FunctionState>>;
  deleteVersion(functionName: string, version: string, deadline: number): Promise<Attempt<true>>;
  /** Undefined when the function has no such alias. */
  lookAtAlias(functionName: string, alias: string, deadline: number): Promise<Attempt<AliasState | undefined>>;
  listAliases(functionName: string, deadline: number): Promise<Attempt<readonly AliasState[]>>;
  createAlias(functionName: string, alias: string, version: string, deadline: number): Promise<Attempt<AliasState>>;
  /** Only if the alias still has the revision. */
  updateAlias(functionName: string, alias: string, move: AliasMove, deadline: number): Promise<Attempt<AliasState>>;
  /** Of an alias; a status in the words of AWS, empty when none is configured. */
  provisionedConcurrency(
    functionName: string,
    alias: string,
    deadline: number,
  ): Promise<Attempt<{ status: string; reason: string }>>;
  /** Runs the function once and waits for its end. Not to be repeated unless it is `refused` or `busy`. */
  invoke(
    functionName: string,
    invocation: { qualifier: string; payload: string; timeoutMs: number },
    deadline: number,
  ): Promise<Attempt<Invocation>>;
}

export interface AliasState {
  name: string;
  arn: string;
  version: string;
  /** What other versions get of the traffic, from 0 to 1. */
  weights: Readonly<Record<string, number>>;
  revisionId: string;
}

export interface AliasMove {
  version: string;
  weights: Readonly<Record<string, number>>;
  revisionId: string;
}

export interface Invocation {
  /** The version that ran. */
  version: string;
  /** How the function itself failed; empty when it did not. */
  functionError: string;
  /** What it answered, where it failed. */
  payload: string;
  /** The end of its log. */
  logTail: string;
  /** From REPORT of the log; undefined when it is not there. */
  durationMs: number | undefined;
  /** The same, of a cold start. */
  initMs: number | undefined;
}

export interface DeploymentGroup {
  application: string;
  name: string;
}

/** How a deployment group is set up. */
export interface GroupSettings {
  /** `Lambda`, `Server` or `ECS`; empty where CodeDeploy does not say. */
  computePlatform: string;
  /** The name of its deployment configuration. */
  config: string;
}

/** A deployment of AWS CodeDeploy; the words are those of AWS. */
export interface DeploymentState {
  status: string;
  description: string;
  /** The name of its deployment configuration. */
  config: string;
  /** Why it failed; empty when it did not. */
  error: string;
  /** What was rolled back, and how; empty when nothing was. */
  rollback: string;
  /** The deployment that takes it back; empty when there is none. */
  rollbackId: string;
  /** At which ends CodeDeploy rolls back by itself: `DEPLOYMENT_FAILURE` and the like. */
  rollsBackOn: readonly string[];
  events: readonly { name: string; status: string }[];
  /** What the new version gets of the traffic, in percent. */
  weight: number | undefined;
  /** Why events and weight are not known, where the role may not read them; else empty. */
  unseen: string;
}

export interface CodeDeploy {
  settings(group: DeploymentGroup, deadline: number): Promise<Attempt<GroupSettings>>;
  /** How long a deployment configuration takes to shift all traffic; undefined when it shifts in a way not known here. */
  shiftTime(group: DeploymentGroup, config: string, deadline: number): Promise<Attempt<{ ms: number | undefined }>>;
  /** The id of the deployment. Not to be repeated before `sinceStart` has been looked through. */
  create(
    group: DeploymentGroup,
    deployment: { appSpec: string; description: string },
    deadline: number,
  ): Promise<Attempt<string>>;
  /** The ids of deployments that have not ended. */
  active(group: DeploymentGroup, deadline: number): Promise<Attempt<readonly string[]>>;
  /** The ids of deployments that were made since this run began, those that have ended, too. */
  sinceStart(group: DeploymentGroup, deadline: number): Promise<Attempt<readonly string[]>>;
  look(group: DeploymentGroup, deploymentId: string, deadline: number): Promise<Attempt<DeploymentState>>;
}

/** The alarms of Amazon CloudWatch. */
export interface Alarms {
  /** Each alarm that is there, by name. */
  states(names: readonly string[], deadline: number): Promise<Attempt<ReadonlyMap<string, AlarmState>>>;
}

export interface AlarmState {
  /** `OK`, `ALARM` or `INSUFFICIENT_DATA`. */
  value: string;
  /** When it last changed, by the clock of CloudWatch; undefined where CloudWatch does not say. */
  changedAt: number | undefined;
}

export interface Invalidation {
  id: string;
  status: string;
  /** How long before the answer it was made, by the clock of the service alone; undefined where the answer lacks a time. */
  ageMs: number | undefined;
}

/** What has a cache of its own: a distribution, or a tenant of a distribution that several share. */
export interface Target {
  kind: 'distribution' | 'tenant';
  id: string;
}

/** Where CloudFront reads the cache tags of a target. */
export interface CacheTags {
  /** The target itself, or the distribution of a tenant. */
  distributionId: string;
  /** A header of the response; empty when it reads none. */
  header: string;
}

export interface CloudFront {
  /** Whether the target is there and its invalidations may be read, found out without changing anything. */
  check(target: Target, deadline: number): Promise<Attempt<true>>;
  cacheTags(target: Target, deadline: number): Promise<Attempt<CacheTags>>;
  /** The same reference and paths answer with the invalidation made before, and are billed once. */
  createInvalidation(
    target: Target,
    batch: { paths: readonly string[]; callerReference: string },
    deadline: number,
  ): Promise<Attempt<Invalidation>>;
  waitForInvalidation(target: Target, invalidationId: string, wait: Wait<Invalidation>): Promise<Waited<Invalidation>>;
}

/** The checked-out repository. */
export interface Repository {
  /** Every file that was added, changed or deleted in a range of commits, or why that cannot be told. */
  changedFiles(range: CommitRange): Promise<{ files: readonly string[] } | { unknown: string }>;
}

/** Amazon ECR, where the images are. */
export interface Ecr {
  /** A user and a password for `docker login`, good for every registry that the credentials may use. */
  signIn(deadline: number): Promise<Attempt<{ user: string; password: string }>>;
  /** What a tag or digest stands for; undefined when the registry has no such image. */
  manifest(image: ImageUri, deadline: number): Promise<Attempt<Manifest | undefined>>;
  /** The platform of an image, such as `linux/arm64`; undefined when its configuration does not say it. */
  platform(image: ImageUri, configDigest: string, deadline: number): Promise<Attempt<string | undefined>>;
}

export interface Manifest {
  /** `sha256:…`. */
  digest: string;
  mediaType: string;
  /** The manifest itself, unread. */
  text: string;
}

/** The docker of the machine. */
export interface Docker {
  /** Builds one single-platform image, pushes it, and returns the digest of the manifest that landed in the registry. */
  buildAndPush(build: Build, signIn: { user: string; password: string }): Promise<string>;
}

/** As `docker build` takes it. */
export interface Build {
  image: ImageUri;
  context: string;
  /** Empty: docker's default. */
  file: string;
  target: string;
  /** `linux/amd64` or `linux/arm64`. */
  platform: string;
  /** `NAME=value`, one each. */
  args: readonly string[];
  /** `id=…,src=…` or `id=…,env=…`, one each. */
  secrets: readonly string[];
}

/** A zip on this machine. */
export interface Zip {
  file: string;
  bytes: number;
  /** In base64, as CodeSha256 has it. */
  sha256: string;
}

export interface Zips {
  /**
   * A .zip as it is; a directory zipped so that the same files always give the same bytes, without anything of git's own
   * and without what is excluded.
   */
  pack(path: string, isExcluded?: (path: string) => boolean): Promise<Zip>;
  /** Writes a package to a file that nobody else may read; at most 50 MB, as Lambda takes it. */
  keep: SavePackage;
  /** Removes what these two made. */
  clean(): Promise<void>;
}

/** The site as its visitors get it, through the CDN. */
export interface Web {
  /** One GET, read to its end; a redirect is an answer. Throws only when the run was cancelled. */
  get(request: PageRequest): Promise<PageAnswer | PageFailure>;
}

export interface PageRequest {
  url: URL;
  acceptEncoding: string;
  /** The name in lower case of one more header that the answer is to keep. */
  header: string | undefined;
  /** Looked for in the decoded body, as UTF-8. */
  contains: string | undefined;
  /** Whether the answer is to hold the decoded text, which is for sitemaps; also a gzip file is unpacked. */
  keepText: boolean;
  /** In milliseconds of `performance.now()`. */
  deadline: number;
}

export interface PageAnswer {
  kind: 'answered';
  status: number;
  /** Those that judging needs, and the one that was asked for. */
  headers: Readonly<Record<string, string>>;
  /** Of the body, as it came over the wire. */
  bytes: number;
  contains: boolean;
  /** Empty unless it was to be kept. */
  text: string;
  /** When the headers arrived, in milliseconds of `performance.now()`. */
  answeredAt: number;
  /** From sending the request to the end of the body. */
  ms: number;
}

export interface PageFailure {
  kind: 'failed';
  /** Safe to print. */
  reason: string;
  /** Whether another try may end better. */
  isPassing: boolean;
  /** Static files, and where they go. */
}

export interface Assets {
  files: AssetFiles;
  /** `prefix` is empty or ends in a slash. */
  bucket(name: string, prefix: string): Bucket;
}

/** A file as it was found; when it is read, it must still be that. */
export interface AssetFile {
  /** Below the directory, with slashes. */
  path: string;
  /** Where it is, behind every link. */
  file: string;
  bytes: number;
  modifiedMs: number;
  /** Which file of the system it is. */
  identity: string;
}

export interface AssetFiles {
  /** Every file below a directory, by path; nothing of git's own, and nothing that is excluded. */
  find(directory: string, isExcluded: (path: string) => boolean): AssetFile[];
  /** The text of a file; undefined when it is too long for one. */
  text(file: AssetFile): string | undefined;
  fingerprint(file: AssetFile): Promise<Fingerprint>;
}

/** A file's contents, as S3 names them. */
export interface Fingerprint {
  /** The ETag of an object that S3 holds unencrypted or under its own key. */
  etag: string;
  /** The MD5 of each part, in base64; of a file that goes in one piece there is one. */
  parts: readonly string[];
}

/** What S3 keeps with an object and answers with. */
export interface AssetHeaders {
  contentType: string;
  cacheControl: string;
  contentEncoding?: string;
  contentDisposition?: string;
  contentLanguage?: string;
}

export interface AssetUpload {
  key: string;
  file: AssetFile;
  headers: AssetHeaders;
  /** Whether its name carries a hash of its contents. */
  isHashed: boolean;
}

/** An upload whose contents are known. */
export interface SealedUpload extends AssetUpload {
  fingerprint: Fingerprint;
}

export interface StoredObject {
  key: string;
  bytes: number;
  /** Without its quotes. */
  etag: string;
}

/** A bucket in Amazon S3, in whatever Region it is. Every call may be repeated. */
export interface Bucket {
  /** A page of what is there below the prefix; `next` asks for the one after it. */
  list(
    from: string | undefined,
    deadline: number,
  ): Promise<Attempt<{ objects: readonly StoredObject[]; next: string | undefined }>>;
  /** The fingerprint this action left with an object; undefined when it left none. */
  readFingerprint(key: string, deadline: number): Promise<Attempt<string | undefined>>;
  put(upload: SealedUpload, deadline: number): Promise<Attempt<true>>;
  beginParts(upload: SealedUpload, deadline: number): Promise<Attempt<string>>;
  /** Returns the ETag of the part; `part` counts from 0. */
  putPart(upload: SealedUpload, uploadId: string, part: number, deadline: number): Promise<Attempt<string>>;
  finishParts(
    upload: SealedUpload,
    uploadId: string,
    etags: readonly string[],
    deadline: number,
  ): Promise<Attempt<true>>;
  /** Gives up the storage of the parts, also of a run that was cancelled. */
  abandonParts(upload: SealedUpload, uploadId: string): Promise<void>;
  /** At most 1000 keys; returns those that were not deleted, and why. */
  delete(keys: readonly string[], deadline: number): Promise<Attempt<readonly Undeleted[]>>;
}

export interface Undeleted {
  key: string;
  /** As S3 names it: `AccessDenied`. */
  reason: string;
}
