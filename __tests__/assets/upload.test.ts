import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { BucketOptions } from '../../local-aws/s3/buckets.ts';
import { startLocalAws } from '../../local-aws/server.ts';
import { connectClock } from '../../src/adapters/clock.ts';
import { connectAssets } from '../../src/adapters/s3.ts';
import { deleteStaleAssets } from '../../src/assets/delete-stale.ts';
import { lookAtAssets } from '../../src/assets/look.ts';
import { type AssetsOutcome, type AssetsRequest, emptyAssetsOutcome } from '../../src/assets/outcome.ts';
import { uploadAssets } from '../../src/assets/upload.ts';
import { startTimeline } from '../../src/timeline.ts';
import { type Node, plant, temporary } from '../package/trees.ts';

const mebibyte = 1_048_576;

/** A bucket `site`, and a directory to go there. */
async function startSite(tree: Record<string, Node>, bucket: BucketOptions = {}) {
  const aws = await startLocalAws({ buckets: { site: bucket } });
  const temp = temporary();
  const before = { ...process.env };
  // The SDK finds its way by the environment, as in a job.
  Object.assign(process.env, aws.env);
  onTestFinished(async () => {
    process.env = before;
    temp[Symbol.dispose]();
    await aws.stop();
  });
  return { aws, directory: plant(temp.path, tree) };
}

interface Options extends Partial<AssetsRequest> {
  ms?: number;
  region?: string;
  cancelled?: AbortSignal;
  /** Between the look and the upload. */
  meanwhile?: () => void;
}

/** Look, upload, delete, as a release does it when all goes well. */
async function deploy(directory: string, options: Options = {}): Promise<AssetsOutcome & { log: string[] }> {
  const { ms = 20_000, region = 'us-east-1', cancelled = new AbortController().signal, meanwhile, ...rest } = options;
  const request = {
    directory,
    bucket: 'site',
    prefix: '',
    headerRules: [],
    isExcluded: () => false,
    deletes: false,
    ...rest,
  };
  const log: string[] = [];
  const line = (text: string) => log.push(text);
  const silent = { line, warning: line, error: line, group: <T>(_: string, work: () => Promise<T>) => work() };
  const clock = connectClock(cancelled);
  const world = { cancelled, clock, log: silent, assets: connectAssets(region, cancelled) };
  const outcome = emptyAssetsOutcome(request);
  const timeline = startTimeline(silent, clock);
  const deadline = performance.now() + ms;
  outcome.plan = await lookAtAssets(request, world, timeline, deadline);
  meanwhile?.();
  await uploadAssets(outcome.plan, outcome, world, timeline, deadline);
  await deleteStaleAssets(outcome.plan, outcome, world, timeline, deadline);
  return { ...outcome, log };
}

const called = (aws: LocalAws, ...actions: string[]) => aws.calls.filter(({ action }) => actions.includes(action));
const changing = (aws: LocalAws) => aws.calls.filter(({ effect }) => effect).map(({ action }) => action);

describe('uploading', () => {
  it('sends new and changed files with their headers, and leaves the others', async () => {
    const tree = { 'index.html': '<p>new', 'same.txt': 'same', 'app-5XJ2K7QN.js': '1', 'ü +&<?#.txt': 'x' };
    const { aws, directory } = await startSite(tree, {
      objects: { 'static/index.html': '<p>old', 'static/same.txt': 'same', 'other/file.txt': 'x' },
    });
    const outcome = await deploy(directory, { prefix: 'static/' });
    expect(outcome).toMatchObject({ uploaded: 3, unchanged: 1, deleted: 0, bytes: 8, stage: 'uploaded' });
    expect(outcome.plan).toMatchObject({ new: 2, changed: 1, unchanged: 1, bytes: 8, stale: [] });
    expect(aws.buckets.object('site', 'static/ü +&<?#.txt').bytes.toString()).toBe('x');
    expect(aws.buckets.object('site', 'static/index.html').headers).toMatchObject({
      contentType: 'text/html; charset=utf-8',
      cacheControl: 'no-cache',
    });
    expect(aws.buckets.object('site', 'static/app-5XJ2K7QN.js').headers.cacheControl).toContain('immutable');
    expect(called(aws, 'PutObject').map(({ resource }) => resource)).not.toContain('site/static/same.txt');
  });

  it('sends hashed files first and pages last, each kind when all before it are there', async () => {
    const names = ['a.html', 'b/c.htm', 'sw.js', 'main-5XJ2K7QN.js', 'styles-5XJ2K7QN.css', 'manifest.json'];
    const { aws, directory } = await startSite(Object.fromEntries(names.map((name) => [name, name])));
    const finished: string[] = [];
    aws.on('PutObject', ({ when, call }) => when === 'after' && finished.push(call.resource));
    aws.fault({ action: 'PutObject', resource: 'site/styles-5XJ2K7QN.css', kind: 'throttle' });
    await deploy(directory);
    const at = (name: string) => finished.lastIndexOf(`site/${name}`);
    expect(Math.max(at('main-5XJ2K7QN.js'), at('styles-5XJ2K7QN.css'))).toBeLessThan(
      Math.min(at('sw.js'), at('manifest.json')),
    );
    expect(Math.max(at('sw.js'), at('manifest.json'))).toBeLessThan(Math.min(at('a.html'), at('b/c.htm')));
  });

  it('decides by one listing, without asking for or sending anything that is unchanged', async () => {
    const names = Array.from({ length: 2500 }, (_, index) => `file-${index}.txt`);
    const files = Object.fromEntries(names.map((name) => [name, name]));
    const { aws, directory } = await startSite(files, { objects: files });
    expect(await deploy(directory)).toMatchObject({ uploaded: 0, unchanged: 2500 });
    expect(aws.calls.map(({ action }) => action)).toEqual(['ListObjectsV2', 'ListObjectsV2', 'ListObjectsV2']);
  });

  it('sends a file above 16 MB in parts, and knows it again', async () => {
    const { aws, directory } = await startSite({
      big: Buffer.alloc(35 * mebibyte, 'abc'),
      'mid.bin': Buffer.alloc(mebibyte),
    });
    expect(await deploy(directory)).toMatchObject({ uploaded: 2, bytes: 36 * mebibyte });
    expect(called(aws, 'UploadPart')).toHaveLength(3);
    expect(aws.buckets.object('site', 'big').bytes.equals(Buffer.alloc(35 * mebibyte, 'abc'))).toBe(true);
    expect(await deploy(directory)).toMatchObject({ uploaded: 0, unchanged: 2 });
    expect(called(aws, 'HeadObject')).toEqual([]);
  });

  it('knows its own files again where the ETag is no MD5, and no others', async () => {
    const { aws, directory } = await startSite({ 'a.txt': 'a', 'b.txt': 'b' }, { encryption: 'kms' });
    aws.buckets.put('site', 'b.txt', 'b');
    expect(await deploy(directory)).toMatchObject({ uploaded: 2 });
    expect(await deploy(directory)).toMatchObject({ uploaded: 0, unchanged: 2 });
    aws.buckets.put('site', 'a.txt', 'x');
    writeFileSync(join(directory, 'b.txt'), 'y');
    expect((await deploy(directory)).changedKeys).toEqual(['a.txt', 'b.txt']);
    aws.denied.add('s3:GetObject');
    expect(await deploy(directory)).toMatchObject({ uploaded: 2, unchanged: 0 });
  });

  it.each(['us-east-1', 'us-west-2', ''])('goes on where the bucket is, when that is not "%s"', async (region) => {
    const { aws, directory } = await startSite({ a: '1', b: '2' }, { region: 'eu-central-1' });
    expect(await deploy(directory, { region })).toMatchObject({ uploaded: 2 });
    expect(aws.calls.filter(({ error }) => error !== undefined).map(({ action }) => action)).toEqual(['ListObjectsV2']);
  });

  it('names for @assets what changed and what is new, but not what has a hash and is new', async () => {
    const tree = {
      'new.txt': '1',
      'main-5XJ2K7QN.js': '1',
      'chunk-5XJ2K7QN.js': 'other',
      'same.txt': 's',
      'c.txt': 'cc',
    };
    const { directory } = await startSite(tree, {
      objects: { 'chunk-5XJ2K7QN.js': '1', 'same.txt': 's', 'c.txt': 'c', 'gone.txt': '1' },
    });
    const outcome = await deploy(directory, { deletes: true });
    expect([...outcome.changedKeys].sort()).toEqual(['c.txt', 'chunk-5XJ2K7QN.js', 'gone.txt', 'new.txt']);
  });
});

describe('trouble', () => {
  it('with the listing does not make a bucket look empty', async () => {
    const { aws, directory } = await startSite({ a: '1' }, { objects: { a: '1' } });
    for (const kind of ['empty-200', 'html-200', 'truncate', 'reset-in-body'] as const) {
      aws.fault({ action: 'ListObjectsV2', kind });
    }
    expect(await deploy(directory)).toMatchObject({ uploaded: 0, unchanged: 1 });
  });

  it('that passes is waited out: throttles, server errors and broken connections', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const { aws, directory } = await startSite(Object.fromEntries(names.map((name) => [name, name])));
    for (const kind of ['throttle', 'reset-before', 'reset-after', 'internal-error', 'reset-in-body'] as const) {
      aws.fault({ action: 'PutObject', kind, times: 3 });
    }
    expect(await deploy(directory)).toMatchObject({ uploaded: 40 });
    expect(aws.buckets.keys('site')).toHaveLength(40);
  });

  it('in the parts is waited out, also when the completion is applied and not answered', async () => {
    const { aws, directory } = await startSite({ big: Buffer.alloc(17 * mebibyte) });
    aws.fault({ action: 'UploadPart', kind: 'reset-before' });
    aws.fault({ action: 'CompleteMultipartUpload', kind: 'reset-after' });
    expect(await deploy(directory)).toMatchObject({ uploaded: 1 });
    expect(aws.buckets.object('site', 'big').etag).toMatch(/-2$/);
  });

  it('that stays ends at the deadline', async () => {
    const { aws, directory } = await startSite({ a: '1' });
    aws.fault({ action: 'PutObject', kind: 'throttle', times: 1000 });
    await expect(deploy(directory, { ms: 2000 })).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringContaining(
        'PutObject of a was not answered in time; the last try ended with throttled (SlowDown)',
      ),
    });
  });

  it('with the parts leaves none behind, also after a cancel', async () => {
    const { aws, directory } = await startSite({ big: Buffer.alloc(17 * mebibyte) });
    const cancel = new AbortController();
    aws.on('UploadPart', ({ when }) => when === 'after' && cancel.abort());
    await expect(deploy(directory, { cancelled: cancel.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(aws.buckets.uploads('site')).toEqual([]);
    expect(aws.buckets.keys('site')).toEqual([]);
  });

  it.each([
    {
      name: 'a bucket that is not there',
      options: { bucket: 'gone' },
      deny: [],
      error: { code: 'not-found', message: 'Bucket gone does not exist (NoSuchBucket).' },
    },
    {
      name: 'a listing that is denied',
      options: {},
      deny: ['s3:ListBucket'],
      error: { code: 'access-denied', hint: 'Allow s3:ListBucket on arn:aws:s3:::site to the role of this job.' },
    },
    {
      name: 'an upload that is denied',
      options: { prefix: 'static/' },
      deny: ['s3:PutObject'],
      error: {
        code: 'access-denied',
        hint: 'Allow s3:PutObject on arn:aws:s3:::site/static/* to the role of this job.',
      },
    },
  ])('is named: $name', async ({ options, deny, error }) => {
    const { aws, directory } = await startSite({ a: '1' });
    for (const action of deny) {
      aws.denied.add(action);
    }
    await expect(deploy(directory, options)).rejects.toMatchObject(error);
    expect(changing(aws)).toEqual([]);
  });

  it('with one file begins no other, and deletes nothing', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `f${index}`);
    const { aws, directory } = await startSite(Object.fromEntries(names.map((name) => [name, name])), {
      objects: { 'old.txt': '1' },
    });
    aws.fault({ action: 'PutObject', kind: 'denied' });
    await expect(deploy(directory, { deletes: true })).rejects.toMatchObject({ code: 'access-denied' });
    expect(called(aws, 'PutObject').length).toBeLessThan(100);
    expect(called(aws, 'DeleteObjects')).toEqual([]);
  });

  it.each([100, 400_000])('of a file of %d bytes that changes meanwhile is an error that names it', async (bytes) => {
    const { aws, directory } = await startSite({ 'a.js': 'x'.repeat(bytes) });
    const meanwhile = () => appendFileSync(join(directory, 'a.js'), 'y');
    await expect(deploy(directory, { meanwhile })).rejects.toMatchObject({
      code: 'upload-failed',
      message: expect.stringContaining('"a.js" of assets-dir changed'),
    });
    expect(aws.buckets.keys('site')).toEqual([]);
  });

  it('of a file that is rewritten in secret, with its length and its time, is noticed by S3', async () => {
    const { aws, directory } = await startSite({ 'a.js': 'new' }, { objects: { 'a.js': 'old' } });
    const file = join(directory, 'a.js');
    utimesSync(file, 1000, 1000);
    const meanwhile = () => {
      writeFileSync(file, 'NEW');
      utimesSync(file, 1000, 1000);
    };
    await expect(deploy(directory, { meanwhile })).rejects.toMatchObject({
      code: 'upload-failed',
      message: expect.stringContaining('"a.js" of assets-dir changed'),
    });
    expect(aws.buckets.object('site', 'a.js').bytes.toString()).toBe('old');
  });

  it('of a body that arrives as another one is an error that names the file', async () => {
    const { aws, directory } = await startSite({ 'a.js': '1' });
    aws.fault({ action: 'PutObject', kind: 'error', status: 400, code: 'BadDigest', message: 'no match' });
    await expect(deploy(directory)).rejects.toMatchObject({
      code: 'upload-failed',
      message: expect.stringContaining('"a.js" of assets-dir changed'),
    });
  });

  it('of keys that are too long is found before anything is uploaded', async () => {
    const long = ['x'.repeat(200), 'y'.repeat(200)].join('/');
    const { aws, directory } = await startSite({ [long]: '1', short: '1' });
    const prefix = `${'p'.repeat(700)}/`;
    await expect(deploy(directory, { prefix })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('longer than the 1024 bytes'),
    });
    expect(aws.calls).toEqual([]);
  });
});

describe('deleting', () => {
  it('takes what is below the prefix and not in the directory, after everything else', async () => {
    const objects = {
      's/old.txt': '1',
      's/deep/old.txt': '1',
      's/keep.txt': 'k',
      'static/x.txt': '1',
      's/folder/': '',
    };
    const { aws, directory } = await startSite({ 'keep.txt': 'k', 'new.txt': 'n' }, { objects });
    const outcome = await deploy(directory, { prefix: 's/', deletes: true });
    expect(outcome).toMatchObject({ uploaded: 1, deleted: 2, stage: 'deleted' });
    expect(aws.buckets.keys('site')).toEqual(['s/folder/', 's/keep.txt', 's/new.txt', 'static/x.txt']);
    expect(changing(aws)).toEqual(['PutObject', 'DeleteObjects']);
  });

  it('does not happen unless it is asked for', async () => {
    const { aws, directory } = await startSite({ a: '1' }, { objects: { 'old.txt': '1' } });
    const outcome = await deploy(directory);
    expect(outcome.plan?.stale).toEqual(['old.txt']);
    expect(outcome.changedKeys).toEqual(['a']);
    expect(called(aws, 'DeleteObjects')).toEqual([]);
  });

  it('leaves what somebody else has uploaded since the look', async () => {
    const { aws, directory } = await startSite({ a: '1' }, { objects: { 'old.txt': '1' } });
    await deploy(directory, { deletes: true, meanwhile: () => aws.buckets.put('site', 'theirs.txt', '1') });
    expect(aws.buckets.keys('site')).toEqual(['a', 'theirs.txt']);
  });

  it('goes by a thousand at a time', async () => {
    const objects = Object.fromEntries(Array.from({ length: 2001 }, (_, index) => [`old/${index} &<é`, '1']));
    const { aws, directory } = await startSite({ a: '1' }, { objects });
    expect(await deploy(directory, { deletes: true })).toMatchObject({ deleted: 2001 });
    expect(called(aws, 'DeleteObjects')).toHaveLength(3);
    expect(aws.buckets.keys('site')).toEqual(['a']);
  });

  it('is refused for an empty directory, which would delete everything', async () => {
    const { aws, directory } = await startSite({ a: '1' }, { objects: { 's/old.txt': '1' } });
    rmSync(join(directory, 'a'));
    await expect(deploy(directory, { prefix: 's/', deletes: true })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('would delete everything under s3://site/s/'),
    });
    expect(aws.calls).toEqual([]);
    expect(await deploy(directory, { prefix: 's/' })).toMatchObject({ uploaded: 0, deleted: 0 });
  });

  it('names the right that is missing', async () => {
    const { aws, directory } = await startSite({ a: '1' }, { objects: { 's/old.txt': '1' } });
    aws.denied.add('s3:DeleteObject');
    await expect(deploy(directory, { prefix: 's/', deletes: true })).rejects.toMatchObject({
      code: 'access-denied',
      hint: expect.stringContaining('s3:DeleteObject on arn:*:s3:::site/s/*'),
    });
  });
});
