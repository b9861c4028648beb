import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, effects, quick, repository, startSite } from '../support/site.ts';

const directory = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(directory, { recursive: true }));

function site(name: string): string {
  const root = join(directory, name);
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'index.mjs'), `export const handler = () => '${name}';\n`);
  return root;
}

const zipFunction = { functions: [{ name: 'api', packageType: 'Zip' as const }], distributions: [] };
const sha256 = (bytes: string) => createHash('sha256').update(bytes).digest('base64');

describe.concurrent('zip-file', () => {
  it('zips a directory and deploys it, and the second run finds nothing to do', async () => {
    await using aws = await startSite(zipFunction);
    const inputs = { 'function-name': 'api', 'zip-file': site('first') };
    const run = await deploy(aws, inputs);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(run.outputs).toMatchObject({ changed: 'true', 'function-version': '1', 'image-uri': '' });
    expect(run.outputs['code-sha256']).toBe(aws.functionNamed('api').codeSha256);

    const again = await deploy(aws, inputs, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(again.exitCode).toBe(0);
    expect(again.outputs).toMatchObject({ changed: 'false', 'function-version': '1' });
    expect(again.log).toContain('api: holds this code already, nothing to update');
    expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
  });

  it.each(['reset-after', 'internal-error', 'truncate'] as const)(
    'survives a lost answer (%s) with one update',
    async (kind) => {
      await using aws = await startSite(zipFunction);
      aws.fault({ action: 'UpdateFunctionCode', kind, apply: true });
      const run = await deploy(aws, { 'function-name': 'api', 'zip-file': site(`lost-${kind}`) });
      expect(run.exitCode).toBe(0);
      expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
    },
  );

  it.each([
    { name: 'a path that is not there', value: '/no/such/thing', says: 'ENOENT' },
    { name: 'an empty directory', value: join(directory, 'empty'), says: 'without any file' },
    { name: 'a file that is no zip', value: join(directory, 'no.zip'), says: 'does not begin like a .zip' },
  ])('refuses $name before anything is changed', async ({ value, says }) => {
    mkdirSync(join(directory, 'empty'), { recursive: true });
    writeFileSync(join(directory, 'no.zip'), 'hello');
    await using aws = await startSite(zipFunction);
    const run = await deploy(aws, { 'function-name': 'api', 'zip-file': value });
    expect(run.result.error).toMatchObject({ code: 'invalid-input', message: expect.stringContaining(says) });
    expect(run.result.error.message).toContain('zip-file');
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });
});

describe.concurrent('s3-bucket and s3-key', () => {
  const inputs = { 'function-name': 'api', 's3-bucket': 'releases', 's3-key': 'api/7.zip' };
  it('deploys the package; the same one again is changed=false', async () => {
    await using aws = await startSite({ ...zipFunction, packages: { 'releases/api/7.zip': 'seven' } });
    const run = await deploy(aws, inputs);
    expect(run.log).not.toContain('::error');
    expect(run.outputs).toMatchObject({ status: 'succeeded', changed: 'true', 'code-sha256': sha256('seven') });
    const again = await deploy(aws, inputs);
    expect(again.outputs).toMatchObject({ status: 'succeeded', changed: 'false', 'function-version': '1' });
  });

  it('sends the version of the object', async () => {
    await using aws = await startSite({
      ...zipFunction,
      packages: { 'releases/api/7.zip': { versions: { old: 'six', new: 'seven' } } },
    });
    const run = await deploy(aws, { ...inputs, 's3-object-version': 'old' });
    expect(run.outputs['code-sha256']).toBe(sha256('six'));
  });

  it.each(['reset-after', 'internal-error'] as const)('survives a lost answer (%s) with one update', async (kind) => {
    await using aws = await startSite({ ...zipFunction, packages: { 'releases/api/7.zip': 'seven' } });
    aws.fault({ action: 'UpdateFunctionCode', kind, apply: true });
    const run = await deploy(aws, inputs);
    expect(run.exitCode).toBe(0);
    expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
  });

  it('names the permission to read the package where that is what is missing', async () => {
    await using aws = await startSite({
      ...zipFunction,
      packages: { 'releases/api/7.zip': 'seven' },
      deny: ['s3:GetObject'],
    });
    const run = await deploy(aws, inputs);
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      hint: 'Allow s3:GetObject on arn:*:s3:::releases/api/7.zip to the role of this job.',
    });
  });

  it('says what is wrong with an object that is not there', async () => {
    await using aws = await startSite({ ...zipFunction, packages: { 'releases/other.zip': 'x' } });
    const run = await deploy(aws, inputs);
    expect(run.result.error).toMatchObject({ code: 'update-failed', message: expect.stringContaining('NoSuchKey') });
  });
});

describe.concurrent('the package type', () => {
  it.each([
    {
      name: 'a zip for an image function',
      packageType: 'Image',
      inputs: { 's3-bucket': 'releases', 's3-key': 'a.zip' },
      says: ['s3-key "s3://releases/a.zip"', 'Image', 'Zip'],
    },
    {
      name: 'an image for a zip function',
      packageType: 'Zip',
      inputs: { 'image-uri': `${repository}:v2` },
      says: [`image-uri "${repository}:v2"`, 'Zip', 'Image'],
    },
    {
      name: 'an image of its own for a zip function',
      packageType: 'Zip',
      inputs: { 'function-name': `api=${repository}:v2` },
      says: [`function-name "${repository}:v2"`, 'Zip', 'Image'],
    },
    {
      name: 'a directory for an image function',
      packageType: 'Image',
      inputs: { 'zip-file': site('for-an-image') },
      says: ['zip-file "', 'Image', 'Zip'],
    },
  ] as const)('refuses $name, naming both, before anything is changed', async ({ packageType, inputs, says }) => {
    await using aws = await startSite({ functions: [{ name: 'api', packageType }], distributions: [] });
    const run = await deploy(aws, { 'function-name': 'api', ...inputs });
    expect(run.result.error.code).toBe('invalid-input');
    for (const word of says) {
      expect(run.result.error.message).toContain(word);
    }
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });
});

describe.concurrent('nothing to do', () => {
  const byTag = { 'function-name': 'web', 'image-uri': `${repository}:v1`, 'distribution-id': distributionId };

  it('is found out for a tag through ECR, for a digest without it, and the rest of the release is made true', async () => {
    await using aws = await startSite();
    const { codeSha256 } = aws.functionNamed('web');
    const tagged = await deploy(aws, byTag);
    expect(tagged.log).toContain('web: holds this code already, nothing to update');
    // There was no version yet, as after a run that was broken off.
    expect(tagged.outputs).toMatchObject({
      status: 'succeeded',
      'function-version': '1',
      'invalidation-status': 'Completed',
    });
    aws.denied.add('ecr:*');
    const digested = await deploy(aws, { ...byTag, 'image-uri': `${repository}@sha256:${codeSha256}` });
    expect(digested.outputs).toMatchObject({
      changed: 'false',
      'function-version': '1',
      'invalidation-status': 'Completed',
    });
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
    expect(aws.distribution(distributionId).invalidations).not.toEqual([]);
  });

  it('cannot be known for a tag without the permission, so it updates and says so', async () => {
    await using aws = await startSite({ deny: ['ecr:BatchGetImage'] });
    const run = await deploy(aws, byTag);
    expect(run.exitCode).toBe(0);
    expect(run.log).toMatch(/web:v1: the check of the image is left out \(.*ecr:BatchGetImage was denied/);
    expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
    expect(run.outputs.changed).toBe('true');
  });

  it.each([
    { name: 'a Failed update', options: { lastUpdateStatus: 'Failed' } },
    { name: 'an Inactive function', options: { state: 'Inactive' } },
  ] as const)('is not what $name with the same code means', async ({ options }) => {
    await using aws = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:v1`, ...options }] });
    const run = await deploy(aws, byTag);
    expect(run.exitCode).toBe(0);
    expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
  });

  it('is not what another architecture means', async () => {
    await using aws = await startSite({
      images: { [`${repository}:v1`]: { architecture: 'arm64' } },
      functions: [{ name: 'web', imageUri: `${repository}:v1`, architecture: 'x86_64' }],
    });
    await deploy(aws, { ...byTag, architecture: 'arm64' });
    expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
  });

  it('completes a run that was killed between publishing and Active, and between Active and clearing', async () => {
    await using aws = await startSite({ clocks: { ...quick, versionMs: 1500 } });
    aws.apply('PublishVersion', { FunctionName: 'web' });
    const run = await deploy(aws, byTag);
    expect(run.exitCode).toBe(0);
    expect(aws.functionNamed('web').versions).toMatchObject([{ version: '1', state: 'Active' }]);
    const [created] = callsTo(aws, 'CreateInvalidation');
    expect(created?.at).toBeGreaterThan(aws.functionNamed('web').versions[0]?.activeAt ?? Number.POSITIVE_INFINITY);
  });

  it('with invalidate: changed clears nothing, and clears when something changed', async () => {
    await using aws = await startSite();
    const changed = { ...byTag, invalidate: 'changed' };
    await deploy(aws, changed);
    const before = aws.distribution(distributionId).invalidations.length;
    const same = await deploy(aws, changed);
    expect(same.log).toContain('nothing to clear, nothing changed');
    expect(same.outputs).toMatchObject({ status: 'succeeded', 'invalidation-id': '' });
    expect(aws.distribution(distributionId).invalidations).toHaveLength(before);
    await deploy(aws, { ...changed, 'image-uri': `${repository}:v2` });
    expect(aws.distribution(distributionId).invalidations).toHaveLength(before + 1);
  });

  it('with invalidate: changed clears after an update that cured a Failed one', async () => {
    await using aws = await startSite({
      functions: [{ name: 'web', imageUri: `${repository}:v1`, lastUpdateStatus: 'Failed' }],
    });
    const run = await deploy(aws, { ...byTag, publish: 'false', invalidate: 'changed' });
    expect(run.outputs).toMatchObject({ changed: 'true', 'invalidation-status': 'Completed' });
  });

  it('with invalidate: changed clears when nobody may tell whether the version is new', async () => {
    await using aws = await startSite({ deny: ['lambda:ListVersionsByFunction'] });
    const run = await deploy(aws, { ...byTag, invalidate: 'changed' });
    expect(run.outputs['invalidation-status']).toBe('Completed');
  });
});

describe.concurrent('preflight of an image', () => {
  const inputs = { 'function-name': 'web', 'image-uri': `${repository}:v2` };
  it.each([
    {
      name: 'an index with attestations',
      image: { index: true },
      says: 'with attestations',
      hint: '--provenance=false --sbom=false',
    },
    {
      name: 'an index of two platforms',
      image: { platforms: ['linux/amd64', 'linux/arm64'] },
      says: 'of 2 platforms',
      hint: '--platform',
    },
    {
      name: 'the wrong architecture',
      image: { architecture: 'arm64' as const },
      says: 'linux/arm64',
      hint: '--platform linux/amd64',
    },
  ])('refuses $name with the fix, before Lambda is asked', async ({ image, says, hint }) => {
    await using aws = await startSite({ images: { [`${repository}:v2`]: image } });
    const run = await deploy(aws, inputs);
    expect(run.result.error).toMatchObject({
      code: 'image-rejected',
      message: expect.stringContaining(says),
      hint: expect.stringContaining(hint),
    });
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });

  it('refuses an unknown tag', async () => {
    await using aws = await startSite({ unknownImages: 'reject', images: { [`${repository}:v1`]: {} } });
    const run = await deploy(aws, inputs);
    expect(run.result.error).toMatchObject({
      code: 'image-rejected',
      message: expect.stringContaining('not in its repository'),
    });
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });

  it.each(['BatchGetImage', 'GetDownloadUrlForLayer'])(
    'is left out with a warning when %s is denied, and the release goes on',
    async (action) => {
      await using aws = await startSite({ functions: [{ name: 'web' }, { name: 'api' }] });
      aws.fault({ action, kind: 'denied', times: 99 });
      const run = await deploy(aws, { ...inputs, 'function-name': 'web api', rollback: 'false' });
      expect(run.exitCode).toBe(0);
      expect(run.log.split('\n').filter((line) => line.includes('is left out'))).toHaveLength(1);
      expect(run.log).toMatch(new RegExp(`^::warning .*access-denied.*not checked.*ecr:${action} was denied`, 'm'));
      expect(run.result.warnings).toMatchObject([
        {
          code: 'access-denied',
          hint: expect.stringContaining(`ecr:${action} on arn:aws:ecr:us-east-1:123456789012:repository/web`),
        },
      ]);
      expect(run.summary).toContain('not checked');
    },
  );

  it.each(
    ['BatchGetImage', 'GetDownloadUrlForLayer'].flatMap((action) =>
      (['throttle', 'service-unavailable', 'internal-error', 'reset-before', 'html-200'] as const).map((kind) => ({
        action,
        kind,
      })),
    ),
  )('is made all the same when $action has $kind at first', async ({ action, kind }) => {
    await using aws = await startSite({ images: { [`${repository}:v2`]: { architecture: 'arm64' } } });
    aws.fault({ action, kind, times: 4 });
    const run = await deploy(aws, inputs);
    expect(run.result.error).toMatchObject({ code: 'image-rejected', message: expect.stringContaining('linux/arm64') });
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });

  it('is left out with a warning, soon, where the runner has no way to ECR', async () => {
    await using aws = await startSite();
    const run = await deploy(aws, inputs, { env: { AWS_ENDPOINT_URL_ECR: 'http://127.0.0.1:9' } });
    expect(run.exitCode).toBe(0);
    expect(run.ms).toBeLessThan(30_000);
    expect(run.result.warnings).toMatchObject([{ message: expect.stringContaining('ECR cannot be reached') }]);
  });

  it.each([
    { code: 'ImageInaccessible', says: 'ImageInaccessible' },
    { code: 'UpstreamAccessDenied', says: 'UpstreamAccessDenied' },
  ])('is left out with a warning when ECR says $code inside an answer', async ({ code, says }) => {
    await using aws = await startSite();
    await using ecr = await startFailingEcr(code);
    const run = await deploy(aws, inputs, { env: { AWS_ENDPOINT_URL_ECR: ecr.url } });
    expect(run.exitCode).toBe(0);
    expect(run.result.warnings).toMatchObject([{ message: expect.stringContaining(says) }]);
  });

  it('fails when ECR does not answer at all, before anything changes', async () => {
    await using aws = await startSite();
    aws.fault({ action: 'BatchGetImage', kind: 'service-unavailable', times: 999 });
    const run = await deploy(aws, { ...inputs, 'update-timeout': '2s' });
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('BatchGetImage') });
    expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  });

  it.each(['web:v2', 'web:v2@sha256'])(
    'deploys what was checked although the tag moves on meanwhile (%s)',
    async (form) => {
      await using aws = await startSite({ functions: [{ name: 'web' }] });
      const checked = aws.images.push(`${repository}:v2`, {});
      const stop = aws.on('GetDownloadUrlForLayer', () => {
        stop();
        aws.images.push(`${repository}:v2`, { architecture: 'arm64' });
      });
      const uri = form === 'web:v2' ? `${repository}:v2` : `${repository}:v2@${checked}`;
      const run = await deploy(aws, { ...inputs, 'image-uri': uri });
      expect(run.exitCode).toBe(0);
      expect(callsTo(aws, 'UpdateFunctionCode').map(({ input }) => input.ImageUri)).toEqual([
        `${repository}@${checked}`,
      ]);
      expect(run.result.functions[0].codeSha256).toBe(checked.replace('sha256:', ''));
      // People know it by its tag.
      expect(run.log).toContain('web:v2');
      expect(run.summary).toMatch(/web(?::|&#58;)v2/);
    },
  );

  it('sends the tag where ECR does not tell what it stands for', async () => {
    await using aws = await startSite({ deny: ['ecr:BatchGetImage'] });
    await deploy(aws, inputs);
    expect(callsTo(aws, 'UpdateFunctionCode').map(({ input }) => input.ImageUri)).toEqual([`${repository}:v2`]);
  });

  it('checks in a dry run what a release would send', async () => {
    await using aws = await startSite();
    const run = await deploy(aws, { ...inputs, 'dry-run': 'true' });
    expect(callsTo(aws, 'UpdateFunctionCode')[0]?.input.ImageUri).toMatch(/web@sha256:[0-9a-f]{64}$/);
    expect(run.log).toContain('web:v2');
  });

  it('shows nothing of the presigned URL it reads the configuration from', async () => {
    await using aws = await startSite();
    const run = await deploy(aws, inputs);
    expect(callsTo(aws, 'GetDownloadUrlForLayer')).toHaveLength(1);
    expect(JSON.stringify([run.log, run.summary, run.outputs])).not.toContain('X-Amz-');
  });

  it('sees in a dry run that a build would not fit the function', async () => {
    await using aws = await startSite({ functions: [{ name: 'web', architecture: 'arm64' }] });
    const build = { 'build-context': '.', 'build-platform': 'linux/amd64', 'dry-run': 'true' };
    const run = await deploy(aws, { ...inputs, ...build });
    expect(run.result.error).toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('build-platform'),
    });
  });

  it('looks once at an image that several functions get', async () => {
    await using aws = await startSite({ functions: [{ name: 'web' }, { name: 'api' }] });
    expect((await deploy(aws, { ...inputs, 'function-name': 'web api', rollback: 'false' })).exitCode).toBe(0);
    expect(callsTo(aws, 'BatchGetImage')).toHaveLength(1);
  });

  it('is part of a dry run, which also says when there is nothing to update', async () => {
    await using aws = await startSite();
    const run = await deploy(aws, { ...inputs, 'image-uri': `${repository}:v1`, 'dry-run': 'true' });
    expect(run.outputs.status).toBe('planned');
    expect(run.log).toContain('- web: holds this code already');
  });
});

/** An ECR that answers a look at any image with one failure. */
async function startFailingEcr(failureCode: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((_, response) => {
    response
      .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify({ images: [], failures: [{ failureCode, failureReason: 'So it is.' }] }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
