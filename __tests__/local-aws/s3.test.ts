import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { BucketOptions } from '../../local-aws/s3/buckets.ts';
import { startAws } from './clients.ts';

function connect(aws: LocalAws, config: S3ClientConfig = {}): S3Client {
  const s3 = new S3Client({
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    ...config,
  });
  onTestFinished(() => s3.destroy());
  return s3;
}

async function start(bucket: BucketOptions = {}) {
  const aws = await startAws({ buckets: { site: bucket } });
  return { aws, s3: connect(aws) };
}

const md5 = (bytes: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex') =>
  createHash('md5').update(bytes).digest(encoding);
const inSite = (Key: string) => ({ Bucket: 'site', Key });

describe('an object', () => {
  it('comes back as it was put, with its headers, and its MD5 is its ETag', async () => {
    const { s3 } = await start();
    const headers = { ContentType: 'text/css', CacheControl: 'no-cache', ContentEncoding: 'br', Metadata: { a: 'b' } };
    const put = await s3.send(new PutObjectCommand({ ...inSite('a/ü +&.css'), Body: 'x', ...headers }));
    expect(put.ETag).toBe(`"${md5('x')}"`);
    const got = await s3.send(new GetObjectCommand(inSite('a/ü +&.css')));
    expect(await got.Body?.transformToString()).toBe('x');
    expect(got).toMatchObject({ ...headers, ETag: put.ETag, ContentLength: 1 });
    const head = await s3.send(new HeadObjectCommand(inSite('a/ü +&.css')));
    expect(head).toMatchObject({ ...headers, ETag: put.ETag, ContentLength: 1 });
  });

  it('has an ETag that is no MD5 under a key of KMS', async () => {
    const { s3 } = await start({ encryption: 'kms' });
    const { ETag, ServerSideEncryption } = await s3.send(new PutObjectCommand({ ...inSite('a'), Body: 'x' }));
    expect(ETag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(ETag).not.toBe(`"${md5('x')}"`);
    expect(ServerSideEncryption).toBe('aws:kms');
  });

  it.each<ChecksumAlgorithm>(['CRC32', 'SHA1', 'SHA256'])(
    'is taken in chunks with its %s behind it, which comes back when asked for',
    async (ChecksumAlgorithm) => {
      const { s3 } = await start();
      const Body = Readable.from([Buffer.alloc(100_000, 'a'), Buffer.alloc(70_000, 'b')]);
      await s3.send(new PutObjectCommand({ ...inSite('a'), Body, ContentLength: 170_000, ChecksumAlgorithm }));
      const got = await s3.send(new GetObjectCommand({ ...inSite('a'), ChecksumMode: 'ENABLED' }));
      expect((await got.Body?.transformToByteArray())?.length).toBe(170_000);
      expect(got[`Checksum${ChecksumAlgorithm as 'CRC32'}`]).toBeDefined();
      expect(got.ContentEncoding).toBeUndefined();
    },
  );

  it.each([
    { name: 'another MD5', input: { ContentMD5: md5('y', 'base64') } },
    { name: 'another SHA-256', input: { ChecksumSHA256: createHash('sha256').update('y').digest('base64') } },
    { name: 'another CRC32', input: { ChecksumCRC32: 'AAAAAA==' } },
  ])('is refused with $name', async ({ input }) => {
    const { aws, s3 } = await start();
    await expect(s3.send(new PutObjectCommand({ ...inSite('a'), Body: 'x', ...input }))).rejects.toThrow(
      expect.objectContaining({ name: 'BadDigest', $metadata: expect.objectContaining({ httpStatusCode: 400 }) }),
    );
    expect(aws.buckets.keys('site')).toEqual([]);
  });

  it('is reached by the name of the host, too', async () => {
    const { aws } = await start();
    const lookup = ((_host: string, _options: unknown, done: (error: null, addresses: unknown) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }])) as never;
    const s3 = connect(aws, {
      endpoint: aws.url.replace('127.0.0.1', 'localhost'),
      forcePathStyle: false,
      requestHandler: { httpAgent: new Agent({ lookup }) },
    });
    await s3.send(new PutObjectCommand({ ...inSite('a/b'), Body: 'x' }));
    expect(aws.buckets.keys('site')).toEqual(['a/b']);
  });

  it('that is not there, or whose bucket is not, is an error of that name', async () => {
    const { s3 } = await start();
    await expect(s3.send(new GetObjectCommand(inSite('gone')))).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(s3.send(new HeadObjectCommand(inSite('gone')))).rejects.toMatchObject({ name: 'NotFound' });
    const elsewhere = new GetObjectCommand({ Bucket: 'gone', Key: 'a' });
    await expect(s3.send(elsewhere)).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });
});

describe('a listing', () => {
  it('goes by pages, by prefix, in the order of the bytes, with keys in the code of URLs', async () => {
    const keys = ['a/1 +.txt', 'a/\u{1f600}', 'a/\uffee', 'a/b&<>', 'b'];
    const { s3 } = await start({ objects: Object.fromEntries(keys.map((key) => [key, key])) });
    const list = (from?: string) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket: 'site',
          Prefix: 'a/',
          MaxKeys: 2,
          EncodingType: 'url',
          ContinuationToken: from,
        }),
      );
    const first = await list();
    const second = await list(first.NextContinuationToken);
    const all = [...(first.Contents ?? []), ...(second.Contents ?? [])];
    const decoded = all.map(({ Key = '' }) => decodeURIComponent(Key.replaceAll('+', ' ')));
    expect(decoded).toEqual(['a/1 +.txt', 'a/b&<>', 'a/\uffee', 'a/\u{1f600}']);
    expect(all[0]).toMatchObject({ Key: 'a/1+%2B.txt', Size: 9, ETag: `"${md5('a/1 +.txt')}"` });
    expect([first.IsTruncated, second.IsTruncated, first.KeyCount]).toEqual([true, false, 2]);
  });

  it('shows folders once', async () => {
    const { s3 } = await start({ objects: { 'a/1': '', 'a/2': '', 'b/c/1': '', top: '' } });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'site', Delimiter: '/', MaxKeys: 2 }));
    expect(listed.CommonPrefixes).toEqual([{ Prefix: 'a/' }, { Prefix: 'b/' }]);
    const rest = new ListObjectsV2Command({
      Bucket: 'site',
      Delimiter: '/',
      ContinuationToken: listed.NextContinuationToken,
    });
    expect((await s3.send(rest)).Contents).toMatchObject([{ Key: 'top' }]);
  });
});

describe('deleting many', () => {
  it('takes those that are there and those that are not', async () => {
    const { aws, s3 } = await start({ objects: { 'a &<': '1', b: '2' } });
    const Objects = [{ Key: 'a &<' }, { Key: 'gone' }];
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket: 'site', Delete: { Objects } }));
    expect(Deleted).toEqual(Objects);
    expect(Errors).toBeUndefined();
    expect(aws.buckets.keys('site')).toEqual(['b']);
  });

  it('answers key by key when it is denied', async () => {
    const { aws, s3 } = await start({ objects: { a: '1' } });
    aws.denied.add('s3:DeleteObject');
    const answer = await s3.send(
      new DeleteObjectsCommand({ Bucket: 'site', Delete: { Objects: [{ Key: 'a' }], Quiet: true } }),
    );
    expect(answer.Errors).toMatchObject([{ Key: 'a', Code: 'AccessDenied' }]);
    expect(aws.buckets.keys('site')).toEqual(['a']);
  });
});

describe('an upload in parts', () => {
  const part = Buffer.alloc(5 * 1024 * 1024, 'a');

  async function begin(s3: S3Client, bodies: Uint8Array[]) {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ ...inSite('big'), ContentType: 'text/plain' }),
    );
    const ids = { ...inSite('big'), UploadId };
    const Parts: CompletedPart[] = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await s3.send(new UploadPartCommand({ ...ids, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    return { ids, complete: () => s3.send(new CompleteMultipartUploadCommand({ ...ids, MultipartUpload: { Parts } })) };
  }

  it('becomes one object, with the ETag that its parts make', async () => {
    const { aws, s3 } = await start();
    const { ids, complete } = await begin(s3, [part, Buffer.from('end')]);
    const listed = await s3.send(new ListPartsCommand(ids));
    expect(listed.Parts).toMatchObject([
      { PartNumber: 1, Size: part.length },
      { PartNumber: 2, Size: 3 },
    ]);
    expect(aws.buckets.keys('site')).toEqual([]);
    const sums = [part, Buffer.from('end')].map((bytes) => createHash('md5').update(bytes).digest());
    expect((await complete()).ETag).toBe(`"${md5(Buffer.concat(sums))}-2"`);
    expect(aws.buckets.object('site', 'big')).toMatchObject({ headers: { contentType: 'text/plain' } });
    await expect(complete()).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('with a part below 5 MB that is not the last is refused, and can be given up', async () => {
    const { s3 } = await start();
    const { ids, complete } = await begin(s3, [Buffer.from('small'), Buffer.from('end')]);
    await expect(complete()).rejects.toMatchObject({ name: 'EntityTooSmall' });
    const list = new ListMultipartUploadsCommand({ Bucket: 'site' });
    expect((await s3.send(list)).Uploads).toMatchObject([{ Key: 'big', UploadId: ids.UploadId }]);
    await s3.send(new AbortMultipartUploadCommand(ids));
    expect((await s3.send(list)).Uploads).toBeUndefined();
  });
});

describe('a bucket in another Region', () => {
  it.each([
    { asked: 'us-east-1', name: 'AuthorizationHeaderMalformed', status: 400, header: undefined, body: 'eu-west-1' },
    { asked: 'us-west-2', name: 'PermanentRedirect', status: 301, header: 'eu-west-1', body: undefined },
  ])('answers $asked with $name and says where it is', async ({ asked, name, status, header, body }) => {
    const { aws } = await start({ region: 'eu-west-1' });
    const error = await connect(aws, { region: asked })
      .send(new ListObjectsV2Command({ Bucket: 'site' }))
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect([error.$response.headers['x-amz-bucket-region'], error.Region]).toEqual([header, body]);
    expect(
      (await connect(aws, { region: 'eu-west-1' }).send(new ListObjectsV2Command({ Bucket: 'site' }))).KeyCount,
    ).toBe(0);
  });
});

it('denies by action, and names the resource', async () => {
  const { aws, s3 } = await start({ objects: { a: '1' } });
  aws.denied.add('s3:PutObject');
  await expect(s3.send(new PutObjectCommand({ ...inSite('b/c'), Body: 'x' }))).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.stringContaining('not authorized to perform: s3:PutObject on resource: arn:aws:s3:::site/b/c'),
  });
  expect((await s3.send(new ListObjectsV2Command({ Bucket: 'site' }))).KeyCount).toBe(1);
});

const hasCli = spawnSync('aws', ['--version']).status === 0;

describe.skipIf(!hasCli)('the AWS CLI', () => {
  it('syncs there, sees nothing to do, deletes, lists, and syncs back', { timeout: 120_000 }, async () => {
    const { aws } = await start({ objects: { 'site/old.txt': '1' } });
    const directory = mkdtempSync(join(tmpdir(), 'local-aws-s3-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    mkdirSync(join(directory, 'in/a b'), { recursive: true });
    const big = randomBytes(9_000_000);
    writeFileSync(join(directory, 'in/a b/ü&.html'), '<p>');
    writeFileSync(join(directory, 'in/big.bin'), big);
    const cli = async (...args: string[]) => {
      const env = {
        ...process.env,
        ...aws.env,
        AWS_DEFAULT_REGION: aws.env.AWS_REGION,
        AWS_PAGER: '',
        LC_ALL: 'C.UTF-8',
      };
      const { stdout } = await promisify(execFile)('aws', ['s3', ...args], { env });
      return stdout;
    };
    const sync = ['sync', join(directory, 'in'), 's3://site/site', '--no-progress', '--delete'];
    expect(await cli(...sync)).toContain('delete: s3://site/site/old.txt');
    expect(aws.buckets.keys('site')).toEqual(['site/a b/ü&.html', 'site/big.bin']);
    expect(aws.buckets.object('site', 'site/a b/ü&.html').headers.contentType).toBe('text/html');
    expect(aws.buckets.object('site', 'site/big.bin').etag).toMatch(/-2$/);
    const before = aws.calls.length;
    expect(await cli(...sync)).toBe('');
    expect(aws.calls.slice(before).map(({ action }) => action)).toEqual(['ListObjectsV2']);
    expect(await cli('ls', 's3://site/site/')).toMatch(/PRE a b\/\n.* 9000000 big\.bin/);
    await cli('cp', 's3://site/site/a b/ü&.html', join(directory, 'back.html'), '--no-progress');
    expect(readFileSync(join(directory, 'back.html'), 'utf8')).toBe('<p>');
  });
});
