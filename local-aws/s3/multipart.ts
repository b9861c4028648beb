import { createHash, randomBytes } from 'node:crypto';
import type { Reply } from '../api.ts';
import { readPayload } from './body.ts';
import { type Bucket, etagOf, type MultipartUpload, putObject } from './buckets.ts';
import { S3Errors } from './errors.ts';
import { parseXml, readObjectHeaders, type S3Call, xmlReply } from './objects.ts';

const LEAST_PART_BYTES = 5 * 1024 * 1024;

export function createUpload({ bucket, key, request }: S3Call): Reply {
  const id = randomBytes(32).toString('base64url');
  const headers = readObjectHeaders(request);
  bucket.uploads.set(id, { id, key, headers, startedAt: new Date(), parts: new Map() });
  return xmlReply(
    'InitiateMultipartUploadResult',
    [
      ['Bucket', bucket.name],
      ['Key', key],
      ['UploadId', id],
    ],
    true,
  );
}

function findUpload({ bucket, key, request }: S3Call): MultipartUpload {
  const upload = bucket.uploads.get(request.query.get('uploadId') ?? '');
  if (upload?.key !== key) throw S3Errors.noSuchUpload();
  return upload;
}

export function uploadPart(call: S3Call): Reply {
  const upload = findUpload(call);
  const { bytes, checksums } = readPayload(call.request);
  const etag = etagOf(call.bucket, bytes);
  upload.parts.set(Number(call.request.query.get('partNumber')), { bytes, etag });
  return { status: 200, headers: { etag: `"${etag}"`, ...checksums }, body: '', effect: true };
}

export function completeUpload(call: S3Call): Reply {
  const { bucket, key, request } = call;
  const upload = findUpload(call);
  const { CompleteMultipartUpload: wanted } = parseXml(readPayload(request).bytes) as {
    CompleteMultipartUpload?: { Part?: { PartNumber?: string; ETag?: string }[] };
  };
  const parts = (wanted?.Part ?? []).map(({ PartNumber, ETag }) => {
    const part = upload.parts.get(Number(PartNumber));
    if (part === undefined || part.etag !== ETag?.replaceAll('"', '')) throw S3Errors.invalidPart();
    return part;
  });
  if (parts.length === 0) throw S3Errors.malformed();
  if (parts.slice(0, -1).some(({ bytes }) => bytes.length < LEAST_PART_BYTES)) throw S3Errors.tooSmall();
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  const etag = `${wholeEtag(bucket, parts)}-${parts.length}`;
  putObject(bucket, key, { bytes, etag, modifiedAt: new Date(), headers: upload.headers });
  bucket.uploads.delete(upload.id);
  const result = [
    ['Location', `https://${bucket.name}.s3.amazonaws.com/${key}`],
    ['Bucket', bucket.name],
    ['Key', key],
    ['ETag', `"${etag}"`],
  ] as const;
  return xmlReply('CompleteMultipartUploadResult', result, true);
}

/** The MD5 of the MD5s of the parts. */
function wholeEtag(bucket: Bucket, parts: readonly { bytes: Buffer }[]): string {
  return etagOf(bucket, Buffer.concat(parts.map(({ bytes }) => createHash('md5').update(bytes).digest())));
}

export function abortUpload(call: S3Call): Reply {
  call.bucket.uploads.delete(findUpload(call).id);
  return { status: 204, headers: {}, body: '', effect: true };
}

export function listParts(call: S3Call): Reply {
  const { id, key, parts } = findUpload(call);
  return xmlReply('ListPartsResult', [
    ['Bucket', call.bucket.name],
    ['Key', key],
    ['UploadId', id],
    ['IsTruncated', false],
    ...[...parts]
      .toSorted(([one], [other]) => one - other)
      .map(
        ([number, { bytes, etag }]) =>
          [
            'Part',
            [
              ['PartNumber', number],
              ['ETag', `"${etag}"`],
              ['Size', bytes.length],
            ],
          ] as const,
      ),
  ]);
}

export function listUploads({ bucket }: S3Call): Reply {
  return xmlReply('ListMultipartUploadsResult', [
    ['Bucket', bucket.name],
    ['IsTruncated', false],
    ...[...bucket.uploads.values()].map(
      ({ id, key, startedAt }) =>
        [
          'Upload',
          [
            ['Key', key],
            ['UploadId', id],
            ['Initiated', startedAt.toISOString()],
          ],
        ] as const,
    ),
  ]);
}
