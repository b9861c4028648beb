import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { costText } from '../../src/cloudfront/cost.ts';
import { callsTo, deploy, distributionId, effects, type Site, startSite } from '../support/site.ts';

const directory = mkdtempSync(join(tmpdir(), 'clearing-'));
afterAll(() => rmSync(directory, { recursive: true }));

const other = 'E2EXAMPLE2';
const tenant = 'dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB';
const clear = { 'distribution-id': distributionId };

describe('a call to CloudFront', () => {
  it('carries all paths at once, each once, sorted, and without what a wildcard covers', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, paths: '/b /a /b /news/1 /news/*' });
    expect(sentItems(site)).toEqual([['/a', '/b', '/news/*']]);
    expect(run.result).toMatchObject({ pathCount: 3, paths: ['/a', '/b', '/news/*'], estimatedUsd: 0.015 });
  });

  it('keeps case and query strings, and takes /dir, /dir/ and /dir/index.html for three entries', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: '/Dir/ /dir /dir/index.html /q?b=1&a=2' });
    expect(sentItems(site)).toEqual([['/Dir/', '/dir', '/dir/index.html', '/q?b=1&a=2']]);
  });

  it('has the variants as well, when asked', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: '/dir/ /', 'path-variants': 'true' });
    expect(sentItems(site)).toEqual([['/', '/dir', '/dir/', '/dir/index.html', '/index.html']]);
  });

  it('is explained where a wildcard that was asked for covers many', async () => {
    await using site = await startSite();
    const posts = Array.from({ length: 60 }, (_, n) => `/blog/post-${n}`);
    const run = await deploy(site, { ...clear, paths: [...posts, '/blog/*'].join('\n') });
    expect(run.log).toContain('61 paths come to 1: a wildcard covers the others');
    const plain = await deploy(site, { ...clear, paths: '/a /b /a' });
    expect(plain.log).not.toContain('come to');
  });

  it('stays within max-paths, with the narrowest wildcards, and the log says so', async () => {
    await using site = await startSite();
    const posts = Array.from({ length: 50 }, (_, n) => `/blog/2026/post-${n}`);
    const run = await deploy(site, { ...clear, 'max-paths': '3', paths: [...posts, '/', '/about'].join('\n') });
    expect(sentItems(site)).toEqual([['/', '/about', '/blog/2026/post-*']]);
    expect(run.log).toContain('52 paths are more than max-paths (3), so they are cleared as 3: /blog/2026/post-*');
  });
});

describe('the quota for what is in progress', () => {
  it('divides 40 wildcards into three calls, and every path is cleared', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 700, originMs: 2 } });
    const paths = Array.from({ length: 40 }, (_, n) => `/${n}/*`);
    const run = await deploy(site, { ...clear, paths: paths.join('\n') });
    expect(run.outputs.status).toBe('succeeded');
    expect(sentItems(site).map(({ length }) => length)).toEqual([15, 15, 10]);
    expect(sentItems(site).flat().toSorted()).toEqual(paths.toSorted());
    expect(run.outputs['invalidation-id']?.split(' ')).toHaveLength(3);
    expect(run.outputs['invalidation-status']).toBe('Completed');
    expect(run.result.distributions[0].invalidations.map(({ pathCount }: { pathCount: number }) => pathCount)).toEqual([
      15, 15, 10,
    ]);
  });

  it('is waited out when others use it, with the same reference', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'error', ...tooMany, times: 2 });
    const run = await deploy(site, { ...clear, paths: '/a\n/b\n/c/*' });
    expect(run.outputs.status).toBe('succeeded');
    expect(new Set(callsTo(site, 'CreateInvalidation').map(({ input }) => referenceOf(input))).size).toBe(1);
    expect(effects(site, 'CreateInvalidation')).toBe(1);
  });
});

describe('the quota of a second', () => {
  it('divides a call that it can never let through, and every path is cleared once', async () => {
    await using site = await startSite({ quotas: 'per-second' });
    const paths = [...Array.from({ length: 320 }, (_, n) => `/page-${n}`), '/a/*', '/b/*'];
    const run = await deploy(site, { ...clear, 'paths-file': file(paths.join('\n')) });
    expect(run.outputs.status).toBe('succeeded');
    const taken = callsTo(site, 'CreateInvalidation').filter(({ effect }) => effect);
    expect(taken.flatMap(({ input }) => itemsOf(input)).toSorted()).toEqual(paths.toSorted());
    expect(taken).toHaveLength(3);
    expect(taken.every(({ input }) => itemsOf(input).length <= 150)).toBe(true);
  });
});

describe('cache tags', () => {
  const tagged = { distributions: [{ id: distributionId, functionName: 'web', cacheTagHeader: 'cache-tag' }] };

  it('are sent beside paths where the distribution reads them', async () => {
    await using site = await startSite(tagged);
    const run = await deploy(site, { ...clear, paths: '#Product-1 /a # a comment' });
    expect(run.outputs.status).toBe('succeeded');
    expect(sentItems(site)).toEqual([['#product-1', '/a']]);
  });

  it('are refused with the reason where it reads none, before any code is touched', async () => {
    await using site = await startSite();
    const run = await deploy(site, {
      ...clear,
      'function-name': 'web',
      'image-uri': '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v2',
      paths: '#product-1',
    });
    expect(run.result.error).toMatchObject({ code: 'invalid-input', hint: expect.stringContaining('CacheTagConfig') });
    expect(run.result.error.message).toContain('no header for cache tags');
    expect(run.result.error.hint).toContain(distributionId);
    expect(site.calls.filter(({ effect }) => effect)).toEqual([]);
  });

  it('ask for the permission that tells whether they work', async () => {
    await using site = await startSite({ ...tagged, deny: ['cloudfront:GetDistributionConfig'] });
    const { result } = await deploy(site, { ...clear, paths: '#product-1' });
    expect(result.error.code).toBe('access-denied');
    expect(result.error.hint).toContain('cloudfront:GetDistributionConfig');
  });
});

describe('a distribution tenant', () => {
  const shared = {
    distributions: [
      { id: distributionId, functionName: 'web', cacheTagHeader: 'cache-tag' },
      { id: tenant, kind: 'tenant' as const, parentId: distributionId, functionName: 'web' },
    ],
  };

  it('is cleared and waited for with calls of its own', async () => {
    await using site = await startSite(shared);
    const run = await deploy(site, { 'distribution-tenant-id': tenant });
    expect(run.outputs['invalidation-status']).toBe('Completed');
    expect(run.result.distributions).toMatchObject([{ id: tenant, kind: 'tenant', error: null }]);
    expect(effects(site, 'CreateInvalidationForDistributionTenant')).toBe(1);
    expect(callsTo(site, 'GetInvalidationForDistributionTenant').length).toBeGreaterThan(1);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('is listed after the distributions, and reads the tags of its distribution', async () => {
    await using site = await startSite(shared);
    const run = await deploy(site, { ...clear, 'distribution-tenant-id': tenant, paths: '#a' });
    expect(run.outputs['invalidation-id']?.split('\n')).toHaveLength(2);
    expect(run.result.distributions.map(({ id }: { id: string }) => id)).toEqual([distributionId, tenant]);
  });

  it('whose distribution reads no tags is told which that is', async () => {
    await using site = await startSite({
      distributions: shared.distributions.map((one) => ({ ...one, cacheTagHeader: undefined })),
    });
    const { result } = await deploy(site, { 'distribution-tenant-id': tenant, paths: '#a' });
    expect(result.error).toMatchObject({ message: expect.stringContaining(tenant) });
    expect(result.error.hint).toContain(`distribution ${distributionId},`);
  });

  it('that is not there is told before any code is touched', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { 'distribution-tenant-id': tenant });
    expect(result.error).toMatchObject({ code: 'not-found', message: expect.stringContaining(tenant) });
  });
});

describe('several distributions', () => {
  const both = {
    distributions: [
      { id: distributionId, functionName: 'web' },
      { id: other, functionName: 'web' },
    ],
  };

  it('cost something only where they were cleared', async () => {
    await using site = await startSite(both);
    const targets = { 'distribution-id': `${distributionId} ${other}` };
    site.fault({ action: 'CreateInvalidation', resource: distributionId, kind: 'denied' });
    const half = await deploy(site, targets);
    expect(half.summary).toContain(`Cost of clearing: ${costText(1, 1)}`);
    site.denied.add('cloudfront:CreateInvalidation');
    expect((await deploy(site, targets, { env: { GITHUB_RUN_ATTEMPT: '2' } })).summary).not.toMatch(/cost/i);
  });

  it('fail one by one, and the result has each', async () => {
    await using site = await startSite(both);
    site.fault({ action: 'CreateInvalidation', resource: distributionId, kind: 'denied' });
    const run = await deploy(site, { 'distribution-id': `${distributionId} ${other}` });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.distributions).toMatchObject([
      { id: distributionId, error: { code: 'access-denied' }, invalidations: [] },
      { id: other, error: null, invalidationStatus: 'Completed' },
    ]);
    expect(run.outputs['invalidation-status']).toBe('\nCompleted');
  });

  it('cost as much as they are', async () => {
    await using site = await startSite(both);
    const run = await deploy(site, {
      'distribution-id': `${distributionId} ${other}`,
      'dry-run': 'true',
      paths: '/a /b',
    });
    expect(run.log).toContain('to clear: 2 paths in each of 2 distributions, $0.020');
    expect(run.log).toContain("- clearing would cost $0.020, or nothing within the account's 1,000 free paths a month");
    expect(run.summary).toContain('Clearing would cost');
    expect(run.result.estimatedUsd).toBe(0.02);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

const tooMany = { code: 'TooManyInvalidationsInProgress', status: 400, message: 'Too many.' };

function sentItems(site: Site): string[][] {
  return callsTo(site, 'CreateInvalidation')
    .filter(({ effect }) => effect)
    .map(({ input }) => itemsOf(input));
}

interface Batch {
  CallerReference: string;
  Paths: { Items: string[] };
}

function itemsOf(input: Record<string, unknown>): string[] {
  return (input.InvalidationBatch as Batch).Paths.Items;
}

function referenceOf(input: Record<string, unknown>): string {
  return (input.InvalidationBatch as Batch).CallerReference;
}

function file(text: string): string {
  const path = join(mkdtempSync(join(directory, 'paths-')), 'paths.txt');
  writeFileSync(path, text);
  return path;
}
