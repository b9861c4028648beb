import { describe, expect, it } from 'vitest';
import {
  callsTo,
  deploy,
  distributionId,
  earlyInvalidations,
  effects,
  repository,
  startSite,
} from '../support/site.ts';

const mutations = ['UpdateFunctionCode', 'PublishVersion', 'CreateInvalidation'] as const;
const faults = [
  { name: 'applied, then the connection is reset', fault: { kind: 'reset-after' } },
  { name: 'applied, then the connection breaks in the body', fault: { kind: 'reset-in-body' } },
  { name: 'applied, and the body is cut', fault: { kind: 'truncate' } },
  { name: 'applied, and the body is empty', fault: { kind: 'empty-200' } },
  { name: 'applied, then a 500', fault: { kind: 'internal-error', apply: true } },
  { name: 'applied, then a 503', fault: { kind: 'service-unavailable', apply: true } },
  { name: 'applied, then a 429', fault: { kind: 'throttle', apply: true } },
  { name: 'not applied, the connection is reset', fault: { kind: 'reset-before' } },
  { name: "not applied, a proxy's page", fault: { kind: 'html-200' } },
  { name: 'not applied, a 500', fault: { kind: 'internal-error' } },
  { name: 'not applied, nothing listens for a while', fault: { kind: 'refuse', ms: 400 } },
] as const;

describe.concurrent('a lost answer is not a failure', () => {
  const cases = mutations.flatMap((action) => faults.map(({ name, fault }) => ({ action, name, fault })));
  it.each(cases)('$action: $name', async ({ action, fault }) => {
    await using site = await startSite();
    site.fault({ action, ...fault });
    const run = await deploy(site);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(mutations.map((each) => effects(site, each))).toEqual([1, 1, 1]);
    expect(site.functionNamed('web').serving.imageUri).toBe(`${repository}:v2`);
    expect(site.functionNamed('web').versions).toHaveLength(1);
    expect(site.distribution(distributionId).invalidations).toHaveLength(1);
    expect(earlyInvalidations(site)).toEqual([]);
  });

  it.each(mutations)('%s: applied, and never answered', async (action) => {
    await using site = await startSite();
    site.fault({ action, kind: 'hang', apply: true });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('no answer within');
    expect(mutations.map((each) => effects(site, each))).toEqual([1, 1, 1]);
  });

  it('an update that ended as Failed is not sent again, whatever happens to the polls', async () => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: 'InvalidImage', reason: 'bad' });
    site.on('UpdateFunctionCode', ({ when, call }) => {
      if (when === 'after' && call.effect) {
        site.fault({ action: 'GetFunction', kind: 'reset-before', times: 3 });
      }
    });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({ code: 'update-failed', message: expect.stringContaining('InvalidImage') });
    expect(callsTo(site, 'UpdateFunctionCode')).toHaveLength(1);
  });

  it('an update of the same tag whose answer is lost is sent again rather than believed', async () => {
    await using site = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:latest` }] });
    site.images.push(`${repository}:latest`, `sha256:${'a'.repeat(64)}`);
    site.fault({ action: 'UpdateFunctionCode', kind: 'reset-before' });
    let others = 1;
    site.on('GetFunction', ({ when }) => {
      // Somebody's change of the configuration gives the function a new revision, and no new code.
      if (when === 'before' && callsTo(site, 'UpdateFunctionCode').length === 1 && others-- > 0) {
        site.apply('UpdateFunctionConfiguration', { FunctionName: 'web', MemorySize: 1024 });
      }
    });
    const run = await deploy(site, { 'function-name': 'web', 'image-uri': `${repository}:latest` });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').serving.codeSha256).toBe('a'.repeat(64));
  });

  it('a revision-id that our own lost update used up is no conflict', async () => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind: 'reset-after' });
    const { revisionId } = site.functionNamed('web');
    const run = await deploy(site, {
      'function-name': 'web',
      'image-uri': `${repository}:v2`,
      'revision-id': revisionId,
    });
    expect(run.exitCode).toBe(0);
    expect(effects(site, 'UpdateFunctionCode')).toBe(1);
  });
});

describe.concurrent('it rides out', () => {
  it.each([
    { name: 'throttling of everything', action: '*', fault: { kind: 'throttle' }, times: 6 },
    { name: 'a 500 from everything', action: '*', fault: { kind: 'internal-error' }, times: 6 },
    { name: 'a 503 from everything', action: '*', fault: { kind: 'service-unavailable' }, times: 6 },
    { name: 'resets of everything', action: '*', fault: { kind: 'reset-before' }, times: 6 },
    { name: 'throttled polls', action: 'GetFunction', fault: { kind: 'throttle' }, times: 8 },
    { name: 'broken polls', action: 'GetFunction', fault: { kind: 'truncate' }, times: 5 },
    {
      name: 'TooManyInvalidationsInProgress',
      action: 'CreateInvalidation',
      fault: { kind: 'error', status: 400, code: 'TooManyInvalidationsInProgress', message: 'Processing too many.' },
      times: 4,
    },
    {
      name: "CloudFront's Rate exceeded",
      action: 'CreateInvalidation',
      fault: { kind: 'error', status: 400, code: 'Throttling', message: 'Rate exceeded' },
      times: 4,
    },
    { name: 'ServiceUnavailable', action: 'CreateInvalidation', fault: { kind: 'service-unavailable' }, times: 5 },
    { name: 'broken looks at the invalidation', action: 'GetInvalidation', fault: { kind: 'html-200' }, times: 4 },
  ] as const)('$name', async ({ action, fault, times }) => {
    await using site = await startSite();
    site.fault({ action, ...fault, times, after: 1 });
    const run = await deploy(site);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(mutations.map((each) => effects(site, each))).toEqual([1, 1, 1]);
    const references = callsTo(site, 'CreateInvalidation').map(({ input }) => JSON.stringify(input));
    expect(new Set(references).size).toBe(1);
  });

  it('waits as long as Retry-After asks', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'throttle', retryAfterSeconds: 2 });
    const run = await deploy(site);
    const [first, second] = callsTo(site, 'PublishVersion').map(({ at }) => at);
    expect(run.exitCode).toBe(0);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(1950);
  });

  it('gives up at the deadline, with what the last try ended with', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'service-unavailable', times: 999 });
    const run = await deploy(site, { 'distribution-id': distributionId, 'invalidation-timeout': '3s' });
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('HTTP 503') });
    expect(run.ms).toBeGreaterThan(2900);
    expect(run.ms).toBeLessThan(8000);
  });
});
