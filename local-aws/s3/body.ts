import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ApiRequest } from '../api.ts';
import { S3Errors } from './errors.ts';

/** A body as it was meant, and what came with it to prove it. */
export interface Payload {
  bytes: Buffer;
  /** `x-amz-checksum-crc32` and its like, from a header or the trailer. */
  checksums: Record<string, string>;
}

export function headerOf({ headers }: ApiRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Takes the body out of its chunks and compares it with every checksum that came; S3 stores nothing that differs. */
export function readPayload(request: ApiRequest): Payload {
  const isChunked = headerOf(request, 'x-amz-content-sha256')?.startsWith('STREAMING-') === true;
  const { bytes, trailer } = isChunked ? unchunk(request.body) : { bytes: request.body, trailer: {} };
  const declared = headerOf(request, 'x-amz-decoded-content-length');
  if (declared !== undefined && Number(declared) !== bytes.length) throw S3Errors.incomplete();
  const md5 = headerOf(request, 'content-md5');
  if (md5 !== undefined && md5 !== createHash('md5').update(bytes).digest('base64')) {
    throw S3Errors.badDigest('Content-MD5');
  }
  const sent = { ...request.headers, ...trailer };
  const checksums = Object.fromEntries(
    Object.entries(sent).filter(
      (entry): entry is [string, string] => isChecksum(entry[0]) && typeof entry[1] === 'string',
    ),
  );
  for (const [name, value] of Object.entries(checksums)) {
    const actual = checksumOf(name, bytes);
    if (actual !== undefined && actual !== value) throw S3Errors.badDigest(name.slice('x-amz-checksum-'.length));
  }
  return { bytes, checksums };
}

function isChecksum(name: string): boolean {
  return /^x-amz-checksum-(?:crc32|crc32c|crc64nvme|sha1|sha256)$/.test(name);
}

/** Undefined for those that Node cannot work out; they are taken as they are. */
function checksumOf(name: string, bytes: Buffer): string | undefined {
  const algorithm = name.slice('x-amz-checksum-'.length);
  if (algorithm === 'sha1' || algorithm === 'sha256') return createHash(algorithm).update(bytes).digest('base64');
  if (algorithm !== 'crc32') return undefined;
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}

/** `length[;chunk-signature=…]`, the bytes, and so on until a length of 0; then headers that could not be known before. */
function unchunk(body: Buffer): { bytes: Buffer; trailer: Record<string, string> } {
  const chunks: Buffer[] = [];
  let at = 0;
  const readLine = () => {
    const end = body.indexOf('\r\n', at);
    if (end === -1) throw S3Errors.incomplete();
    const line = body.toString('latin1', at, end);
    at = end + 2;
    return line;
  };
  for (let length = Number.parseInt(readLine(), 16); length !== 0; length = Number.parseInt(readLine(), 16)) {
    if (!(length > 0) || at + length > body.length) throw S3Errors.incomplete();
    chunks.push(body.subarray(at, at + length));
    at += length + 2;
  }
  const trailer: Record<string, string> = {};
  while (at < body.length) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(readLine()) ?? [];
    if (name !== undefined && value !== undefined) trailer[name.toLowerCase()] = value;
  }
  return { bytes: Buffer.concat(chunks), trailer };
}
