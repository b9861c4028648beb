import type { DeployError } from '../errors.ts';
import type { Assets, AssetUpload, Fingerprint, Log, World } from '../world.ts';
import type { HeaderRule } from './headers.ts';

/** What the workflow asks for. */
export interface AssetsRequest {
  directory: string;
  bucket: string;
  /** Empty, or a folder with its slash at the end: what `parsePrefix` makes. */
  prefix: string;
  headerRules: readonly HeaderRule[];
  /** What is neither uploaded nor deleted, by its path below the directory or the prefix. */
  isExcluded(path: string): boolean;
  /** Whether what is below the prefix and not in the directory goes. */
  deletes: boolean;
}

/** A file that is not in the bucket, or not with these contents. */
export interface PlannedUpload extends AssetUpload {
  kind: 'new' | 'changed';
  /** Undefined while the length alone says that it changed. */
  fingerprint: Fingerprint | undefined;
}

/** What the look found: nothing has changed yet. */
export interface AssetsPlan {
  request: AssetsRequest;
  /** In the order in which they go: no later one is named by an earlier one. */
  uploads: readonly (readonly PlannedUpload[])[];
  new: number;
  changed: number;
  unchanged: number;
  /** Of what will be uploaded. */
  bytes: number;
  /** Keys below the prefix that no file has, whether they are to be deleted or not. */
  stale: readonly string[];
}

/** How many objects go when everything else has succeeded. */
export function toDelete({ request, stale }: AssetsPlan): number {
  return request.deletes ? stale.length : 0;
}

/** How far it got; a later one includes those before it. */
export type AssetsStage = 'untouched' | 'uploading' | 'uploaded' | 'deleting' | 'deleted';

/** Filled in as the release goes on, so that a failure or a cancel loses nothing. */
export interface AssetsOutcome {
  readonly bucket: string;
  readonly prefix: string;
  plan: AssetsPlan | undefined;
  stage: AssetsStage;
  uploaded: number;
  unchanged: number;
  deleted: number;
  /** Uploaded so far. */
  bytes: number;
  /** Whose answers in a cache are old or will be: what `@assets` clears. */
  changedKeys: readonly string[];
  error: DeployError | undefined;
}

export function emptyAssetsOutcome({ bucket, prefix }: AssetsRequest): AssetsOutcome {
  return {
    bucket,
    prefix,
    plan: undefined,
    stage: 'untouched',
    uploaded: 0,
    unchanged: 0,
    deleted: 0,
    bytes: 0,
    changedKeys: [],
    error: undefined,
  };
}

/** What the work on assets needs of the world. */
export type AssetsWorld = Pick<World, 'cancelled' | 'clock'> & { log: Pick<Log, 'line'>; assets: Assets };

/** How a message and a step name the place. */
export function placeOf({ bucket, prefix }: Pick<AssetsRequest, 'bucket' | 'prefix'>): string {
  return `s3://${bucket}/${prefix}`;
}
