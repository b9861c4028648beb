import { createHash } from 'node:crypto';
import { ecrHost } from '../image-uri.ts';
import { type Code, imageCode, zipCode } from './code.ts';
import { addProvisioned } from './environments.ts';
import {
  beginUpdate,
  type Configuration,
  continueUpdate,
  LATEST_PUBLISHED,
  type LambdaFunction,
  type Reason,
  type State,
  startCreation,
  startVersion,
  type UpdateStatus,
  type Version,
} from './function-state.ts';
import type { Home } from './identifiers.ts';
import type { PageMaker } from './page.ts';
import type { LambdaStore } from './store.ts';
import { summariseZip } from './zip.ts';

/** A function that exists when local-aws starts. */
export interface FunctionOptions {
  name: string;
  /** Default: an image of that name, tagged `v1`. */
  imageUri?: string | undefined;
  packageType?: 'Image' | 'Zip' | undefined;
  architecture?: 'x86_64' | 'arm64' | undefined;
  /** `Pending` turns Active by itself after `createMs`. */
  state?: State | undefined;
  stateReason?: Reason | undefined;
  /** `InProgress` ends by itself after `updateMs`; until then, and after `Failed`, an older code serves. */
  lastUpdateStatus?: UpdateStatus | undefined;
  lastUpdateReason?: Reason | undefined;
  environment?: Record<string, string> | undefined;
  role?: string | undefined;
  vpc?: { subnetIds: string[]; securityGroupIds: string[] } | undefined;
  /** Published versions, oldest first, or how many; the newest has the code that serves, the others older ones. */
  versions?: number | VersionOptions[] | undefined;
  /** Alias → version, or more about the alias. */
  aliases?: Record<string, string | AliasOptions> | undefined;
  /** For published versions; they take `snapStartMs` to be Active. */
  snapStart?: 'PublishedVersions' | 'None' | undefined;
  /** The most invocations at once; any number by default. */
  reservedConcurrency?: number | undefined;
  /** On Lambda Managed Instances; `$LATEST.PUBLISHED` has the code that serves. */
  capacityProvider?: string | undefined;
  /** Of a durable function: how long an execution may take, in seconds. */
  executionTimeout?: number | undefined;
  tenantIsolation?: 'PER_TENANT' | undefined;
  /** How long an invocation may take, in seconds. */
  timeout?: number | undefined;
  /** The customer's key that encrypts the package. */
  sourceKmsKey?: string | undefined;
  /** `bucket/key` of the package that the function refers to instead of having a copy. */
  s3Object?: string | undefined;
  /** What the function answers through a CDN, where the standard page is not enough. */
  page?: PageMaker | undefined;
}

interface VersionOptions {
  /** `Pending` turns Active by itself. */
  state?: State | undefined;
  description?: string | undefined;
}

interface AliasOptions {
  version: string;
  description?: string | undefined;
  /** Further version → share of traffic. */
  weights?: Record<string, number> | undefined;
  /** Provisioned concurrency, which is READY. */
  provisioned?: number | undefined;
}

export function newFunction(
  name: string,
  packageType: 'Image' | 'Zip',
  code: Code,
  configuration: Configuration,
): LambdaFunction {
  return {
    name,
    packageType,
    configuration,
    code,
    serving: code,
    state: 'Active',
    stateReason: undefined,
    lastUpdateStatus: 'Successful',
    lastUpdateReason: undefined,
    revisionId: crypto.randomUUID(),
    lastModified: new Date(),
    updatedAt: undefined,
    versions: [],
    nextVersion: 1,
    aliases: new Map(),
    environments: new Map(),
    provisioned: new Map(),
    reservedConcurrency: undefined,
    latestPublished: undefined,
  };
}

export function addFunction(store: LambdaStore, options: FunctionOptions): void {
  const fn = newFunction(
    options.name,
    options.packageType ?? 'Image',
    firstCode(store, options),
    settings(store, options),
  );
  const unfinished = options.lastUpdateStatus === 'InProgress' || options.lastUpdateStatus === 'Failed';
  if (unfinished) fn.serving = olderCode(fn.code, 0);
  fn.reservedConcurrency = options.reservedConcurrency;
  addVersions(store, fn, options.versions ?? 0);
  for (const [name, alias] of Object.entries(options.aliases ?? {})) {
    addAlias(fn, name, typeof alias === 'string' ? { version: alias } : alias);
  }
  store.functions.set(fn.name, fn);
  if (options.page !== undefined) store.pages.set(fn.name, options.page);
  setState(store, fn, options);
  if (options.capacityProvider !== undefined) {
    fn.latestPublished = {
      ...settledVersion(fn, LATEST_PUBLISHED, fn.serving, {}),
      serving: fn.serving,
      lastUpdateStatus: 'Successful',
      lastUpdateReason: undefined,
    };
  }
}

function firstCode(store: LambdaStore, options: FunctionOptions): Code {
  const { name, packageType, architecture = 'x86_64' } = options;
  if (packageType === 'Zip') {
    const [, S3Bucket = '', S3Key = ''] = /^([^/]+)\/(.+)$/s.exec(options.s3Object ?? '') ?? [];
    return {
      ...zipCode(summariseZip(Buffer.from(`PK\u0003\u0004${name}`)), architecture),
      sourceKmsKey: options.sourceKmsKey,
      s3Object: S3Bucket === '' ? undefined : { S3Bucket, S3Key, S3ObjectVersion: 'version-1' },
    };
  }
  const uri = firstImage(store.home, options);
  store.images.findOrPush(uri, architecture);
  return imageCode(uri, architecture, store);
}

export function firstImage(home: Home, { name, imageUri }: FunctionOptions): string {
  return imageUri ?? `${ecrHost(home)}/${name}:v1`;
}

function settings(store: LambdaStore, options: FunctionOptions): Configuration {
  const { packageType, environment, role, vpc, snapStart, capacityProvider, executionTimeout } = options;
  return {
    Role: role ?? `arn:aws:iam::${store.home.accountId}:role/${options.name}`,
    ...(packageType === 'Zip' && { Runtime: 'nodejs24.x', Handler: 'index.handler' }),
    ...(options.timeout !== undefined && { Timeout: options.timeout }),
    ...(capacityProvider !== undefined && {
      CapacityProviderConfig: {
        LambdaManagedInstancesCapacityProviderConfig: {
          CapacityProviderArn: `arn:aws:lambda:${store.home.region}:${store.home.accountId}:capacity-provider:${capacityProvider}`,
        },
      },
    }),
    ...(executionTimeout !== undefined && {
      DurableConfig: { ExecutionTimeout: executionTimeout, RetentionPeriodInDays: 14 },
    }),
    ...(options.tenantIsolation !== undefined && {
      TenancyConfig: { TenantIsolationMode: options.tenantIsolation },
    }),
    ...(snapStart !== undefined && { SnapStart: { ApplyOn: snapStart } }),
    ...(environment !== undefined && { Environment: { Variables: environment } }),
    ...(vpc !== undefined && {
      VpcConfig: { SubnetIds: vpc.subnetIds, SecurityGroupIds: vpc.securityGroupIds, VpcId: 'vpc-local' },
    }),
  };
}

function addVersions(store: LambdaStore, fn: LambdaFunction, wanted: number | VersionOptions[]): void {
  const versions = typeof wanted === 'number' ? Array.from({ length: wanted }, () => ({})) : wanted;
  for (const [index, options] of versions.entries()) {
    const number = index + 1;
    const code = number === versions.length ? fn.serving : olderCode(fn.code, number);
    const version = settledVersion(fn, String(number), code, options);
    fn.versions.push(version);
    if (version.state === 'Pending') startVersion(store, fn, version);
  }
  fn.nextVersion = versions.length + 1;
}

function settledVersion(fn: LambdaFunction, version: string, code: Code, options: VersionOptions): Version {
  const { state = 'Active', description } = options;
  return {
    version,
    code,
    configuration: description === undefined ? fn.configuration : { ...fn.configuration, Description: description },
    state,
    stateReason: defaultReason(state),
    revisionId: crypto.randomUUID(),
    lastModified: new Date(),
    activeAt: state === 'Active' ? performance.now() : undefined,
  };
}

function addAlias(fn: LambdaFunction, name: string, options: AliasOptions): void {
  const { version, description = '', weights = {}, provisioned } = options;
  const revisionId = crypto.randomUUID();
  fn.aliases.set(name, { name, version, description, weights, handingOver: undefined, revisionId });
  if (provisioned === undefined) return;
  const settled = { status: 'READY', reason: undefined, lastModified: new Date() } as const;
  fn.provisioned.set(name, { requested: provisioned, ...settled });
  addProvisioned(fn, { name, version, count: provisioned });
}

function olderCode(code: Code, number: number): Code {
  const hash = createHash('sha256').update(`${code.codeSha256}#${number}`);
  if (code.image === undefined) return { ...code, codeSha256: hash.digest('base64'), content: undefined };
  const codeSha256 = hash.digest('hex');
  const resolvedUri = code.image.resolvedUri.replace(/@.*$/, `@sha256:${codeSha256}`);
  return { ...code, codeSha256, image: { ...code.image, uri: resolvedUri, knownAs: resolvedUri, resolvedUri } };
}

function setState(store: LambdaStore, fn: LambdaFunction, options: FunctionOptions): void {
  fn.state = options.state ?? (options.capacityProvider === undefined ? 'Active' : 'ActiveNonInvocable');
  fn.stateReason = options.stateReason ?? defaultReason(fn.state);
  if (fn.state === 'Pending') startCreation(store, fn);
  fn.lastUpdateStatus = options.lastUpdateStatus ?? 'Successful';
  fn.lastUpdateReason = options.lastUpdateReason ?? defaultReason(fn.lastUpdateStatus);
  if (fn.lastUpdateStatus === 'InProgress') {
    beginUpdate(fn);
    continueUpdate(store, fn);
  }
}

function defaultReason(state: string): Reason | undefined {
  if (state === 'Inactive') return { code: 'Idle', text: 'The function is idle.' };
  if (state === 'Failed') return { code: 'InternalError', text: 'An internal error occurred.' };
  return undefined;
}
