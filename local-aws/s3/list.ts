import type { Reply } from '../api.ts';
import { type Bucket, keysOf } from './buckets.ts';
import { type S3Call, xmlReply } from './objects.ts';
import type { Element } from './xml.ts';

const MOST_KEYS = 1000;

/** ListObjectsV2. */
export function listObjects({ bucket, request }: S3Call): Reply {
  const { query } = request;
  const text = (name: string) => query.get(name) ?? '';
  const isUrl = text('encoding-type') === 'url';
  const encode = isUrl ? encodeKey : (key: string) => key;
  const most = Math.min(MOST_KEYS, Number(query.get('max-keys') ?? MOST_KEYS));
  const after = Buffer.from(text('continuation-token'), 'base64url').toString() || text('start-after');

  const names = namesAfter(keysOf(bucket), { prefix: text('prefix'), delimiter: text('delimiter'), after });
  const page: string[] = [];
  let last: string | undefined;
  for (const name of names) {
    if (page.length === most) {
      last = page.at(-1);
      break;
    }
    page.push(name);
  }
  return xmlReply('ListBucketResult', [
    ['Name', bucket.name],
    ['Prefix', encode(text('prefix'))],
    ['MaxKeys', most],
    ...(isUrl ? [['EncodingType', 'url'] as const] : []),
    ['IsTruncated', last !== undefined],
    ['KeyCount', page.length],
    ...(last === undefined ? [] : [['NextContinuationToken', Buffer.from(last).toString('base64url')] as const]),
    ...page.map((name) => describe(bucket, name, encode)),
  ]);
}

function describe(bucket: Bucket, name: string, encode: (key: string) => string): Element {
  const object = bucket.objects.get(name);
  if (object === undefined) return ['CommonPrefixes', [['Prefix', encode(name)]]];
  return [
    'Contents',
    [
      ['Key', encode(name)],
      ['LastModified', object.modifiedAt.toISOString()],
      ['ETag', `"${object.etag}"`],
      ['Size', object.bytes.length],
      ['StorageClass', 'STANDARD'],
    ],
  ];
}

/** As S3 does for keys that XML cannot hold: like a form, but for slashes. */
function encodeKey(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%20', '+');
}

interface Wanted {
  prefix: string;
  delimiter: string;
  after: string;
}

/** Keys, and in place of those behind a delimiter what comes before it, once. */
function* namesAfter(
  keys: readonly string[],
  { prefix, delimiter, after }: Wanted,
): Generator<string, void, undefined> {
  let before = after;
  for (let at = firstFrom(keys, after > prefix ? after : prefix); keys[at]?.startsWith(prefix); at += 1) {
    const key = keys[at] ?? '';
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = cut === -1 ? key : key.slice(0, cut + delimiter.length);
    if (name !== before) yield name;
    before = name;
  }
}

/** Where the keys begin that are not before a text, in the order of UTF-8. */
function firstFrom(keys: readonly string[], text: string): number {
  const wanted = Buffer.from(text);
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(Buffer.from(keys[middle] ?? ''), wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
