import { XMLParser } from 'fast-xml-parser';
import type { ApiRequest, Reply } from '../api.ts';
import { headerOf, type Payload, readPayload } from './body.ts';
import { type Bucket, deleteObject, type ObjectHeaders, putBytes, type S3Store, type StoredObject } from './buckets.ts';
import { S3Errors } from './errors.ts';
import { type Element, xmlDocument } from './xml.ts';

/** One call, with what it asks for. */
export interface S3Call {
  store: S3Store;
  bucket: Bucket;
  key: string;
  request: ApiRequest;
}

export function xmlReply(root: string, content: readonly Element[], effect = false): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: xmlDocument(root, content), effect };
}

export function putObject({ bucket, key, request }: S3Call): Reply {
  if (headerOf(request, 'x-amz-copy-source') !== undefined) throw S3Errors.notImplemented();
  if (Buffer.byteLength(key) > 1024) throw S3Errors.keyTooLong();
  const payload = readPayload(request);
  const { etag } = putBytes(bucket, key, payload.bytes, readObjectHeaders(request, payload));
  return {
    status: 200,
    headers: { etag: `"${etag}"`, ...encryptionOf(bucket), ...payload.checksums },
    body: '',
    effect: true,
  };
}

const KEPT = ['content-encoding', 'content-disposition', 'content-language', 'expires'];

/** Of a request that makes an object. */
export function readObjectHeaders(request: ApiRequest, payload?: Payload): ObjectHeaders {
  const others: Record<string, string> = { ...payload?.checksums };
  for (const name of KEPT) {
    // What the chunks of the request were is over when it is stored.
    const value = headerOf(request, name)?.replace(/^aws-chunked,?\s*/, '');
    if (value) others[name] = value;
  }
  const metadata = Object.entries(request.headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-meta-') ? [[name.slice('x-amz-meta-'.length), String(value)] as const] : [],
  );
  return {
    contentType: headerOf(request, 'content-type') ?? 'binary/octet-stream',
    cacheControl: headerOf(request, 'cache-control'),
    others,
    metadata: Object.fromEntries(metadata),
  };
}

/** Also HeadObject, whose body stays here. */
export function getObject({ bucket, key, request }: S3Call): Reply {
  const object = bucket.objects.get(key);
  if (object === undefined) throw S3Errors.noSuchKey(key);
  const { contentType, cacheControl, metadata } = object.headers;
  return {
    status: 200,
    headers: {
      'content-type': contentType,
      ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
      etag: `"${object.etag}"`,
      'last-modified': object.modifiedAt.toUTCString(),
      'accept-ranges': 'bytes',
      ...encryptionOf(bucket),
      ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
      ...otherHeaders(object, headerOf(request, 'x-amz-checksum-mode') === 'ENABLED'),
    },
    body: object.bytes,
  };
}

function otherHeaders({ headers }: StoredObject, withChecksums: boolean): Record<string, string> {
  const entries = Object.entries(headers.others);
  return Object.fromEntries(entries.filter(([name]) => withChecksums || !name.startsWith('x-amz-checksum-')));
}

function encryptionOf({ isKms }: Bucket): Record<string, string> {
  return { 'x-amz-server-side-encryption': isKms ? 'aws:kms' : 'AES256' };
}

export function deleteOne({ bucket, key }: S3Call): Reply {
  return { status: 204, headers: {}, body: '', effect: deleteObject(bucket, key) };
}

const MOST_KEYS = 1000;

// Everything stays text as it was sent: a key may look like a number or end with a space.
const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true, isArray: isList });

function isList(name: string): boolean {
  return name === 'Object' || name === 'Part';
}

export function parseXml(body: Buffer): Record<string, unknown> {
  try {
    return parser.parse(body.toString(), true) as Record<string, unknown>;
  } catch (cause) {
    throw S3Errors.malformed(cause);
  }
}

/** The right is asked for key by key, and a refusal is one of the answers. */
export function deleteMany({ store, bucket, request }: S3Call): Reply {
  const { bytes, checksums } = readPayload(request);
  if (headerOf(request, 'content-md5') === undefined && Object.keys(checksums).length === 0) {
    throw S3Errors.missingDigest();
  }
  const { Delete } = parseXml(bytes) as { Delete?: { Quiet?: string; Object?: { Key?: unknown }[] } };
  const keys = (Delete?.Object ?? []).map(({ Key }) => String(Key ?? ''));
  if (keys.length === 0 || keys.length > MOST_KEYS) throw S3Errors.malformed();
  let effect = false;
  const results = keys.flatMap((key): Element[] => {
    if (store.denied.has('s3:DeleteObject')) {
      return [
        [
          'Error',
          [
            ['Key', key],
            ['Code', 'AccessDenied'],
            ['Message', 'Access Denied'],
          ],
        ],
      ];
    }
    effect = deleteObject(bucket, key) || effect;
    return Delete?.Quiet === 'true' ? [] : [['Deleted', [['Key', key]]]];
  });
  return xmlReply('DeleteResult', results, effect);
}
