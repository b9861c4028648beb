import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../local-aws/faults.ts';
import { temporary } from '../package/trees.ts';
import { callsTo, deploy, distributionId, effects, repository, type Site } from '../support/site.ts';
import { aliased, aliasOf, byRun, onFirst, pathsCleared, startRollout, tracesOf, web } from './rollout.ts';

const two = { ...aliased, 'function-name': 'web api' };
const functions = [web, { ...web, name: 'api', aliases: { live: { version: '1', weights: { 2: 0.2 } } } }];
const back = { version: '2', weights: {} };
/** Without an alias. */
const plain = {
  functions: [{ name: 'web', imageUri: `${repository}:v1` }],
  distributions: [{ id: distributionId, functionName: 'web' }],
};
const { alias: _, ...unaliased } = aliased;
const zipFunction = { name: 'web', packageType: 'Zip' as const };
const published = { ...plain, functions: [{ ...zipFunction, versions: 1 }] };
const zipped = { ...unaliased, 'image-uri': '', 'zip-file': 'docs' };

const digestOf = (site: Site) => site.functionNamed('web').serving.codeSha256;

describe.concurrent('a release that fails after the first alias moved', () => {
  it('by a later alias puts each back to its version and its weights', async () => {
    await using site = await startRollout({ functions });
    site.fault({ action: 'UpdateAlias', resource: 'web', kind: 'denied' });
    const run = await deploy(site, two);
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.code).toBe('access-denied');
    expect(tracesOf(site)).toEqual([]);
    expect(tracesOf(site, 'api')).toEqual(['3', '1 {"2":0.2}']);
    expect(run.log).toContain('api: alias live points to version 1 (20 % to version 2) again');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('by an invalidation that is denied puts the alias back, the reason first', async () => {
    await using site = await startRollout({ functions });
    site.fault({ action: 'CreateInvalidation', kind: 'denied', times: 9 });
    const run = await deploy(site, two);
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('cloudfront:CreateInvalidation'),
    });
    expect(run.log.match(/^::error .*/m)?.[0]).toContain('cloudfront:CreateInvalidation');
    expect(aliasOf(site)).toEqual(back);
    expect(aliasOf(site, 'api')).toEqual({ version: '1', weights: { 2: 0.2 } });
    expect(run.result.functions.map(({ alias }: { alias: { version: string } }) => alias.version)).toEqual(['2', '1']);
    expect(run.summary).toContain('Failed, and rolled back');
  });

  it('by a stale page puts the alias back and clears the cache again, after that', async () => {
    await using site = await startRollout();
    const run = await deploy(site, {
      ...aliased,
      'regenerate-urls': `${site.cdnUrl(distributionId)}/a`,
      'expect-body': 'never-on-this-page',
    });
    expect(run.exitCode).toBe(1);
    expect(run.result.error.code).toBe('stale-cache');
    expect(run.outputs.status).toBe('rolled-back');
    expect(tracesOf(site)).toEqual(['3', '2']);
    const backAt = site.events.findLast(({ type }) => type === 'alias-changed')?.at ?? Number.NaN;
    const clearings = callsTo(site, 'CreateInvalidation');
    expect(clearings.at(-1)?.at).toBeGreaterThan(backAt);
    expect(JSON.stringify(clearings.at(-1)?.input)).toContain('/*');
    expect(
      new Set(site.distribution(distributionId).invalidations.map(({ callerReference }) => callerReference)).size,
    ).toBe(clearings.length);
    expect(site.distribution(distributionId).invalidations.every(({ status }) => status === 'Completed')).toBe(true);
    // What the distribution hands out is the code from before.
    const page = await fetch(`${site.cdnUrl(distributionId)}/a`);
    expect(page.headers.get('x-function-version')).toBe('2');
  });

  it('by an invalidation that is accepted and slow stays: slow is not wrong', async () => {
    await using site = await startRollout({ clocks: { invalidationMs: 60_000 } });
    const run = await deploy(site, { ...aliased, 'invalidation-timeout': '2s' });
    expect(run.result.error.code).toBe('timed-out');
    expect(run.outputs.status).toBe('failed');
    expect(aliasOf(site)).toEqual({ version: '3', weights: {} });
    expect(run.result.rollback).toBeNull();
    expect(pathsCleared(site)).toBe(1);
  });

  it('by an invalidation that one distribution takes and another refuses stays', async () => {
    await using site = await startRollout({
      distributions: [
        { id: distributionId, functionName: 'web', qualifier: 'live' },
        { id: 'E2EXAMPLE2', functionName: 'web', qualifier: 'live' },
      ],
    });
    site.fault({ action: 'CreateInvalidation', resource: 'E2EXAMPLE2', kind: 'error', code: 'InvalidArgument' });
    const run = await deploy(site, { ...aliased, 'distribution-id': `${distributionId} E2EXAMPLE2` });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.code).toBe('invalidation-failed');
    expect(aliasOf(site)).toEqual({ version: '3', weights: {} });
    expect(run.result.rollback).toBeNull();
  });

  it('with best-effort by an invalidation that is refused everywhere is rolled back, too', async () => {
    await using site = await startRollout();
    site.fault({ action: 'CreateInvalidation', kind: 'denied', times: 9 });
    const run = await deploy(site, { ...aliased, 'wait-for-invalidation': 'best-effort' });
    expect(run.outputs.status).toBe('rolled-back');
    expect(aliasOf(site)).toEqual(back);
  });

  it('rides out what is in the way back', async () => {
    await using site = await startRollout();
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    site.fault({ action: 'UpdateAlias', kind: 'reset-after', after: 1 });
    site.fault({ action: 'GetAlias', kind: 'service-unavailable', after: 3, times: 2 });
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('rolled-back');
    // The way back may be asked for twice, because a read may be behind a move whose answer is lost.
    expect(new Set(tracesOf(site))).toEqual(new Set(['3', '2']));
    expect(aliasOf(site)).toEqual(back);
  });

  it('names an alias that cannot be put back, and is failed, not rolled-back', async () => {
    await using site = await startRollout();
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    site.fault({ action: 'UpdateAlias', kind: 'denied', after: 1, times: 9 });
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.message).toContain('cloudfront:CreateInvalidation');
    expect(run.result.rollback.errors).toMatchObject([
      {
        code: 'rollback-failed',
        message: expect.stringContaining('Alias live of web could not be rolled back and points to version 3'),
      },
    ]);
    expect(run.log).toContain('lambda:UpdateAlias');
  });

  it('leaves an alias that a newer run has moved meanwhile', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: [{ description: byRun(9000) }, {}] }] });
    onFirst(site, 'CreateInvalidation', 'after', () => {
      site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '1' });
    });
    const run = await deploy(site, {
      ...aliased,
      'regenerate-urls': `${site.cdnUrl(distributionId)}/a`,
      'expect-body': 'never-on-this-page',
    });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.code).toBe('stale-cache');
    expect(tracesOf(site)).toEqual(['3', '1']);
    expect(run.log).toContain('run 9000');
  });

  it('leaves an alias that it created, and names it', async () => {
    await using site = await startRollout({ ...plain });
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(1);
    expect(run.log).toContain('Alias live of web was created by this run and stays, at version 1.');
    expect(aliasOf(site)).toEqual({ version: '1', weights: {} });
  });

  it('with rollback: false leaves everything as it is, and says where that is', async () => {
    await using site = await startRollout();
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const run = await deploy(site, { ...aliased, rollback: 'false' });
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('failed');
    expect(tracesOf(site)).toEqual(['3']);
    expect(run.log).toContain('web: version 3 is ready, alias live points to version 3, before to version 2');
    expect(run.result.rollback).toBeNull();
  });

  it('before any alias moved takes nothing back', async () => {
    await using site = await startRollout();
    site.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'InvalidImage' });
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.rollback).toBeNull();
    expect(callsTo(site, 'UpdateAlias')).toEqual([]);
  });

  it('is not taken back when it is cancelled', async () => {
    await using site = await startRollout({ clocks: { invalidationMs: 60_000 } });
    const run = await deploy(site, aliased, {
      onStart: (child) =>
        onFirst(site, 'CreateInvalidation', 'after', () => setTimeout(() => child.kill('SIGINT'), 400)),
    });
    expect(run.outputs.status).toBe('cancelled');
    expect(tracesOf(site)).toEqual(['3']);
    expect(run.log).toContain('alias live points to version 3, before to version 2');
  });
});

describe.concurrent('without an alias', () => {
  it('an image function goes back to its digest, and the cache is cleared again', async () => {
    await using site = await startRollout({ ...plain });
    const before = digestOf(site);
    // The tag is moved meanwhile: it is the digest that counts.
    onFirst(
      site,
      'CreateInvalidation',
      'after',
      () => void site.images.push(`${repository}:v1`, `sha256:${'e'.repeat(64)}`),
    );
    const run = await deploy(site, {
      ...unaliased,
      'regenerate-urls': `${site.cdnUrl(distributionId)}/a`,
      'expect-body': 'never-on-this-page',
    });
    expect(run.outputs.status).toBe('rolled-back');
    expect(digestOf(site)).toBe(before);
    expect(callsTo(site, 'UpdateFunctionCode').at(-1)?.input.ImageUri).toBe(`${repository}@sha256:${before}`);
    expect(run.outputs['code-sha256']).toBe(before);
    expect(run.log).toContain(`web: holds ${repository}@sha256:${before} again`);
    const updatedAt = callsTo(site, 'UpdateFunctionCode').at(-1)?.at ?? Number.NaN;
    expect(callsTo(site, 'CreateInvalidation').at(-1)?.at).toBeGreaterThan(updatedAt);
    expect(run.log).not.toContain('cannot roll back');
  });

  it('the functions that are ready go back when another one fails', async () => {
    await using site = await startRollout({ functions: [{ name: 'web' }, { name: 'api' }] });
    const before = digestOf(site);
    site.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'ends-failed', reasonCode: 'InvalidImage' });
    const run = await deploy(site, { ...unaliased, 'function-name': 'web api' });
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.code).toBe('update-failed');
    expect(digestOf(site)).toBe(before);
  });

  it('nothing goes back where only a version was published, of the code that was there', async () => {
    await using site = await startRollout({ ...plain, functions: [{ name: 'web', imageUri: `${repository}:v2` }] });
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const run = await deploy(site, unaliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.rollback).toBeNull();
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  });

  it('an image that cannot be put back is named', async () => {
    await using site = await startRollout({ ...plain });
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    site.fault({ action: 'UpdateFunctionCode', kind: 'denied', after: 1 });
    const run = await deploy(site, unaliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.message).toContain('cloudfront:CreateInvalidation');
    expect(run.result.rollback.errors).toMatchObject([
      { code: 'rollback-failed', message: expect.stringContaining('Function web could not be rolled back') },
    ]);
  });

  describe.concurrent('a warning says before the release that it cannot roll back', () => {
    const noWayBack = 'web cannot roll back: ';
    const isBefore = (log: string, text: string, later: string) => {
      const at = log.indexOf(text);
      return at !== -1 && at < log.indexOf(later);
    };

    it('to a zip, which then stays new', async () => {
      using directory = temporary();
      writeFileSync(join(directory.path, 'index.mjs'), 'export const handler = () => 1;');
      await using site = await startRollout({ ...plain, functions: [{ name: 'web', packageType: 'Zip' }] });
      site.fault({ action: 'CreateInvalidation', kind: 'denied' });
      const { 'image-uri': _, ...inputs } = unaliased;
      const run = await deploy(site, { ...inputs, 'zip-file': directory.path });
      expect(isBefore(run.log, noWayBack, '::group::Update')).toBe(true);
      const text = 'web cannot roll back: a zip function needs an alias or a published version of its current code.';
      expect(run.result.warnings).toMatchObject([{ code: 'not-found', message: text }]);
      expect(run.log).toMatch(/^::warning .*web cannot roll back/m);
      expect(run.outputs.status).toBe('failed');
      expect(run.result.rollback.errors).toMatchObject([
        {
          code: 'rollback-failed',
          message: expect.stringContaining('could not be rolled back and keeps the new code'),
        },
      ]);
    });

    it('to an image that is deleted', async () => {
      await using site = await startRollout({ ...plain });
      site.images.acceptsUnknown = false;
      site.images.push(`${repository}:v2`, { architecture: 'x86_64' });
      site.images.repository(repository)?.images.delete(`sha256:${digestOf(site)}`);
      const run = await deploy(site, unaliased);
      expect(run.exitCode).toBe(0);
      expect(isBefore(run.log, noWayBack, '::group::Update')).toBe(true);
    });

    it.each([
      { name: 'where ECR may not be read', options: { deny: ['ecr:BatchGetImage'] }, inputs: {} },
      { name: 'where the image is there', options: {}, inputs: {} },
      {
        name: 'with an alias, which is a way back',
        options: { functions: [{ ...web, packageType: 'Zip' as const, imageUri: undefined }] },
        inputs: { alias: 'live', 'image-uri': '', 's3-bucket': 'releases', 's3-key': 'web.zip' },
      },
      {
        name: 'with rollback: false',
        options: { functions: [{ name: 'web', packageType: 'Zip' as const }] },
        inputs: { rollback: 'false', 'image-uri': '', 's3-bucket': 'releases', 's3-key': 'web.zip' },
      },
    ])('but not $name', async ({ options, inputs }) => {
      await using site = await startRollout({ ...plain, ...options });
      const run = await deploy(site, { ...unaliased, ...inputs });
      expect(run.exitCode).toBe(0);
      expect(run.log).not.toContain('cannot roll back');
    });

    it('of a zip whose versions may not be listed, and names the action', async () => {
      await using site = await startRollout({ ...published, deny: ['lambda:ListVersionsByFunction'] });
      const run = await deploy(site, zipped);
      expect(run.exitCode).toBe(0);
      expect(run.result.warnings[0].message).toContain('lambda:ListVersionsByFunction');
    });

    it.each([
      { name: 'has other code than its versions', function: { versions: 0 } },
      { name: 'has failed its last update', function: { versions: 1, lastUpdateStatus: 'Failed' } },
      {
        name: 'is encrypted with a key of the customer',
        function: { versions: 1, sourceKmsKey: 'arn:aws:kms:a:1:key/k' },
      },
    ])('of a zip that $name', async ({ function: options }) => {
      await using site = await startRollout({ ...plain, functions: [{ ...zipFunction, ...options }] });
      const run = await deploy(site, zipped);
      expect(run.exitCode).toBe(0);
      expect(run.result.warnings).toMatchObject([{ message: expect.stringContaining('web cannot roll back') }]);
    });

    it('but not of a zip that is not updated', async () => {
      await using site = await startRollout({ ...plain, functions: [zipFunction] });
      const first = await deploy(site, { ...zipped, publish: 'false' });
      expect(first.log).toContain('cannot roll back');
      const again = await deploy(site, { ...zipped, publish: 'false' }, { env: { GITHUB_RUN_ATTEMPT: '2' } });
      expect(again.exitCode).toBe(0);
      expect(again.result.warnings).toEqual([]);
    });
  });

  describe.concurrent('a zip goes back to the version that has its code', () => {
    const hash = (site: Site) => site.functionNamed('web').serving.codeSha256;

    it.each<{ name: string; fault: FaultKind | undefined }>([
      { name: 'which is downloaded', fault: undefined },
      { name: 'when the download breaks off', fault: { kind: 'truncate' } },
      { name: 'when S3 is busy', fault: { kind: 'throttle' } },
    ])('$name', async ({ fault }) => {
      await using site = await startRollout(published);
      const before = hash(site);
      site.fault({ action: 'CreateInvalidation', kind: 'denied' });
      if (fault !== undefined) {
        site.fault({ action: 'DownloadPackage', ...fault });
      }
      const run = await deploy(site, zipped);
      expect(run.outputs.status).toBe('rolled-back');
      expect(hash(site)).toBe(before);
      expect(run.outputs['code-sha256']).toBe(before);
      expect(run.log).toContain('web: holds the package of version 1 again');
      expect(run.log).not.toContain('cannot roll back');
      expect(callsTo(site, 'UpdateFunctionCode').at(-1)?.input).toMatchObject({ RevisionId: expect.any(String) });
      // The URL is as good as the package.
      expect(`${run.log}${run.summary}${JSON.stringify(run.result)}`).not.toMatch(/X-Amz-|awslambda-tasks/);
    });

    it('unless another deployment came since', async () => {
      await using site = await startRollout(published);
      onFirst(site, 'CreateInvalidation', 'before', () => {
        const ZipFile = Buffer.from('PK\u0003\u0004theirs').toString('base64');
        site.apply('UpdateFunctionCode', { FunctionName: 'web', ZipFile });
      });
      site.denied.add('cloudfront:CreateInvalidation');
      const run = await deploy(site, zipped);
      expect(run.outputs.status).toBe('failed');
      expect(run.result.rollback.errors).toMatchObject([{ code: 'conflict' }]);
      expect(callsTo(site, 'DownloadPackage')).toEqual([]);
      expect(effects(site, 'UpdateFunctionCode')).toBe(1);
    });

    it('and is named where its package cannot be had', async () => {
      await using site = await startRollout(published);
      site.fault({ action: 'CreateInvalidation', kind: 'denied' });
      site.fault({ action: 'DownloadPackage', kind: 'denied', times: 99 });
      const run = await deploy(site, zipped);
      expect(run.outputs.status).toBe('failed');
      expect(run.result.rollback.errors).toMatchObject([
        { code: 'rollback-failed', message: expect.stringContaining('HTTP 403') },
      ]);
    });

    it('and is named where its bytes are others each time', async () => {
      await using site = await startRollout(published);
      site.fault({ action: 'CreateInvalidation', kind: 'denied' });
      site.fault({ action: 'DownloadPackage', kind: 'html-200', times: 99 });
      const run = await deploy(site, zipped);
      expect(run.outputs.status).toBe('failed');
      expect(run.result.rollback.errors).toMatchObject([
        { code: 'rollback-failed', message: expect.stringContaining('has the SHA-256') },
      ]);
      expect(callsTo(site, 'UpdateFunctionCode')).toHaveLength(1);
      expect(callsTo(site, 'DownloadPackage')).toHaveLength(3);
    });
  });
});
