import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  callsTo,
  deploy,
  distributionId,
  earlyInvalidations,
  effects,
  quick,
  repository,
  startSite,
  v2,
} from '../support/site.ts';

describe.concurrent('a release', () => {
  it('updates, publishes, clears and waits for each, in this order', async () => {
    await using site = await startSite();
    const run = await deploy(site);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    const mutations = site.calls.filter(({ effect }) => effect).map(({ action }) => action);
    expect(mutations).toEqual(['UpdateFunctionCode', 'PublishVersion', 'CreateInvalidation']);
    expect(earlyInvalidations(site)).toEqual([]);
    expect(callsTo(site, 'UpdateFunctionCode')[0]?.input).not.toHaveProperty('Publish');
    const web = site.functionNamed('web');
    expect(web.serving.imageUri).toBe(`${repository}:v2`);
    expect(web.versions.map(({ state }) => state)).toEqual(['Active']);
    expect(site.distribution(distributionId).invalidations).toMatchObject([{ paths: ['/*'], status: 'Completed' }]);
  });

  it('sets every output', async () => {
    await using site = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:v1`, versions: 3 }] });
    const before = site.functionNamed('web');
    const { outputs } = await deploy(site);
    const web = site.functionNamed('web');
    expect(outputs).toEqual({
      status: 'succeeded',
      changed: 'true',
      'function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:web',
      'function-version': '4',
      'previous-version': '3',
      'code-sha256': web.codeSha256,
      'image-uri': `${repository}@sha256:${web.codeSha256}`,
      'previous-image-uri': `${repository}@sha256:${before.codeSha256}`,
      'alias-arn': '',
      'invalidation-id': site.distribution(distributionId).invalidations[0]?.id,
      'invalidation-status': 'Completed',
      'assets-changed': '',
      result: expect.any(String),
    });
  });

  it('guards the publishing with the hash of the code and describes the version by commit and run', async () => {
    await using site = await startSite();
    await deploy(site);
    expect(callsTo(site, 'PublishVersion')[0]?.input).toMatchObject({
      CodeSha256: site.functionNamed('web').codeSha256,
    });
    expect(site.functionNamed('web').versions[0]?.description).toBe(
      '0123456 https://github.com/octo/site/actions/runs/4711',
    );
  });

  it('releases several functions side by side, each with its own image, and clears several distributions after the last', async () => {
    await using site = await startSite({
      functions: [{ name: 'web' }, { name: 'api' }, { name: 'jobs' }],
      distributions: [
        { id: 'E2EXAMPLE1', functionName: 'web' },
        { id: 'E2EXAMPLE2', functionName: 'api' },
      ],
    });
    site.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'takes', ms: 1500 });
    const run = await deploy(site, {
      'function-name': `web\n# the slow one\napi=${repository}:api-7\njobs`,
      'image-uri': `${repository}:v2`,
      'distribution-id': 'E2EXAMPLE1, E2EXAMPLE2',
      paths: '/a /b/*',
    });
    expect(run.exitCode).toBe(0);
    expect(earlyInvalidations(site)).toEqual([]);
    expect(['web', 'api', 'jobs'].map((name) => site.functionNamed(name).serving.imageUri)).toEqual([
      `${repository}:v2`,
      `${repository}:api-7`,
      `${repository}:v2`,
    ]);
    expect(run.outputs['function-version']).toBe('1\n1\n1');
    expect(run.outputs['invalidation-status']).toBe('Completed\nCompleted');
    for (const id of ['E2EXAMPLE1', 'E2EXAMPLE2']) {
      expect(site.distribution(id).invalidations.map(({ paths }) => paths)).toEqual([['/a', '/b/*']]);
    }
  });

  it('takes partial ARNs and ARNs, and the Region from the ARN when nothing else says it', async () => {
    await using site = await startSite({ functions: [{ name: 'web' }, { name: 'api' }] });
    const run = await deploy(
      site,
      {
        'function-name': '123456789012:function:web arn:aws:lambda:us-east-1:123456789012:function:api',
        'image-uri': `${repository}:v2`,
      },
      { env: { AWS_REGION: '' } },
    );
    expect(run.exitCode).toBe(0);
    expect(run.result.region).toBe('us-east-1');
    expect(site.functionNamed('api').serving.imageUri).toBe(`${repository}:v2`);
  });

  it('does code alone, and without publishing leaves $LATEST as it is called', async () => {
    await using site = await startSite();
    const run = await deploy(site, { 'function-name': 'web', 'image-uri': `${repository}:v2`, publish: 'false' });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').versions).toEqual([]);
    expect(site.calls.filter(({ service }) => service === 'cloudfront')).toEqual([]);
    expect(run.outputs).toMatchObject({ 'function-version': '', 'invalidation-id': '', changed: 'true' });
  });

  it('does the cache alone', async () => {
    await using site = await startSite();
    const run = await deploy(site, { 'distribution-id': distributionId }, { env: { AWS_REGION: '' } });
    expect(run.exitCode).toBe(0);
    expect(site.calls.filter(({ service }) => service === 'lambda')).toEqual([]);
    expect(run.outputs).toMatchObject({ status: 'succeeded', changed: 'false', 'invalidation-status': 'Completed' });
  });

  it('honours the endpoints of single services, as every AWS SDK does', async () => {
    await using lambda = await startSite();
    await using cloudFront = await startSite();
    const env = {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_ENDPOINT_URL_LAMBDA: lambda.url,
      AWS_ENDPOINT_URL_CLOUDFRONT: cloudFront.url,
    };
    const run = await deploy(lambda, v2, { env });
    expect(run.exitCode).toBe(0);
    expect(new Set(lambda.calls.map(({ service }) => service))).toEqual(new Set(['lambda']));
    expect(new Set(cloudFront.calls.map(({ service }) => service))).toEqual(new Set(['cloudfront']));
  });

  it('sends the architecture and the revision it was given', async () => {
    await using site = await startSite({ images: { [`${repository}:v2`]: { architecture: 'arm64' } } });
    const { revisionId } = site.functionNamed('web');
    const run = await deploy(site, { ...v2, architecture: 'arm64', 'revision-id': revisionId });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').architecture).toBe('arm64');
    expect(callsTo(site, 'UpdateFunctionCode')[0]?.input).toMatchObject({ RevisionId: revisionId });
  });

  it('stops with conflict when the function has another revision than revision-id', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'revision-id': '00000000-0000-0000-0000-000000000000' });
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('revision-id') });
    expect(effects(site, 'UpdateFunctionCode') + effects(site, 'CreateInvalidation')).toBe(0);
  });

  it('is safe to run again: the same version, a new invalidation, changed=false', async () => {
    await using site = await startSite();
    await deploy(site);
    const again = await deploy(site, v2, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(again.exitCode).toBe(0);
    expect(again.outputs).toMatchObject({ 'function-version': '1', 'previous-version': '1', changed: 'false' });
    expect(site.functionNamed('web').versions).toHaveLength(1);
    expect(site.distribution(distributionId).invalidations).toHaveLength(2);
  });

  it('takes a new reference when somebody else has used up its own for other paths', async () => {
    await using site = await startSite();
    site.fault({
      action: 'CreateInvalidation',
      kind: 'error',
      status: 400,
      code: 'InvalidArgument',
      message: 'Your request contains a caller reference that was used for a previous invalidation batch.',
    });
    const run = await deploy(site, { 'distribution-id': distributionId });
    expect(run.exitCode).toBe(0);
    const [first, second] = callsTo(site, 'CreateInvalidation').map(({ input }) => JSON.stringify(input));
    expect(second).not.toBe(first);
    expect(second).toContain(run.result.distributions[0].callerReference);
  });

  it('clears what paths-file lists, encoded as CloudFront matches it', async () => {
    await using site = await startSite();
    const directory = mkdtempSync(join(tmpdir(), 'paths-'));
    const file = join(directory, 'paths.txt');
    writeFileSync(
      file,
      '\ufeff# made by the build\r\n/a b.html\r\n\n/größe/*\n/done%20already\n/users/~me/x\n/q?x=[1]\n',
    );
    const run = await deploy(site, { 'distribution-id': distributionId, paths: '/typed', 'paths-file': file });
    rmSync(directory, { recursive: true });
    expect(run.exitCode).toBe(0);
    expect(site.distribution(distributionId).invalidations[0]?.paths.toSorted()).toEqual(
      ['/typed', '/a%20b.html', '/gr%C3%B6%C3%9Fe/*', '/done%20already', '/users/*', '/q?x=%5B1%5D'].toSorted(),
    );
    expect(run.log).toContain('/users/~me/x is cleared as /users/*: CloudFront matches no "~"');
  });

  it('clears nothing when paths-file lists nothing, rather than everything', async () => {
    await using site = await startSite();
    const directory = mkdtempSync(join(tmpdir(), 'paths-'));
    writeFileSync(join(directory, 'none.txt'), '# nothing\n');
    const run = await deploy(site, { ...v2, 'paths-file': join(directory, 'none.txt') });
    rmSync(directory, { recursive: true });
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    expect(run.log).toContain('nothing to clear');
    expect(run.summary).not.toMatch(/cost/i);
  });
});

describe.concurrent('wait-for-invalidation', () => {
  it('false ends with the invalidation in progress and does not look at it', async () => {
    await using site = await startSite({ clocks: { ...quick, invalidationMs: 60_000 } });
    const run = await deploy(site, { ...v2, 'wait-for-invalidation': 'false' });
    expect(run.exitCode).toBe(0);
    expect(run.outputs['invalidation-status']).toBe('InProgress');
    const [check, ...looks] = callsTo(site, 'GetInvalidation');
    expect(check?.at).toBeLessThan(callsTo(site, 'UpdateFunctionCode')[0]?.at ?? 0);
    expect(looks).toEqual([]);
  });

  it('true fails with timed-out when the end does not come', async () => {
    await using site = await startSite({ clocks: { ...quick, invalidationMs: 60_000 } });
    const run = await deploy(site, { ...v2, 'invalidation-timeout': '2s' });
    expect(run.exitCode).toBe(1);
    expect(run.result.error.code).toBe('timed-out');
    expect(run.outputs['function-version']).toBe('1');
    expect(run.outputs['invalidation-status']).toBe('InProgress');
    expect(run.ms).toBeLessThan(12_000);
  });

  it('best-effort turns that into a warning', async () => {
    await using site = await startSite({ clocks: { ...quick, invalidationMs: 60_000 } });
    const run = await deploy(site, { ...v2, 'invalidation-timeout': '2s', 'wait-for-invalidation': 'best-effort' });
    expect(run.exitCode).toBe(0);
    expect(run.log).toMatch(/^::warning title=.*was still "InProgress"/m);
    expect(run.result.distributions[0].warning).toMatchObject({ code: 'timed-out' });
  });

  it('best-effort lives without the permission to look, and true names it before anything is changed', async () => {
    await using site = await startSite({ deny: ['cloudfront:GetInvalidation'] });
    const patient = await deploy(site, { ...v2, 'wait-for-invalidation': 'best-effort' });
    expect(patient.exitCode).toBe(0);
    expect(patient.log).toMatch(/^::warning .*cloudfront:GetInvalidation/m);
    const updates = effects(site, 'UpdateFunctionCode');
    const strict = await deploy(site, v2);
    expect(strict.exitCode).toBe(1);
    expect(strict.result.error.code).toBe('access-denied');
    expect(strict.log).toContain('cloudfront:GetInvalidation on arn:aws:cloudfront::');
    expect(effects(site, 'UpdateFunctionCode')).toBe(updates);
  });
});

describe.concurrent('dry-run', () => {
  it('checks everything, changes nothing and prints the plan', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'dry-run': 'true', paths: '/a /b' });
    expect(run.exitCode).toBe(0);
    expect(run.outputs).toMatchObject({ status: 'planned', changed: 'false', 'invalidation-id': '' });
    expect(site.calls.filter(({ effect }) => effect)).toEqual([]);
    expect(callsTo(site, 'UpdateFunctionCode').map(({ input }) => input)).toMatchObject([{ DryRun: true }]);
    expect(run.log).toContain('Plan (nothing was changed):');
    expect(run.log).toContain(`to ${repository}:v2, publish a version and wait until it is Active`);
    expect(run.log).toContain(`${distributionId}: clear /a /b`);
    expect(run.summary).toContain('nothing was changed');
  });

  it('fails on what a real run would fail on', async () => {
    await using site = await startSite({ deny: ['lambda:UpdateFunctionCode'] });
    const denied = await deploy(site, { ...v2, 'dry-run': 'true' });
    expect(denied.exitCode).toBe(1);
    expect(denied.result.error.code).toBe('access-denied');
    const unknown = await deploy(site, { 'distribution-id': 'E2NOTTHERE1', 'dry-run': 'true' });
    expect(unknown.result.error.code).toBe('not-found');
  });

  it('does not wait for a busy function and says what a real run would do', async () => {
    await using site = await startSite({
      clocks: { ...quick, updateMs: 30_000 },
      functions: [{ name: 'web', lastUpdateStatus: 'InProgress' }],
    });
    const run = await deploy(site, { ...v2, 'dry-run': 'true' });
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('wait until it is free, then update');
  });
});
