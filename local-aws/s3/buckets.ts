import { createHash, randomBytes } from 'node:crypto';
import type { PackageContent } from '../lambda/packages.ts';
import { S3Errors } from './errors.ts';

export interface BucketOptions {
  /** Default: that of `bucketRegions`, else the Region of all else. */
  region?: string | undefined;
  /** With `kms` an ETag is no MD5, though it looks like one. */
  encryption?: 'aes256' | 'kms' | undefined;
  /** Key → contents. */
  objects?: Record<string, PackageContent> | undefined;
}

/** An object as S3 gives it back. */
export interface StoredObject {
  bytes: Buffer;
  /** Without its quotes. */
  etag: string;
  modifiedAt: Date;
  headers: ObjectHeaders;
}

export interface ObjectHeaders {
  contentType: string;
  cacheControl?: string | undefined;
  /** Others that come back as they were sent: Content-Encoding and its like, and checksums. */
  others: Record<string, string>;
  metadata: Record<string, string>;
}

export interface MultipartUpload {
  id: string;
  key: string;
  headers: ObjectHeaders;
  startedAt: Date;
  parts: Map<number, { bytes: Buffer; etag: string }>;
}

export interface Bucket {
  name: string;
  region: string;
  isKms: boolean;
  objects: Map<string, StoredObject>;
  uploads: Map<string, MultipartUpload>;
  /** In the order of their UTF-8; undefined when it has to be worked out again. */
  sortedKeys: readonly string[] | undefined;
}

export interface S3Store {
  buckets: Map<string, Bucket>;
  denied: ReadonlySet<string>;
}

export function newBucket(name: string, region: string, { encryption, objects = {} }: BucketOptions): Bucket {
  const bucket: Bucket = {
    name,
    region,
    isKms: encryption === 'kms',
    objects: new Map(),
    uploads: new Map(),
    sortedKeys: undefined,
  };
  for (const [key, content] of Object.entries(objects)) putBytes(bucket, key, Buffer.from(content));
  return bucket;
}

export function findBucket(store: S3Store, name: string): Bucket {
  const bucket = store.buckets.get(name);
  if (bucket === undefined) throw S3Errors.noSuchBucket(name);
  return bucket;
}

const plainHeaders: ObjectHeaders = { contentType: 'binary/octet-stream', others: {}, metadata: {} };

export function putBytes(bucket: Bucket, key: string, bytes: Buffer, headers = plainHeaders): StoredObject {
  return putObject(bucket, key, { bytes, etag: etagOf(bucket, bytes), modifiedAt: new Date(), headers });
}

export function putObject(bucket: Bucket, key: string, object: StoredObject): StoredObject {
  if (!bucket.objects.has(key)) bucket.sortedKeys = undefined;
  bucket.objects.set(key, object);
  return object;
}

export function deleteObject(bucket: Bucket, key: string): boolean {
  const isThere = bucket.objects.delete(key);
  if (isThere) bucket.sortedKeys = undefined;
  return isThere;
}

export function keysOf(bucket: Bucket): readonly string[] {
  bucket.sortedKeys ??= [...bucket.objects.keys()]
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .map(String);
  return bucket.sortedKeys;
}

/** The MD5, but not under a key of KMS. */
export function etagOf({ isKms }: Bucket, bytes: Buffer): string {
  return isKms ? randomBytes(16).toString('hex') : createHash('md5').update(bytes).digest('hex');
}
