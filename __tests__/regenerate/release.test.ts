import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, effects, quick, type Site, startSite, v2 } from '../support/site.ts';

const inputsOf = (site: Site) => ({
  'distribution-id': distributionId,
  'regenerate-urls': site.cdnUrl(distributionId),
});

describe.concurrent('one attempt whose step runs again', () => {
  it('stays green over pages that it has cached itself, and clears them each time', async () => {
    await using site = await startSite();
    for (const seconds of [0, 2, 2]) {
      await sleep(seconds * 1000);
      const { outputs, result } = await deploy(site, inputsOf(site));
      expect(outputs.status).toBe('succeeded');
      expect(result.regeneration).toMatchObject({ fresh: 1, stale: 0, clearedAgain: 0 });
    }
    // Each process pays for its own: what was invalidated before may have been cached again since.
    expect(effects(site, 'CreateInvalidation')).toBe(3);
  });

  it('really clears again what it sees stale', async () => {
    await using site = await startSite();
    const inputs = { ...inputsOf(site), 'expect-header': 'x-commit: abc' };
    const first = await deploy(site, inputs);
    expect(first.result.error.message).toContain('1 of 1 page is still stale after another clearing');
    await deploy(site, inputs);
    // Each time the first, and one more for the stale page.
    expect(effects(site, 'CreateInvalidation')).toBe(4);
    expect(callsTo(site, 'CreateInvalidation')).toHaveLength(4);
  });
});

describe.concurrent('pages that are not fetched', () => {
  it('because the end of the invalidation was not seen, are a warning', async () => {
    await using site = await startSite({ clocks: { ...quick, invalidationMs: 60_000 } });
    const run = await deploy(site, {
      ...inputsOf(site),
      'wait-for-invalidation': 'best-effort',
      'invalidation-timeout': '1s',
    });
    const said = `No page was fetched: the end of the invalidation of ${distributionId} was not seen`;
    expect(run.exitCode).toBe(0);
    expect(run.result.regeneration).toMatchObject({ pages: 0, warning: { code: 'timed-out' }, error: null });
    expect(run.result.regeneration.warning.message).toContain(said);
    expect(run.log).toMatch(new RegExp(`^${said}`, 'm'));
    expect(run.log).toMatch(new RegExp(`^::warning .*${said}`, 'm'));
    expect(run.log).toMatch(/^no page was fetched$/m);
    expect(run.summary).toContain('No page was fetched');
  });

  it('because nothing is cleared, are named in the log', async () => {
    await using site = await startSite();
    await deploy(site, v2);
    const run = await deploy(site, { ...v2, ...inputsOf(site), invalidate: 'changed' });
    expect(run.log).toContain('nothing to clear, nothing changed; no page is fetched either');
  });

  it.each([
    { inputs: { urls: '/', sitemap: '' }, says: 'fetch 1 page through the CDN and see that it is fresh' },
    { inputs: { urls: '', sitemap: '/map' }, says: 'fetch the pages of 1 sitemap through the CDN and see that they' },
    { inputs: { urls: '/ /a', sitemap: '/map' }, says: 'fetch 2 pages and those of 1 sitemap through the CDN and see' },
  ])('in a dry run are in the plan and the summary: $says', async ({ inputs: { urls, sitemap }, says }) => {
    await using site = await startSite();
    const whole = (paths: string) =>
      paths
        .split(' ')
        .map((path) => (path === '' ? '' : `${site.cdnUrl(distributionId)}${path}`))
        .join('\n');
    const run = await deploy(site, {
      ...{ 'distribution-id': distributionId, 'dry-run': 'true' },
      ...{ 'regenerate-urls': whole(urls), 'regenerate-sitemap': whole(sitemap) },
    });
    expect(run.log).toContain(`- then ${says}`);
    expect(run.summary).toContain(`Then it would ${says}`);
  });
});

it('warnings about pages are in the summary', async () => {
  await using site = await startSite();
  site.fault({ action: 'Visit', kind: 'error', code: 'NotFound', status: 404, message: 'gone', times: 3 });
  expect((await deploy(site, inputsOf(site))).summary).toMatch(
    /\*\*Warning\*\*\n>\n> ```text\n> 1 of 1 page could not be had/,
  );
});
