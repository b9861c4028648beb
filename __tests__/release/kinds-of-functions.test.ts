import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  callsTo,
  deploy,
  distributionId,
  earlyInvalidations,
  effects,
  repository,
  startSite,
  v2,
} from '../support/site.ts';

const web = { name: 'web', imageUri: `${repository}:v1` };
const managed = { ...web, capacityProvider: 'fleet' };
const key = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const distributions = [{ id: distributionId, functionName: 'web' }];

describe.concurrent('a function on Lambda Managed Instances', () => {
  it('is published to $LATEST.PUBLISHED, which serves whoever names no alias, before anything is cleared', async () => {
    await using site = await startSite({ functions: [managed] });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'PublishVersion').map(({ input }) => input.PublishTo)).toEqual(['LATEST_PUBLISHED']);
    expect(site.functionNamed('web').latestPublished).toMatchObject({
      state: 'Active',
      lastUpdateStatus: 'Successful',
      servingSha256: site.functionNamed('web').codeSha256,
    });
    expect(earlyInvalidations(site)).toEqual([]);
    expect(run.outputs).toMatchObject({ changed: 'true', 'function-version': '$LATEST.PUBLISHED' });
    const active = site.events.findLast(({ type }) => type === 'version-active')?.at ?? Number.NaN;
    expect(callsTo(site, 'CreateInvalidation')[0]?.at).toBeGreaterThan(active);
  });

  it('fails when it cannot be published there, clears nothing and serves the code from before', async () => {
    await using site = await startSite({ functions: [managed] });
    const { codeSha256 } = site.functionNamed('web');
    site.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'InsufficientCapacity' });
    const run = await deploy(site, { ...v2, rollback: 'false' });
    expect(run.result.error).toMatchObject({
      code: 'version-failed',
      message: expect.stringContaining('InsufficientCapacity'),
    });
    expect(site.functionNamed('web').latestPublished?.servingSha256).toBe(codeSha256);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('is rolled back by publishing the code from before there', async () => {
    await using site = await startSite({ functions: [managed] });
    const { codeSha256 } = site.functionNamed('web');
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const run = await deploy(site);
    expect(run.outputs.status).toBe('rolled-back');
    expect(site.functionNamed('web')).toMatchObject({
      codeSha256,
      latestPublished: { servingSha256: codeSha256, state: 'Active' },
    });
  });

  it('gets what an earlier run updated and did not publish, and that is a change', async () => {
    await using site = await startSite({ functions: [managed] });
    site.fault({ action: 'PublishVersion', kind: 'denied' });
    await deploy(site, { ...v2, rollback: 'false' });
    const run = await deploy(site, { ...v2, invalidate: 'changed' }, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(run.exitCode).toBe(0);
    expect(run.outputs.changed).toBe('true');
    expect(effects(site, 'UpdateFunctionCode')).toBe(1);
    expect(effects(site, 'CreateInvalidation')).toBe(1);
    const again = await deploy(site, { ...v2, invalidate: 'changed' }, { env: { GITHUB_RUN_ATTEMPT: '3' } });
    expect(again.outputs.changed).toBe('false');
    expect(effects(site, 'CreateInvalidation')).toBe(1);
  });

  it('is warmed up where it serves', async () => {
    await using site = await startSite({ functions: [managed] });
    const run = await deploy(site, { ...v2, 'warm-up': '2' });
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'Invoke').map(({ input }) => input.Qualifier)).toEqual(Array(2).fill('$LATEST.PUBLISHED'));
  });

  it('gets a version with a number for an alias', async () => {
    await using site = await startSite({
      functions: [{ ...managed, versions: 1, aliases: { live: '1' } }],
      distributions: [{ id: distributionId, functionName: 'web', qualifier: 'live' }],
    });
    const run = await deploy(site, { ...v2, alias: 'live' });
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'PublishVersion').map(({ input }) => input.PublishTo)).toEqual([undefined]);
    expect(site.functionNamed('web').aliases.live?.version).toBe('2');
  });

  it('is refused with publish: false, which would never serve', async () => {
    await using site = await startSite({ functions: [managed] });
    const run = await deploy(site, { ...v2, publish: 'false' });
    expect(run.result.error).toMatchObject({ code: 'invalid-input', message: expect.stringMatching(/^publish .*web/) });
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  });
});

describe.concurrent('warm-up', () => {
  it.each([
    { what: 'a durable function of more than 15 minutes', traits: { executionTimeout: 901 }, says: /durable.*901/ },
    { what: 'a function that isolates tenants', traits: { tenantIsolation: 'PER_TENANT' as const }, says: /tenant/ },
  ])('is refused for $what before anything changes', async ({ traits, says }) => {
    await using site = await startSite({ functions: [{ ...web, ...traits }] });
    const run = await deploy(site, { ...v2, 'warm-up': '1' });
    expect(run.result.error).toMatchObject({ code: 'invalid-input', message: expect.stringMatching(says) });
    expect(run.result.error.message).toContain('warm-up');
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
    const without = await deploy(site);
    expect(without.exitCode).toBe(0);
  });

  it('invokes a durable function of at most 15 minutes', async () => {
    await using site = await startSite({ functions: [{ ...web, executionTimeout: 900 }] });
    expect((await deploy(site, { ...v2, 'warm-up': '1' })).exitCode).toBe(0);
  });

  it('is refused for a function without concurrency before anything changes', async () => {
    await using site = await startSite({ functions: [{ ...web, reservedConcurrency: 0 }] });
    const run = await deploy(site, { ...v2, 'warm-up': '1' });
    expect(run.result.error).toMatchObject({
      code: 'warm-up-failed',
      message: expect.stringContaining('reserved concurrency is 0'),
    });
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  });

  it('ends at once when the concurrency is taken away meanwhile, and names the reason', async () => {
    await using site = await startSite();
    const reason = 'ReservedFunctionConcurrentInvocationLimitExceeded';
    site.fault({ action: 'Invoke', kind: 'throttle', reason, times: 99 });
    const run = await deploy(site, { ...v2, 'warm-up': '2', rollback: 'false' });
    expect(run.result.error).toMatchObject({
      code: 'warm-up-failed',
      message: expect.stringContaining('ReservedFunctionConcurrentInvocationLimitExceeded'),
      hint: expect.stringContaining('reserved concurrency'),
    });
    expect(callsTo(site, 'Invoke')).toHaveLength(2);
    expect(run.ms).toBeLessThan(8000);
  });

  it('ends at once on a conflict that does not pass', async () => {
    await using site = await startSite();
    site.fault({ action: 'Invoke', kind: 'error', code: 'CodeArtifactUserFailedException', times: 99 });
    const run = await deploy(site, { ...v2, 'warm-up': '1', rollback: 'false' });
    expect(run.result.error).toMatchObject({
      code: 'warm-up-failed',
      message: expect.stringContaining('CodeArtifactUserFailedException'),
    });
    expect(callsTo(site, 'Invoke')).toHaveLength(1);
  });

  it('waits for the invocations of others where some concurrency is reserved', async () => {
    await using site = await startSite({
      functions: [{ ...web, reservedConcurrency: 1 }],
      clocks: { updateMs: 200, invokeMs: 100 },
    });
    const run = await deploy(site, { ...v2, 'warm-up': '3' });
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('ReservedFunctionConcurrentInvocationLimitExceeded');
  });

  it('says why Lambda throttles, whatever the call', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'throttle' });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('throttled (TooManyRequestsException, CallerRateLimitExceeded)');
  });

  it('holds up no poll: 50 invocations that last leave the look at another function its connection', async () => {
    await using site = await startSite({
      functions: [web, { name: 'api', imageUri: `${repository}:v1` }],
      clocks: { updateMs: 300, versionMs: 200, invokeMs: 4000 },
      distributions: [],
    });
    // The other is still being updated when the invocations begin.
    site.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'takes', ms: 2500 });
    const run = await deploy(site, { 'function-name': 'web api', 'image-uri': `${repository}:v2`, 'warm-up': '50' });
    expect(run.exitCode).toBe(0);
    const invoked = (name: string) => callsTo(site, 'Invoke').filter(({ resource }) => resource === name);
    expect(invoked('web')).toHaveLength(50);
    // Not before theirs end, but as soon as it is ready.
    const updated = site.events.find(({ type, subject }) => type === 'update-finished' && subject === 'api')?.at ?? 0;
    expect((invoked('api')[0]?.at ?? Number.NaN) - updated).toBeLessThan(1800);
  });
});

describe.concurrent('what a package in a zip function has', () => {
  const zipped = { name: 'web', packageType: 'Zip' as const };
  const s3 = { 'function-name': 'web', 's3-bucket': 'packages', 's3-key': 'web.zip', 's3-object-version': 'v2' };

  it('stays encrypted by the key of the customer, for a zip and for a package in S3', async () => {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'kinds-'));
    writeFileSync(join(directory.path, 'index.mjs'), 'export const handler = () => 1;\n');
    await using site = await startSite({ functions: [{ ...zipped, sourceKmsKey: key }], distributions: [] });
    await deploy(
      site,
      { 'function-name': 'web', 'zip-file': directory.path },
      { env: { GITHUB_WORKSPACE: directory.path } },
    );
    await deploy(site, s3);
    const sent = callsTo(site, 'UpdateFunctionCode');
    expect(sent.map(({ input }) => input.SourceKMSKeyArn)).toEqual([key, key]);
  });

  it('stays a reference to the package in S3', async () => {
    await using site = await startSite({ functions: [{ ...zipped, s3Object: 'packages/web.zip' }], distributions: [] });
    const run = await deploy(site, s3);
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'UpdateFunctionCode').map(({ input }) => input.S3ObjectStorageMode)).toEqual(['REFERENCE']);
    await deploy(site, { ...s3, 'dry-run': 'true', 's3-object-version': 'v3' });
    expect(callsTo(site, 'UpdateFunctionCode').at(-1)?.input).toMatchObject({ S3ObjectStorageMode: 'REFERENCE' });
  });

  it('is not replaced by an upload where it is a reference', async () => {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'kinds-'));
    writeFileSync(join(directory.path, 'index.mjs'), 'export const handler = () => 1;\n');
    await using site = await startSite({ functions: [{ ...zipped, s3Object: 'packages/web.zip' }], distributions: [] });
    const run = await deploy(
      site,
      { 'function-name': 'web', 'zip-file': directory.path },
      { env: { GITHUB_WORKSPACE: directory.path } },
    );
    expect(run.result.error).toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/^zip-file .*web.*s3:\/\/packages\/web\.zip/),
    });
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  });

  it('is an ordinary copy with the key of AWS otherwise', async () => {
    await using site = await startSite({ functions: [zipped], distributions: [] });
    await deploy(site, s3);
    expect(callsTo(site, 'UpdateFunctionCode')[0]?.input).not.toHaveProperty('S3ObjectStorageMode');
    expect(callsTo(site, 'UpdateFunctionCode')[0]?.input).not.toHaveProperty('SourceKMSKeyArn');
  });
});

describe.concurrent('a function that is being deleted', () => {
  it('is not waited for', async () => {
    await using site = await startSite({ functions: [{ ...web, state: 'Deleting' }], distributions });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({ code: 'not-found', message: expect.stringContaining('being deleted') });
  });
});
