import type { PackageContent } from '../lambda/packages.ts';
import {
  type Bucket,
  deleteObject,
  type MultipartUpload,
  putBytes,
  type S3Store,
  type StoredObject,
} from './buckets.ts';

/** The buckets as a test looks into them, without the network. */
export interface Buckets {
  keys: (bucket: string) => string[];
  object: (bucket: string, key: string) => StoredObject;
  /** As somebody else would upload it. */
  put: (bucket: string, key: string, content: PackageContent, metadata?: Record<string, string>) => void;
  remove: (bucket: string, key: string) => void;
  /** Uploads in parts that were neither completed nor aborted. */
  uploads: (bucket: string) => MultipartUpload[];
}

export function lookInto(store: S3Store): Buckets {
  const named = (name: string): Bucket => {
    const bucket = store.buckets.get(name);
    if (bucket === undefined) throw new Error(`local-aws has no bucket "${name}".`);
    return bucket;
  };
  return {
    keys: (bucket) => [...named(bucket).objects.keys()].sort(),
    object: (bucket, key) => {
      const object = named(bucket).objects.get(key);
      if (object === undefined) throw new Error(`The bucket "${bucket}" has no "${key}".`);
      return object;
    },
    put: (bucket, key, content, metadata = {}) => {
      putBytes(named(bucket), key, Buffer.from(content), { contentType: 'binary/octet-stream', others: {}, metadata });
    },
    remove: (bucket, key) => {
      deleteObject(named(bucket), key);
    },
    uploads: (bucket) => [...named(bucket).uploads.values()],
  };
}
