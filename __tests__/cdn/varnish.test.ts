// CDN_SEED=… repeats the release that a failure names, CDN_TIMINGS=… tries more timings; see experiment.ts.
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { releaseNaively } from '../../local-aws/demo/naive-order.ts';
import { distributionId, quick, repository, type Site, startSite } from '../support/site.ts';
import { missingForVarnish, startVarnish, type Varnish } from '../support/varnish.ts';
import { expectNothingStale, type OpenCdn, type Release, watchRelease } from './experiment.ts';

const missing = missingForVarnish();
if (missing.length > 0) {
  console.log(`Skipped the tests with Varnish as the CDN, as there is no ${missing.join(', no ')}.`);
}

describe.skipIf(missing.length > 0)('with Varnish as the CDN', () => {
  let varnish: Varnish;
  const openCdn: OpenCdn = (site, id) => ({ url: varnish.url, host: varnish.serve(site, id) });

  beforeAll(async () => {
    varnish = await startVarnish();
  });
  afterAll(() => varnish?.[Symbol.asyncDispose]());

  async function visit(host: string, path: string) {
    const headers = await new Promise<NodeJS.Dict<string | string[]>>((done, failed) => {
      get(varnish.url + path, { headers: { host } }, (response) => done(response.resume().headers)).once(
        'error',
        failed,
      );
    });
    return headers;
  }

  async function clear(site: Site, ...items: string[]) {
    const InvalidationBatch = { CallerReference: items.join(), Paths: { Quantity: items.length, Items: items } };
    site.apply('CreateInvalidation', { DistributionId: distributionId, InvalidationBatch });
    await vi.waitFor(() => expect(site.distribution(distributionId).invalidations.at(-1)?.status).toBe('Completed'));
  }

  it.each([
    { items: ['/*'], url: '/anything?q=1', dropped: true },
    { items: ['/a', '/b'], url: '/b', dropped: true },
    { items: ['/dir'], url: '/dir/', dropped: false },
    { items: ['/dir/*'], url: '/dir/sub/page', dropped: true },
    { items: ['/a.b*'], url: '/a.bc', dropped: true },
    { items: ['/a.b*'], url: '/axbc', dropped: false },
    { items: ['/page?in=(usd)+eur$'], url: '/page?in=(usd)+eur$', dropped: true },
    { items: ['/page?in=(usd)+eur$*'], url: '/page?in=(usd)+eur$&x', dropped: true },
    { items: ['/page?*'], url: '/pag', dropped: false },
  ])('an invalidation of $items drops $url: $dropped', async ({ items, url, dropped }) => {
    await using site = await startSite({ clocks: { ...quick, invalidationMs: 5 } });
    await using other = await startSite();
    const host = varnish.serve(site, distributionId);
    const otherHost = varnish.serve(other, distributionId);
    for (const name of [host, otherHost]) {
      expect(await visit(name, url)).toMatchObject({ 'x-cache': 'Miss from cloudfront' });
      expect(await visit(name, url)).toMatchObject({ 'x-cache': 'Hit from cloudfront', age: '0' });
    }
    await clear(site, ...items);
    expect(await visit(host, url)).toMatchObject({ 'x-cache': `${dropped ? 'Miss' : 'Hit'} from cloudfront` });
    expect(await visit(otherHost, url)).toMatchObject({ 'x-cache': 'Hit from cloudfront' });
  });

  it('after a release no answer is stale, under random timings', { timeout: 600_000 }, () =>
    expectNothingStale('Varnish', 216, openCdn),
  );

  it('after a release in the naive order answers are stale, under the same kind of timings', async () => {
    const { answers, stale } = await watchRelease(1, openCdn, releaseAllNaively);
    console.log(`Varnish, naive order: ${answers} answers after the release, ${stale.length} stale.`);
    expect(stale.length).toBeGreaterThan(0);
  });
});

const releaseAllNaively: Release = async (site, sites) => {
  const imageUri = `${repository}:v2`;
  await Promise.all(sites.map((one) => releaseNaively(site.url, { ...one, imageUri }, () => undefined)));
};
