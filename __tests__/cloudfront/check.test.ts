import { describe, expect, it } from 'vitest';
import { startFakeCloudFront } from '../support/fake-cloudfront.ts';
import { runAction } from '../support/run-action.ts';
import { callsTo, deploy, distributionId, effects, startSite, v2 } from '../support/site.ts';

const wrong = { ...v2, 'distribution-id': 'E2WRONGONE' };
const clear = { 'distribution-id': distributionId };

describe('the check of a distribution', () => {
  it.each([
    { name: 'throttling', fault: { kind: 'throttle' } },
    { name: 'server errors', fault: { kind: 'service-unavailable' } },
    { name: 'broken connections', fault: { kind: 'reset-before' } },
    { name: 'answers that make no sense', fault: { kind: 'html-200' } },
  ] as const)('outlasts $name, and finds a wrong id before any code is touched', async ({ fault }) => {
    await using site = await startSite();
    site.fault({ action: 'GetInvalidation', ...fault, times: 5 });
    const run = await deploy(site, wrong);
    expect(run.result.error.code).toBe('not-found');
    expect(effects(site, 'UpdateFunctionCode')).toBe(0);
  });

  it('goes on longer than five seconds', async () => {
    const began = performance.now();
    await using fake = await startFakeCloudFront(() =>
      performance.now() - began < 6500
        ? { httpStatus: 503, code: 'ServiceUnavailable' }
        : { httpStatus: 404, code: 'NoSuchDistribution' },
    );
    const run = await runAction(clear, { env: fake.env });
    expect(run.result.error.code).toBe('not-found');
    expect(fake.creations()).toEqual([]);
  });

  it('is signed anew when the clock of the runner is off', async () => {
    await using fake = await startFakeCloudFront((_, count) => ({
      answeredAt: Date.now() + 600_000,
      ...(count === 1
        ? { httpStatus: 403, code: 'SignatureDoesNotMatch' }
        : { httpStatus: 404, code: 'NoSuchDistribution' }),
    }));
    const run = await runAction({ ...clear, 'wait-for-invalidation': 'best-effort' }, { env: fake.env });
    expect(run.result.error.code).toBe('not-found');
    expect(fake.creations()).toEqual([]);
  });

  it.each(['best-effort', 'false'])('is left out with %s where AWS refuses it, which is a warning', async (wait) => {
    await using site = await startSite({ deny: ['cloudfront:GetInvalidation'] });
    const run = await deploy(site, { ...v2, 'wait-for-invalidation': wait });
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toMatch(/^::warning .*was not checked before the release/m);
    expect(run.result.warnings).toMatchObject([{ code: 'access-denied' }]);
    expect(run.summary).toContain('was not checked before the release');
  });

  it('finds a wrong id also where nobody waits for the end', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...wrong, 'wait-for-invalidation': 'false' });
    expect(run.result.error.code).toBe('not-found');
    expect(callsTo(site, 'UpdateFunctionCode').filter(({ effect }) => effect)).toEqual([]);
  });
});

describe('an invalidation that CloudFront accepts', () => {
  const both = {
    distributions: [
      { id: distributionId, functionName: 'web' },
      { id: 'E2EXAMPLE2', functionName: 'web' },
    ],
  };

  it('in one distribution and refuses in another is invalidation-failed', async () => {
    await using site = await startSite(both);
    site.fault({ action: 'CreateInvalidation', resource: 'E2EXAMPLE2', kind: 'denied' });
    const { result, outputs } = await deploy(site, { 'distribution-id': `${distributionId} E2EXAMPLE2` });
    expect(outputs.status).toBe('failed');
    expect(result.error).toMatchObject({ code: 'invalidation-failed', message: expect.stringContaining('E2EXAMPLE2') });
    expect(result.distributions[1].error.code).toBe('access-denied');
  });

  it('in a part of its calls is invalidation-failed, too', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 50, originMs: 2 } });
    site.fault({ action: 'CreateInvalidation', kind: 'error', code: 'InvalidArgument', after: 1 });
    const paths = Array.from({ length: 16 }, (_, n) => `/${n}/*`).join('\n');
    const { result } = await deploy(site, { ...clear, paths });
    expect(result.error.code).toBe('invalidation-failed');
    expect(result.error.message).toContain('some of its paths');
    expect(result.distributions[0].invalidations).toHaveLength(1);
  });

  it('nowhere has the code of the refusal', async () => {
    await using site = await startSite(both);
    site.fault({ action: 'CreateInvalidation', kind: 'denied', times: 2 });
    const { result } = await deploy(site, { 'distribution-id': `${distributionId} E2EXAMPLE2` });
    expect(result.error.code).toBe('access-denied');
  });

  it('and does not let anybody look at goes on with the other calls', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 50, originMs: 2 } });
    site.fault({ action: 'GetInvalidation', kind: 'denied', after: 1, times: 100 });
    const paths = Array.from({ length: 16 }, (_, n) => `/${n}/*`).join('\n');
    const { result } = await deploy(site, { ...clear, paths });
    expect(result.error.code).toBe('access-denied');
    expect(effects(site, 'CreateInvalidation')).toBe(2);
  });
});
