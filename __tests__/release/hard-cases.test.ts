import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startLaggingReads } from '../support/lagging-reads.ts';
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

const directory = mkdtempSync(join(tmpdir(), 'hard-cases-'));
afterAll(() => rmSync(directory, { recursive: true }));

const latest = { 'function-name': 'web', 'image-uri': `${repository}:latest`, 'distribution-id': distributionId };
/** The tag has another image behind it than the one that runs, and nobody may look at the registry. */
const movedTag = {
  deny: ['ecr:BatchGetImage'],
  functions: [{ name: 'web', imageUri: `${repository}:latest` }],
};

describe.concurrent('reads that are behind', () => {
  it.each([
    { name: 'the same tag, not published', inputs: { ...latest, publish: 'false' } },
    { name: 'the same tag', inputs: latest },
    { name: 'another tag', inputs: v2 },
  ])('make nothing early and nothing red ($name)', async ({ inputs }) => {
    await using site = await startSite({ ...movedTag, clocks: { ...quick, updateMs: 1500 } });
    site.images.push(`${repository}:latest`, `sha256:${'b'.repeat(64)}`);
    await using behind = await startLaggingReads(site.url, 700);
    const run = await deploy(site, inputs, { env: { AWS_ENDPOINT_URL: behind.url } });
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(earlyInvalidations(site)).toEqual([]);
    expect(site.functionNamed('web').serving.imageUri).toBe(inputs['image-uri']);
  });

  it('do not pass off an earlier failure as ours', async () => {
    await using site = await startSite({
      clocks: { ...quick, updateMs: 1200 },
      functions: [{ name: 'web', imageUri: `${repository}:v1`, lastUpdateStatus: 'Failed' }],
    });
    await using behind = await startLaggingReads(site.url, 600);
    const run = await deploy(site, v2, { env: { AWS_ENDPOINT_URL: behind.url } });
    expect(run.exitCode).toBe(0);
  });

  it('of a new invalidation are waited out', async () => {
    await using site = await startSite();
    site.fault({
      action: 'GetInvalidation',
      kind: 'error',
      status: 404,
      code: 'NoSuchInvalidation',
      message: 'The specified invalidation does not exist.',
      after: 1,
      times: 2,
    });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(run.outputs['invalidation-status']).toBe('Completed');
  });
});

describe.concurrent('somebody else', () => {
  it('who deploys the same tag with other code is noticed', async () => {
    await using site = await startSite({ ...movedTag, clocks: { ...quick, updateMs: 400 } });
    site.images.push(`${repository}:latest`, `sha256:${'b'.repeat(64)}`);
    let isTheirTurn = true;
    site.on('GetFunction', ({ when }) => {
      const isOursIn = site.functionNamed('web').serving.codeSha256 === 'b'.repeat(64);
      if (when === 'before' && isOursIn && isTheirTurn) {
        isTheirTurn = false;
        site.images.push(`${repository}:latest`, `sha256:${'c'.repeat(64)}`);
        site.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: `${repository}:latest` });
      }
    });
    const run = await deploy(site, latest);
    expect(run.result.error.code).toBe('conflict');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('who had the revision-id used up after our answer got lost is nobody but us', async () => {
    await using site = await startSite({
      functions: [{ name: 'web', imageUri: `${repository}:v1`, lastUpdateStatus: 'Failed' }],
    });
    const { codeSha256, revisionId } = site.functionNamed('web');
    site.fault({ action: 'UpdateFunctionCode', kind: 'reset-after' });
    const inputs = {
      'function-name': 'web',
      'image-uri': `${repository}@sha256:${codeSha256}`,
      'revision-id': revisionId,
    };
    const run = await deploy(site, inputs);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
  });
});

describe.concurrent('time', () => {
  it('that is up is up, however many functions stand in the queue', async () => {
    const names = Array.from({ length: 80 }, (_, n) => `web-${n}`);
    await using site = await startSite({ functions: names.map((name) => ({ name, imageUri: `${repository}:v1` })) });
    const run = await deploy(site, {
      'function-name': names.join(' '),
      'image-uri': `${repository}:v2`,
      'distribution-id': distributionId,
      'update-timeout': '3s',
    });
    expect(run.exitCode).toBe(1);
    // Looking has the same time again, so the first update is late; none is sent after the time for updates.
    const updates = callsTo(site, 'UpdateFunctionCode').map(({ at }) => at);
    expect(Math.max(...updates) - Math.min(...updates)).toBeLessThan(3500);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('is not lost to a list of versions that is slow', async () => {
    await using site = await startSite();
    site.fault({ action: 'ListVersionsByFunction', kind: 'latency', ms: 4000 });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    const activeAt = site.functionNamed('web').versions[0]?.activeAt ?? Number.NaN;
    expect((callsTo(site, 'CreateInvalidation')[0]?.at ?? Number.NaN) - activeAt).toBeLessThan(1200);
  });

  it('is taken to list the versions when the first answer is none', async () => {
    await using site = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:v1`, versions: 2 }] });
    site.fault({ action: 'ListVersionsByFunction', kind: 'throttle' });
    const run = await deploy(site);
    expect(run.outputs['previous-version']).toBe('2');
  });

  it('is left between the invalidations of many distributions', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `E2EXAMPLE${n}${n}`);
    await using site = await startSite({ distributions: ids.map((id) => ({ id, functionName: 'web' })) });
    const run = await deploy(site, { 'distribution-id': ids.join(' ') });
    expect(run.exitCode).toBe(0);
    const moments = callsTo(site, 'CreateInvalidation').map(({ at }) => at);
    for (const from of moments) {
      expect(moments.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(6);
    }
  });
});

describe.concurrent('a cancel', () => {
  it('ends a run whose credentials never come', async () => {
    await using site = await startSite();
    const config = join(directory, 'config');
    writeFileSync(config, '[default]\ncredential_process = sleep 40\n');
    let cancelledAt = 0;
    const run = await deploy(site, v2, {
      env: { AWS_CONFIG_FILE: config, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      onStart: (child) =>
        setTimeout(() => {
          cancelledAt = performance.now();
          child.kill('SIGINT');
        }, 3000),
    });
    expect(performance.now() - cancelledAt).toBeLessThan(5000);
    expect(run.outputs.status).toBe('cancelled');
  });

  it.each([
    { action: 'CreateInvalidation', says: 'E2EXAMPLE1: the invalidation was sent, the answer was not seen' },
    {
      action: 'PublishVersion',
      says: 'web: holds the new code; a version of it was asked for, the answer was not seen',
    },
  ])('in the middle of $action does not call undone what may be done', async ({ action, says }) => {
    await using site = await startSite();
    site.fault({ action, kind: 'hang', apply: true });
    const run = await deploy(site, v2, {
      onStart: (child) =>
        site.on(action, ({ when }) => {
          if (when === 'after') {
            setTimeout(() => child.kill('SIGINT'), 200);
          }
        }),
    });
    expect(run.outputs.status).toBe('cancelled');
    expect(run.log).toContain(says);
  });
});

describe.concurrent('credentials', () => {
  it('that cannot be read end the run at once', async () => {
    await using site = await startSite();
    const run = await deploy(site, v2, {
      env: {
        AWS_ACCESS_KEY_ID: '',
        AWS_SECRET_ACCESS_KEY: '',
        AWS_WEB_IDENTITY_TOKEN_FILE: '/no/such/token',
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/deploy',
      },
    });
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      hint: expect.stringContaining('configure-aws-credentials'),
    });
    expect(run.ms).toBeLessThan(4000);
  });

  it('that AWS quotes are not passed on', async () => {
    await using site = await startSite();
    const token = 'FwoGZXIvYXdzEXAMPLEsessionToken==';
    site.fault({
      action: 'GetFunction',
      kind: 'error',
      status: 403,
      code: 'InvalidSignatureException',
      message: `The Canonical String should have been 'x-amz-security-token:${token}' and bucket/k?X-Amz-Signature=abcdef0123456789`,
    });
    const run = await deploy(site, v2, { env: { AWS_SESSION_TOKEN: token } });
    expect(run.result.error.code).toBe('access-denied');
    expect(JSON.stringify(run)).not.toContain(token);
    expect(JSON.stringify(run)).not.toContain('abcdef0123456789');
  });
});

describe.concurrent('files of the runner', () => {
  it('a summary that cannot be written is a warning, and the outputs are there', async () => {
    await using site = await startSite();
    const run = await deploy(site, v2, { files: { GITHUB_STEP_SUMMARY: join(directory, 'no/such/summary.md') } });
    expect(run.exitCode).toBe(0);
    expect(run.log).toMatch(/^::warning .*summary could not be written/m);
    expect(run.outputs.status).toBe('succeeded');
  });

  it('outputs that cannot be written are an error, without a stack', async () => {
    await using site = await startSite();
    const run = await deploy(site, v2, { files: { GITHUB_OUTPUT: join(directory, 'no/such/output') } });
    expect(run.exitCode).toBe(1);
    expect(run.log).toMatch(/^::error .*outputs could not be written/m);
    expect(run.log).not.toContain('at Object');
    expect(effects(site, 'CreateInvalidation')).toBe(1);
  });
});

describe.concurrent('paths-file', () => {
  const clear = { 'distribution-id': distributionId };
  it('in another encoding than UTF-8 is refused rather than cleared wrongly', async () => {
    await using site = await startSite();
    const file = join(directory, 'latin1.txt');
    writeFileSync(file, Buffer.from('/caf\xe9\n', 'latin1'));
    const run = await deploy(site, { ...clear, 'paths-file': file });
    expect(run.result.error).toMatchObject({ code: 'invalid-input', message: expect.stringContaining('not UTF-8') });
  });

  it.skipIf(process.platform === 'win32')('that is a pipe does not hold the run', async () => {
    await using site = await startSite();
    const file = join(directory, 'pipe');
    execFileSync('mkfifo', [file]);
    const run = await deploy(site, { ...clear, 'paths-file': file });
    expect(run.result.error).toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('no regular file'),
    });
  });

  it('that is a link out of the workspace is not read', async () => {
    await using site = await startSite();
    // Nothing of the machine's own decides what is outside: HOME may lie below the temporary directory, and this clone, too.
    const places = mkdtempSync(join(directory, 'places-'));
    const [workspace, temporary, home] = [join(places, 'workspace'), join(places, 'temporary'), join(places, 'home')];
    for (const place of [workspace, temporary, home]) mkdirSync(place);
    writeFileSync(join(home, 'credentials'), 'aws_secret_access_key = wJalrXUtnFEMI\n');
    symlinkSync(join(home, 'credentials'), join(workspace, 'paths.txt'));
    symlinkSync(home, join(workspace, 'home'));
    writeFileSync(join(home, 'paths.txt'), '/a\n');
    const read = (path: string) =>
      deploy(
        site,
        { ...clear, 'paths-file': path },
        { env: { GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temporary, TMPDIR: temporary } },
      );
    const run = await read(join(workspace, 'paths.txt'));
    const below = await read(join(workspace, 'home/credentials'));
    const named = await read(join(home, 'paths.txt'));
    expect(below.result.error.message).toContain('a link to outside the workspace');
    expect(named.exitCode).toBe(0);
    expect(run.result.error.code).toBe('invalid-input');
    expect(JSON.stringify(run)).not.toContain('wJalrXUtnFEMI');
  });
});
