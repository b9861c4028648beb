import { describe, expect, it } from 'vitest';
import { callsTo, deploy, quick, repository, type Site, startSite, v2 } from '../support/site.ts';

/** The most calls in any second. */
function mostInASecond(moments: readonly number[]): number {
  return Math.max(0, ...moments.map((from) => moments.filter((at) => at >= from && at < from + 1000).length));
}

function readyAt(site: Site): number {
  return Math.max(...site.events.filter(({ type }) => type === 'version-active').map(({ at }) => at));
}

describe.concurrent('the pace of waiting', () => {
  it.each([0, 400, 700, 1300, 2150, 3400])(
    'is late by little and polls at most four times a second (%i ms)',
    async (updateMs) => {
      await using site = await startSite({ clocks: { ...quick, updateMs, versionMs: updateMs / 3 } });
      expect((await deploy(site)).exitCode).toBe(0);
      const [created] = callsTo(site, 'CreateInvalidation');
      const lateMs = (created?.at ?? Number.NaN) - readyAt(site);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(1200);
      expect(mostInASecond(callsTo(site, 'GetFunction').map(({ at }) => at))).toBeLessThanOrEqual(4);
    },
  );

  it('with 30 functions stays under 25 looks and 15 other calls a second', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `web-${n}`);
    await using site = await startSite({
      clocks: { ...quick, updateMs: 2500 },
      functions: names.map((name) => ({ name, imageUri: `${repository}:v1` })),
    });
    const run = await deploy(site, { 'function-name': names.join('\n'), 'image-uri': `${repository}:v2` });
    expect(run.exitCode).toBe(0);
    const looks = callsTo(site, 'GetFunction').map(({ at }) => at);
    expect(mostInASecond(looks)).toBeLessThan(25);
    const others = site.calls.filter(({ action }) => action !== 'GetFunction').map(({ at }) => at);
    expect(mostInASecond(others)).toBeLessThanOrEqual(15);
  });

  it('gives a sign of life every 15 s', async () => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind: 'stuck' });
    const run = await deploy(site, { ...v2, 'update-timeout': '32s', rollback: 'false' });
    expect(run.log.match(/^web: still .*update InProgress.*\(1[45]\.\d s\)$/m)).not.toBeNull();
    expect(run.log.match(/^web: still .*\((29|30)\.\d s\)$/m)).not.toBeNull();
  });

  it('writes one line for each change of status, not for each poll', async () => {
    await using site = await startSite({ clocks: { ...quick, updateMs: 2500 } });
    const run = await deploy(site);
    expect(run.log.match(/^web: update InProgress/gm)).toHaveLength(1);
    expect(run.log.match(/^web: update Successful/gm)).toHaveLength(1);
  });
});
