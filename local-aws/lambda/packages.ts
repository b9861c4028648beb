import { ApiError } from '../api.ts';
import { LambdaErrors } from './errors.ts';
import { summariseZip, type Zip } from './zip.ts';

/** A package's bytes; a text stands for some package, and is hashed as it is. */
export type PackageContent = string | Uint8Array;

/** The objects in S3 that functions can be made of; anybody may put another one at any time. */
export interface Packages {
  /** `place` is `bucket/key`. The newest version is what an update without S3ObjectVersion gets. */
  put: (place: string, content: PackageContent, version?: string) => void;
  read: (wanted: Wanted) => Zip;
}

interface Wanted {
  bucket: string;
  key: string;
  version: string | undefined;
}

export interface PackagesOptions {
  /** Undefined: every object is there, and its name stands for its bytes. */
  packages: Record<string, PackageContent | { versions: Record<string, PackageContent> }> | undefined;
  /** Buckets that are in another Region. */
  bucketRegions: Record<string, string>;
  denied: Set<string>;
}

interface StoredObject {
  newest: Zip;
  versions: Map<string, Zip>;
}

export function startPackages({ packages, bucketRegions, denied }: PackagesOptions): Packages {
  const objects = new Map<string, StoredObject>();

  const put: Packages['put'] = (place, content, version) => {
    if (!/^[^/]+\/./.test(place)) throw new Error(`A package is at bucket/key, not at "${place}".`);
    const zip = summarise(content);
    const versions = objects.get(place)?.versions ?? new Map<string, Zip>();
    if (version !== undefined) versions.set(version, zip);
    objects.set(place, { newest: zip, versions });
  };
  for (const [place, content] of Object.entries(packages ?? {})) {
    if (typeof content === 'string' || content instanceof Uint8Array) put(place, content);
    else for (const [version, bytes] of Object.entries(content.versions)) put(place, bytes, version);
  }

  function find({ bucket, key, version }: Wanted): Zip {
    const operation = operationFor(version);
    const object = objects.get(`${bucket}/${key}`);
    if (object === undefined) {
      if (packages === undefined) return summarise(`${bucket}/${key}/${version ?? ''}`);
      const isBucket = [...objects.keys()].some((place) => place.startsWith(`${bucket}/`));
      throw isBucket
        ? failed(operation, 'NoSuchKey', 'The specified key does not exist.')
        : failed(operation, 'NoSuchBucket', 'The specified bucket does not exist');
    }
    const zip = version === undefined ? object.newest : object.versions.get(version);
    if (zip === undefined) throw failed(operation, 'NoSuchVersion', 'The specified version does not exist.');
    return zip;
  }

  return {
    put,
    read: (wanted) => {
      const { bucket, key, version } = wanted;
      const operation = operationFor(version);
      if (denied.has(`s3:${operation}`) || denied.has('s3:*')) throw accessDenied(operation, `${bucket}/${key}`);
      const region = bucketRegions[bucket];
      if (region === undefined) return find(wanted);
      const message = `The bucket is in this region: ${region}. Please use this region to retry the request`;
      throw failed(operation, 'PermanentRedirect', message);
    },
  };
}

/** Also the name of the right that it takes. */
function operationFor(version: string | undefined): string {
  return version === undefined ? 'GetObject' : 'GetObjectVersion';
}

function summarise(content: PackageContent): Zip {
  const zip = summariseZip(Buffer.from(content));
  return typeof content === 'string' ? { ...zip, isZip: true } : zip;
}

function failed(operation: string, code: string, message: string): ApiError {
  return LambdaErrors.invalid(
    `Error occurred while ${operation}. S3 Error Code: ${code}. S3 Error Message: ${message}`,
  );
}

/** The right to read the object is the caller's. */
function accessDenied(operation: string, place: string): ApiError {
  return new ApiError(
    403,
    'AccessDeniedException',
    `Your access has been denied by S3, please make sure your request credentials have permission to ${operation} for ${place}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied`,
  );
}
