import { describe, expect, it } from 'vitest';
import {
  deploy,
  distributionId,
  earlyInvalidations,
  quick,
  repository,
  type Site,
  startSite,
  v2,
} from '../support/site.ts';

/** Sends a signal to the bundle at a moment, and tells how long it took to end. */
async function cancelAt(site: Site, signal: NodeJS.Signals, moment: (cancel: () => void) => void, inputs = v2) {
  let cancelledAt = Number.NaN;
  const run = await deploy(site, inputs, {
    onStart: (child) =>
      moment(() => {
        cancelledAt = performance.now();
        child.kill(signal);
      }),
  });
  return { run, tookMs: performance.now() - cancelledAt };
}

const atCall =
  (site: Site, action: string, delayMs = 0) =>
  (cancel: () => void) => {
    let isFirst = true;
    site.on(action, ({ when }) => {
      if (when === 'after' && isFirst) {
        isFirst = false;
        setTimeout(cancel, delayMs);
      }
    });
  };

const moments = [
  { action: 'GetFunction', standing: /web: was not changed|update to .*web:v2 was sent/ },
  { action: 'UpdateFunctionCode', standing: /web: the update to .*web:v2 was sent, its end was not seen/ },
  { action: 'PublishVersion', standing: /web: holds the new code/ },
  { action: 'CreateInvalidation', standing: /E2EXAMPLE1: (was not cleared|invalidation I\w+ is InProgress)/ },
  { action: 'GetInvalidation', standing: /web: /, delayMs: 50 },
];

describe.concurrent('a cancelled run', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it.each(moments)(
      `${signal} at $action: ends at once, says where all stands, and a re-run completes it`,
      async ({ action, standing, delayMs = 30 }) => {
        await using site = await startSite({
          clocks: { ...quick, updateMs: 600, versionMs: 600, invalidationMs: 600 },
        });
        const { run, tookMs } = await cancelAt(site, signal, atCall(site, action, delayMs));
        expect(tookMs).toBeLessThan(5000);
        expect(run.exitCode).toBe(1);
        expect(run.outputs.status).toBe('cancelled');
        expect(run.result.error.code).toBe('cancelled');
        expect(run.log.match(/^::error title=.*cancelled/gm)).toHaveLength(1);
        expect(run.log).toMatch(standing);

        const again = await deploy(site, v2, { env: { GITHUB_RUN_ATTEMPT: '2' } });
        expect(again.exitCode).toBe(0);
        const web = site.functionNamed('web');
        expect(web.serving.imageUri).toBe(`${repository}:v2`);
        expect(web.versions.map(({ state }) => state)).toEqual(['Active']);
        expect(site.distribution(distributionId).invalidations.at(-1)?.status).toBe('Completed');
        expect(earlyInvalidations(site)).toEqual([]);
      },
    );
  }

  it.each(['hang', 'stall-body', 'drip'] as const)('does not wait for a call that is stuck (%s)', async (kind) => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind, apply: true });
    const { run, tookMs } = await cancelAt(site, 'SIGINT', atCall(site, 'UpdateFunctionCode', 300));
    expect(tookMs).toBeLessThan(2000);
    expect(run.outputs.status).toBe('cancelled');
  });

  it('heeds the signal while it waits to try again', async () => {
    await using site = await startSite();
    site.fault({ action: '*', kind: 'throttle', retryAfterSeconds: 50, times: 999, apply: true });
    const { run, tookMs } = await cancelAt(site, 'SIGTERM', atCall(site, 'GetFunction', 300));
    expect(tookMs).toBeLessThan(2000);
    expect(run.outputs.status).toBe('cancelled');
  });

  it('is killed without a chance to say anything, and a re-run completes it', async () => {
    await using site = await startSite();
    for (const action of ['UpdateFunctionCode', 'PublishVersion', 'CreateInvalidation']) {
      const killed = await cancelAt(site, 'SIGKILL', atCall(site, action));
      expect(killed.run.exitCode).toBeNull();
    }
    const run = await deploy(site, v2, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web').versions).toHaveLength(1);
    expect(earlyInvalidations(site)).toEqual([]);
  });
});
