import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporary } from '../package/trees.ts';
import { callsTo, deploy, distributionId, effects, repository, type Site, v2 } from '../support/site.ts';
import { aliased, aliasOf, startRollout, tracesOf, web } from './rollout.ts';

const warm = { ...aliased, 'warm-up': '5' };

function warmStep({ result }: { result: { functions: { steps: { name: string; ms: number }[] }[] } }) {
  return result.functions[0]?.steps.find(({ name }) => name === 'warm up');
}

function invocationsOf(site: Site) {
  return site.events.filter(({ type }) => type === 'invoked').map(({ detail }) => detail);
}

describe.concurrent('warm-up', () => {
  it('makes as many execution environments of the new version, all at once, before the alias names it', async () => {
    await using site = await startRollout({ clocks: { initMs: 600, invokeMs: 50 } });
    const run = await deploy(site, { ...warm, 'warm-up': '20' });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').environments).toEqual({ 3: 20 });
    expect(callsTo(site, 'Invoke').map(({ input }) => input.Qualifier)).toEqual(Array(20).fill('3'));
    // One after the other they would take 13 s.
    expect(warmStep(run)?.ms).toBeLessThan(4000);
    const [moved] = site.events.filter(({ type }) => type === 'alias-changed');
    const lastInvoked = site.events.findLast(({ type }) => type === 'invoked');
    expect(moved?.at).toBeGreaterThan(lastInvoked?.at ?? Number.NaN);
  });

  it('tells cold and warm durations in the result and the log', async () => {
    await using site = await startRollout({ clocks: { initMs: 500, invokeMs: 1500 } });
    await deploy(site, warm);
    const run = await deploy(site, { ...warm, 'warm-up': '7' }, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(run.exitCode).toBe(0);
    const { coldMs, warmMs } = run.result.functions[0].warmUp;
    expect(coldMs).toEqual([2000, 2000]);
    expect(warmMs).toEqual(Array(5).fill(1500));
    expect(run.log).toContain('web: warmed up: 2 cold (2.0 s to 2.0 s), 5 warm (1.5 s to 1.5 s)');
  });

  it('reads the restore of a snapshot as a cold start', async () => {
    await using site = await startRollout({
      functions: [{ ...web, snapStart: 'PublishedVersions' }],
      clocks: { snapStartMs: 700, initMs: 200 },
    });
    const run = await deploy(site, warm);
    expect(run.exitCode).toBe(0);
    expect(run.result.functions[0].warmUp.coldMs).toEqual(Array(5).fill(200));
  });

  it('fails the release by a function error, with the end of the log, and moves nothing', async () => {
    await using site = await startRollout();
    const log = ['loading', '::error::forged', '##[group]x', '\u001b[31mred', 'Cannot find module ./secretless'].join(
      '\n',
    );
    site.fault({
      action: 'Invoke',
      kind: 'function-error',
      payload: { errorType: 'ImportError', errorMessage: '::stop-commands::x' },
      log,
    });
    const run = await deploy(site, warm);
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error).toMatchObject({ code: 'warm-up-failed', message: expect.stringContaining('ImportError') });
    expect(run.result.error.message).toContain('Cannot find module ./secretless');
    expect(run.log).not.toMatch(/^\s*::(?!error title=lambda|group::|endgroup::)|##\[/m);
    expect(run.log).not.toContain('\u001b');
    expect(run.result.error.message).toMatch(/^(?:[\n\t]|\P{Cc})+$/u);
    expect(tracesOf(site)).toEqual([]);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it.each([
    'CodeArtifactUserPendingException',
    'EC2ThrottledException',
    'ENILimitReachedException',
    'ENINotReadyException',
    'ResourceConflictException',
    'ResourceNotReadyException',
    'SnapStartNotReadyException',
  ])('waits out %s, after which nothing has run', async (code) => {
    await using site = await startRollout();
    site.fault({ action: 'Invoke', kind: 'error', code, times: 6 });
    const run = await deploy(site, warm);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain(`not ready to be invoked`);
    expect(effects(site, 'Invoke') || invocationsOf(site).length).toBe(5);
  });

  it('waits as long as a 429 asks', async () => {
    await using site = await startRollout();
    site.fault({ action: 'Invoke', kind: 'throttle', retryAfterSeconds: 2 });
    const run = await deploy(site, { ...warm, 'warm-up': '1' });
    expect(run.exitCode).toBe(0);
    const [first, second] = callsTo(site, 'Invoke').map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(1950);
  });

  it('goes on under the concurrency that the function has reserved, one after the other', async () => {
    await using site = await startRollout({
      functions: [{ ...web, reservedConcurrency: 2 }],
      clocks: { initMs: 50, invokeMs: 50 },
    });
    const run = await deploy(site, { ...warm, 'warm-up': '4' });
    expect(run.exitCode).toBe(0);
    expect(invocationsOf(site)).toHaveLength(4);
    expect(site.functionNamed('web').environments).toEqual({ 3: 2 });
  });

  it.each(['reset-after', 'reset-in-body', 'internal-error', 'service-unavailable', 'html-200'] as const)(
    'never repeats an invocation whose answer is lost (%s)',
    async (kind) => {
      await using site = await startRollout();
      site.fault({ action: 'Invoke', kind, apply: true });
      const run = await deploy(site, { ...warm, 'warm-up': '1' });
      expect(callsTo(site, 'Invoke')).toHaveLength(1);
      expect(run.exitCode).toBe(1);
      expect(run.result.error).toMatchObject({
        code: 'warm-up-failed',
        message: expect.stringContaining('it may have run'),
      });
      expect(tracesOf(site)).toEqual([]);
    },
  );

  it('ends as timed-out when the function does not get ready in time', async () => {
    await using site = await startRollout();
    site.fault({ action: 'Invoke', kind: 'error', code: 'ENINotReadyException', times: 999 });
    const run = await deploy(site, { ...warm, 'warm-up': '1', 'update-timeout': '4s' });
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('warm-up of web:3') });
    expect(run.ms).toBeLessThan(8000);
  });

  it('names the right that is missing, before any alias moves', async () => {
    await using site = await startRollout({ deny: ['lambda:InvokeFunction'] });
    const run = await deploy(site, warm);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.log).toContain('lambda:InvokeFunction on arn:aws:lambda:us-east-1:123456789012:function:web');
    expect(tracesOf(site)).toEqual([]);
  });

  it('invokes $LATEST where no alias is moved', async () => {
    await using site = await startRollout({
      functions: [{ name: 'web', imageUri: `${repository}:v1` }],
      distributions: [{ id: distributionId, functionName: 'web' }],
    });
    const run = await deploy(site, { ...v2, 'warm-up': '3' });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').environments).toEqual({ $LATEST: 3 });
    const invoked = invocationsOf(site).map(({ codeSha256 }) => codeSha256);
    expect(new Set(invoked)).toEqual(new Set([site.functionNamed('web').codeSha256]));
  });
});

describe.concurrent('warm-up-payload', () => {
  it('is {} when nothing is given, and JSON as it stands else', async () => {
    await using site = await startRollout();
    await deploy(site, { ...warm, 'warm-up': '1' });
    await deploy(site, { ...warm, 'warm-up': '1', 'warm-up-payload': '{"warm": "ü", "n": [1, 2]}' });
    expect(callsTo(site, 'Invoke').map(({ input }) => input.Payload ?? input.body)).toEqual([
      '{}',
      '{"warm": "ü", "n": [1, 2]}',
    ]);
  });

  it('comes from a file behind an @', async () => {
    using directory = temporary();
    await using site = await startRollout();
    writeFileSync(join(directory.path, 'event.json'), '{"path": "/warm"}\n');
    const run = await deploy(site, {
      ...warm,
      'warm-up': '1',
      'warm-up-payload': `@${join(directory.path, 'event.json')}`,
    });
    expect(run.exitCode).toBe(0);
    expect(aliasOf(site).version).toBe('3');
    expect(JSON.stringify(callsTo(site, 'Invoke')[0]?.input)).toContain('/warm');
  });

  it('is a secret that no log repeats', async () => {
    await using site = await startRollout();
    const run = await deploy(site, { ...warm, 'warm-up-payload': '{"token": "hunter2-hunter2"}' });
    expect(run.exitCode).toBe(0);
    expect(`${run.log}${run.summary}${run.outputs.result}`).not.toContain('hunter2');
  });
});
