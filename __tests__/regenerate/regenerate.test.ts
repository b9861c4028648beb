import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { connectClock } from '../../src/adapters/clock.ts';
import { connectWeb } from '../../src/adapters/web.ts';
import type { DeployError } from '../../src/errors.ts';
import { collectPages, hostsOf } from '../../src/regenerate/collect-pages.ts';
import { fetchPage } from '../../src/regenerate/fetch-page.ts';
import { emptyRegeneration, type RegenerationOutcome } from '../../src/regenerate/outcome.ts';
import type { RegenerationPlan } from '../../src/regenerate/plan.ts';
import { regenerate } from '../../src/regenerate/regenerate.ts';
import { regenerationResult, regenerationStanding, regenerationSummary } from '../../src/report/regeneration.ts';
import { startTimeline } from '../../src/timeline.ts';
import type { Log } from '../../src/world.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { markupOf, markupOfOthers } from '../support/summary.ts';
import { type Cdn, startCdn } from './cdn.ts';

interface Options {
  urls?: string[];
  sitemaps?: string[];
  expectHeader?: RegenerationPlan['expectHeader'];
  expectBody?: string;
  timeoutMs?: number;
  isCleared?: (path: string) => boolean;
  /** How long before the run the cache was cleared. */
  clearedMsAgo?: number;
  clearAgain?: (paths: string[]) => Promise<number>;
  cancelAfterMs?: number;
  /** Cancels as soon as a line says so. */
  cancelOn?: string;
}

interface Ran {
  error: DeployError | undefined;
  outcome: RegenerationOutcome;
  /** All that a run prints and leaves. */
  log: string;
  ms: number;
  /** From the cancel to the end. */
  endedAfterMs: number;
}

async function run(cdn: Cdn, { urls = [], sitemaps = [], ...options }: Options = {}): Promise<Ran> {
  const cancel = new AbortController();
  const lines: string[] = [];
  const log: Log = {
    line(text) {
      lines.push(text);
      if (options.cancelOn !== undefined && text.includes(options.cancelOn)) {
        cancel.abort();
      }
    },
    warning: (title, text) => void lines.push(title, text),
    error: (title, text) => void lines.push(title, text),
    group: (_, work) => work(),
  };
  const outcome = emptyRegeneration();
  const began = performance.now();
  let cancelledAt = began;
  cancel.signal.addEventListener('abort', () => {
    cancelledAt = performance.now();
  });
  if (options.cancelAfterMs !== undefined) {
    setTimeout(() => cancel.abort(), options.cancelAfterMs);
  }
  const error = await regenerate({
    world: { web: connectWeb(cancel.signal), log, cancelled: cancel.signal },
    timeline: startTimeline(log, connectClock(cancel.signal)),
    plan: {
      urls: urls.map((path) => new URL(path, cdn.url)),
      sitemaps: sitemaps.map((path) => new URL(path, cdn.url)),
      expectHeader: options.expectHeader,
      expectBody: options.expectBody ?? '',
      timeoutMs: options.timeoutMs ?? 30_000,
    },
    isCleared: options.isCleared ?? (() => true),
    clearedAt: began - (options.clearedMsAgo ?? 3000),
    clearAgain: options.clearAgain ?? ((paths) => cdn.clear(paths)),
    outcome,
  }).then(
    () => undefined,
    (thrown: DeployError) => thrown,
  );
  const endedAt = performance.now();
  return { error, outcome, log: lines.join('\n'), ms: endedAt - began, endedAfterMs: endedAt - cancelledAt };
}

const paths = (cdn: Cdn) => cdn.requests.map(({ path }) => path);
const v2 = { expectHeader: { name: 'x-version', value: 'v2' } };
const page = (version: string) => ({ headers: { 'x-version': version }, body: `<p>${version}</p>` });
const sitemap = (...urls: string[]) =>
  `<urlset>${urls.map((url) => `<url><loc>${url.replaceAll('&', '&amp;')}</loc></url>`).join('')}</urlset>`;
const index = (...urls: string[]) =>
  `<sitemapindex>${urls.map((url) => `<sitemap><loc>${url}</loc></sitemap>`).join('')}</sitemapindex>`;

describe.concurrent('the cache', () => {
  it('is filled in each variant, compressed ones of all pages first', async () => {
    await using cdn = await startCdn();
    const { error, outcome } = await run(cdn, { urls: ['/a', '/b', '/a'] });
    expect(error).toBeUndefined();
    expect(cdn.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([
      'br, gzip',
      'br, gzip',
      'gzip',
      'gzip',
      'identity',
      'identity',
    ]);
    expect(outcome).toMatchObject({
      pages: 2,
      fresh: 2,
      stale: 0,
      unknown: 0,
      failed: 0,
      requests: 6,
      clearedAgain: 0,
    });
    expect(outcome.edges).toEqual(new Map([['FRA56-P4', { hit: 0, miss: 6, other: 0 }]]));
    expect(outcome.slowest).toHaveLength(2);
    expect((await run(cdn, { urls: ['/a', '/b'] })).outcome.edges.get('FRA56-P4')).toEqual({
      hit: 6,
      miss: 0,
      other: 0,
    });
  });

  it('is fetched 16 at a time over as many connections', async () => {
    await using cdn = await startCdn();
    let [busy, most] = [0, 0];
    const urls = Array.from({ length: 100 }, (_, number) => `/${number}`);
    for (const url of urls) {
      cdn.raw.set(url, async (_, response) => {
        busy += 1;
        most = Math.max(most, busy);
        await sleep(5);
        busy -= 1;
        response.end();
      });
    }
    expect((await run(cdn, { urls })).outcome).toMatchObject({ requests: 300, unknown: 100 });
    expect(most).toBe(16);
    expect(cdn.connections()).toBeLessThanOrEqual(16);
  });

  it('that others have filled since it was cleared is fresh', async () => {
    await using cdn = await startCdn();
    cdn.keep('/', page('v2'), 1);
    const { outcome } = await run(cdn, { urls: ['/'] });
    expect(outcome).toMatchObject({ fresh: 1, requests: 3 });
  });

  it('that kept pages is cleared of these once more, and only they are fetched again', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => page('v2');
    cdn.keep('/old?a=[1]', page('v1'), 100);
    for (const expected of [{}, v2]) {
      cdn.requests.length = 0;
      cdn.cleared.length = 0;
      cdn.keep('/old?a=[1]', page('v1'), 100);
      const { error, outcome } = await run(cdn, {
        urls: ['/old?a=[1]', '/new'],
        ...expected,
      });
      expect(error).toBeUndefined();
      expect(outcome).toMatchObject({ fresh: 2, stale: 0, clearedAgain: 1, stalePages: [], requests: 9 });
      expect(cdn.cleared).toEqual([['/old?a=%5B1%5D']]);
      expect(paths(cdn).slice(6)).toEqual(['/old?a=[1]', '/old?a=[1]', '/old?a=[1]']);
    }
  });

  it('of which nothing was cleared that a sitemap lists is left alone', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => ({ body: sitemap(`${cdn.url}/a`) });
    const { error, outcome, log } = await run(cdn, { sitemaps: ['/map'], isCleared: () => false });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({ pages: 0, skipped: 1, requests: 1 });
    expect(log).toContain('there is no page to fetch');
  });

  it('that was read by another name before a redirect is cleared of both', async () => {
    await using cdn = await startCdn();
    cdn.keep('/from', { status: 301, headers: { location: '/to' } }, 100);
    cdn.keep('/to', page('v1'), 100);
    cdn.origin = (path) => (path === '/from' ? { status: 302, headers: { location: '/new' } } : page('v2'));
    const { error, outcome } = await run(cdn, { urls: ['/from'], ...v2 });
    expect(error).toBeUndefined();
    expect(cdn.cleared).toEqual([['/from', '/to']]);
    expect(paths(cdn).slice(-2)).toEqual(['/from', '/new']);
    expect(outcome).toMatchObject({ fresh: 1, clearedAgain: 1 });
  });

  it('is not judged by pages that the invalidation did not cover', async () => {
    await using cdn = await startCdn();
    cdn.keep('/old', page('v1'), 100);
    const isCleared = (path: string) => path.startsWith('/blog/');
    const { error, outcome } = await run(cdn, { urls: ['/old', '/blog/1'], isCleared });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({ fresh: 1, unknown: 1, clearedAgain: 0 });
  });
});

describe.concurrent('a page that stays stale', () => {
  it('because a cache keeps it, is told so', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => page('v2');
    cdn.keep('/old', page('v1'), 100);
    cdn.stuck.add('/old');
    for (const { says, ...expected } of [{ says: '' }, { says: ' (expected x-version: v2)', ...v2 }]) {
      const { error, outcome } = await run(cdn, { urls: ['/old', '/new'], ...expected });
      expect(error).toMatchObject({ code: 'stale-cache', hint: expect.stringContaining('paths') });
      expect(error?.message).toBe(
        `1 of 2 pages is still stale after another clearing${says}: ${cdn.url}/old. A cache kept it through the clearing.`,
      );
      expect(outcome.stalePages).toEqual([{ url: `${cdn.url}/old`, layer: 'edge', age: expect.closeTo(100, -1) }]);
      expect(outcome).toMatchObject({ stale: 1, fresh: 1, clearedAgain: 1, error });
    }
  });

  it('is one that was made between the two clearings', async () => {
    await using cdn = await startCdn();
    cdn.keep('/old', page('v1'), 100);
    const clearAgain = async () => {
      cdn.keep('/old', page('v1'), 2);
      return performance.now();
    };
    const { error } = await run(cdn, { urls: ['/old'], clearedMsAgo: 10_000, clearAgain });
    expect(error?.code).toBe('stale-cache');
  });

  it('because the origin still makes it, is told so', async () => {
    await using cdn = await startCdn();
    cdn.origin = (path) => page(path === '/old' ? 'v1' : 'v2');
    const { error, outcome } = await run(cdn, { urls: ['/old', '/new'], ...v2 });
    expect(error).toMatchObject({ code: 'stale-cache', hint: expect.stringContaining('origin still runs old code') });
    expect(outcome.stalePages).toMatchObject([{ layer: 'origin' }]);
    expect(outcome.provesOldCode).toBe(true);
  });

  it('proves old code only as far as the origin was asked for it', async () => {
    await using cdn = await startCdn();
    for (const path of ['/kept', '/mixed']) {
      cdn.keep(path, page('v1'), 100);
    }
    cdn.stuck.add('/kept').add('/mixed');
    cdn.origin = (path) => page(path === '/old' ? 'v1' : 'v2');
    const kept = await run(cdn, { urls: ['/kept', '/new'], ...v2 });
    expect(kept.error?.code).toBe('stale-cache');
    expect(kept.outcome.provesOldCode).toBe(false);
    const mixed = await run(cdn, { urls: ['/mixed', '/old', '/new'], ...v2 });
    expect(mixed.outcome.provesOldCode).toBe(true);
  });

  it('proves nothing when the second look at it does not end in time', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => page('v1');
    const clearAgain = async (paths: string[]) => {
      cdn.raw.set('/old', () => undefined);
      return cdn.clear(paths);
    };
    const { error, outcome } = await run(cdn, { urls: ['/old'], ...v2, clearAgain, timeoutMs: 1500 });
    expect(error?.code).toBe('timed-out');
    expect(outcome.provesOldCode).toBe(false);
  });

  it('as all others, may be expected in vain', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => page('v1');
    const { error, outcome } = await run(cdn, { urls: ['/1', '/2', '/3', '/4'], expectBody: 'v2' });
    expect(error).toMatchObject({ code: 'stale-cache', hint: expect.stringContaining('expect-body') });
    expect(error?.message).toContain('4 of 4 pages are still stale after another clearing (expected "v2"): ');
    expect(error?.message).toContain(' and 1 more. No page carried what is expected.');
    expect(outcome.stalePages.map(({ layer }) => layer)).toEqual(Array(4).fill('no marker'));
  });

  it('stands in the outcome when it cannot be cleared again', async () => {
    await using cdn = await startCdn();
    cdn.keep('/old', page('v1'), 100);
    const refusal = Object.assign(new Error('no'), { code: 'access-denied' });
    const { error, outcome } = await run(cdn, { urls: ['/old'], clearAgain: () => Promise.reject(refusal) });
    expect(error).toBe(refusal);
    expect(outcome).toMatchObject({ stale: 1, clearedAgain: 0, stalePages: [{ layer: 'edge' }] });
  });

  it('with thousands of others is not cleared again, path by path', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => page('v1');
    const urls = Array.from({ length: 3001 }, (_, number) => `/${number}`);
    const { error } = await run(cdn, { urls, ...v2 });
    expect(cdn.cleared).toEqual([]);
    expect(error?.message).toContain('3,001 of 3,001 pages are stale, too many to clear them once more');
  });
});

describe.concurrent('a page that fails', () => {
  it('twice is asked for again, after what Retry-After says', async () => {
    await using cdn = await startCdn();
    const answers = [503, 429];
    cdn.origin = () => ({ status: answers.shift() ?? 200, headers: { 'retry-after': '1' } });
    const { error, outcome, ms } = await run(cdn, { urls: ['/'] });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({ fresh: 1, failed: 0, warning: undefined });
    expect(ms).toBeGreaterThan(1000);
  });

  it('for good is a warning, and neither fresh nor stale', async () => {
    await using cdn = await startCdn();
    cdn.origin = (path) => ({ status: path === '/gone' ? 404 : 200 });
    const { error, outcome } = await run(cdn, { urls: ['/gone', '/there'] });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({ fresh: 1, unknown: 1, failed: 1, stale: 0 });
    expect(outcome.failedPages).toEqual([{ url: `${cdn.url}/gone`, reason: 'HTTP 404' }]);
    expect(outcome.warning).toMatchObject({
      code: 'not-found',
      message: `1 of 2 pages could not be had: ${cdn.url}/gone (HTTP 404).`,
    });
  });

  it.each([404, 403, 500, 503])(
    'as all do, with HTTP %d, is no success with an expectation, and no proof',
    async (status) => {
      await using cdn = await startCdn();
      cdn.origin = () => ({ status });
      const { error, outcome } = await run(cdn, { urls: ['/1', '/2'], expectBody: 'v2' });
      expect(error?.code).toBe('stale-cache');
      expect(outcome).toMatchObject({ fresh: 0, failed: 2, provesOldCode: false });
      const plain = await run(cdn, { urls: ['/1', '/2'] });
      expect(plain.error).toBeUndefined();
      expect(plain.outcome.warning).toBeDefined();
    },
  );

  it('in none of these ways, but shows nothing, is a warning if all are like it', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/1', (_, response) => response.end());
    const { error, outcome } = await run(cdn, { urls: ['/1'] });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({
      unknown: 1,
      warning: { message: 'Nothing is proven: of 1 page, none shows whether it is fresh.' },
    });
    expect((await run(cdn, { urls: ['/1', '/2'] })).outcome.warning).toBeUndefined();
  });

  it('because it leads nowhere does so after five redirects', async () => {
    await using cdn = await startCdn();
    cdn.origin = (path) => ({ status: 302, headers: { location: `${path}x` } });
    const { outcome } = await run(cdn, { urls: ['/'] });
    expect(outcome.failedPages).toMatchObject([{ reason: 'more than 5 redirects' }]);
    expect(outcome).toMatchObject({ requests: 18, unknown: 1 });
  });

  it('because it leads to no address does not stop the others', async () => {
    await using cdn = await startCdn();
    const targets = ['http://[', 'file:///etc/passwd', 'http://user:secret@127.0.0.1/', '\t'];
    cdn.origin = (path) => ({ status: 301, headers: { location: targets[Number(path.slice(1))] ?? '' } });
    const { outcome } = await run(cdn, { urls: ['/0', '/1', '/2'] });
    expect(outcome.failedPages.map(({ reason }) => reason)).toEqual(Array(3).fill('a redirect to what is no page'));
  });
});

describe.concurrent('only hosts that the workflow names', () => {
  it.each([
    { from: 'http://a.example/', to: 'https://a.example/x', ends: 'https://a.example/x', problem: '' },
    {
      from: 'https://a.example/',
      to: 'http://a.example/x',
      ends: 'https://a.example/',
      problem: 'a redirect from https to http',
    },
    { from: 'https://a.example/', to: '//b.example/x', ends: 'https://a.example/', problem: '' },
    { from: 'https://a.example/', to: 'https://a.example:8443/', ends: 'https://a.example/', problem: '' },
  ])('are asked, and never without encryption what had it: $from to $to', async ({ from, to, ends, problem }) => {
    const answer = { kind: 'answered', bytes: 0, contains: false, text: '', answeredAt: 0, ms: 0 } as const;
    const fetched = await fetchPage(
      new URL(from),
      { acceptEncoding: 'gzip', header: undefined, contains: undefined, keepText: false },
      {
        web: {
          get: async ({ url }) =>
            url.href === from
              ? { ...answer, status: 301, headers: { location: to } }
              : { ...answer, status: 200, headers: {} },
        },
        cancelled: new AbortController().signal,
        deadline: performance.now() + 1000,
        hosts: new Set(['a.example']),
        onAnswer: () => undefined,
      },
    );
    expect(fetched).toMatchObject({ problem, leavesHosts: problem === '' && ends === from });
    expect(fetched.hops.at(-1)?.url.href).toBe(ends);
  });

  it('are asked, also when a page leads elsewhere', async () => {
    await using cdn = await startCdn();
    await using other = await startCdn();
    cdn.origin = () => ({ status: 301, headers: { location: `${other.url}/x` } });
    const { error, outcome } = await run(cdn, { urls: ['/'], expectBody: 'v2' });
    expect(error).toBeUndefined();
    expect(other.requests).toEqual([]);
    expect(outcome).toMatchObject({ leftOut: 1, fresh: 1, failed: 0 });
  });

  it('are asked, also when a sitemap names others', async () => {
    await using cdn = await startCdn();
    await using other = await startCdn();
    cdn.origin = (path) =>
      path === '/map'
        ? { body: index(`${cdn.url}/pages`, `${other.url}/map`) }
        : { body: sitemap(`${other.url}/1`, `${cdn.url}/1`) };
    const { outcome, log } = await run(cdn, { sitemaps: ['/map'] });
    expect(other.requests).toEqual([]);
    expect(outcome).toMatchObject({ leftOut: 2, pages: 1 });
    expect(log).toContain('2 pages of other hosts left out');
  });
});

describe.concurrent('a sitemap', () => {
  it('gives the pages that the invalidation cleared, through an index of indexes, packed or not, each once', async () => {
    await using cdn = await startCdn();
    const files: Record<string, string | Buffer> = {
      '/index': index(`${cdn.url}/index-2`, `${cdn.url}/index`, `${cdn.url}/a.xml.gz`),
      '/index-2': index(`${cdn.url}/index-3`, `${cdn.url}/b.txt`),
      '/index-3': index(`${cdn.url}/too-deep`),
      '/a.xml.gz': gzipSync(sitemap(`${cdn.url}/blog/1?a=1&b=2`, `${cdn.url}/blog/1?a=1&b=2#x`, `${cdn.url}/shop`)),
      '/b.txt': `${cdn.url}/blog/2\n${cdn.url}/blog/ü\n\nno url\n`,
    };
    cdn.origin = (path) => ({ body: files[path] ?? 'page' });
    const asked: string[] = [];
    const isCleared = (path: string) => {
      asked.push(path);
      return path.startsWith('/blog/');
    };
    const { error, outcome, log } = await run(cdn, { sitemaps: ['/index'], urls: ['/named'], isCleared });
    expect(error).toBeUndefined();
    expect(paths(cdn).filter((path) => path in files)).toEqual([
      '/index',
      '/index-2',
      '/a.xml.gz',
      '/index-3',
      '/b.txt',
    ]);
    expect([...new Set(paths(cdn).filter((path) => !(path in files)))]).toEqual([
      '/named',
      '/blog/1?a=1&b=2',
      '/blog/2',
      '/blog/%C3%BC',
    ]);
    expect(outcome).toMatchObject({ pages: 4, fresh: 4, skipped: 1 });
    expect(asked).toContain('/blog/1?a=1&b=2');
    expect(log).toContain('1 entry of sitemaps left out');
  });

  it.each([
    { answer: { status: 404 }, code: 'not-found', says: 'HTTP 404' },
    { answer: { status: 403 }, code: 'not-found', says: 'HTTP 403' },
    { answer: { status: 410 }, code: 'not-found', says: 'HTTP 410' },
    { answer: { status: 401 }, code: 'unexpected', says: 'HTTP 401' },
    { answer: { body: '<html>' }, code: 'invalid-input', says: 'neither a urlset' },
    { answer: { body: '<urlset><url>' }, code: 'invalid-input', says: 'broken off' },
    {
      answer: { status: 301, headers: { location: 'https://other.example/' } },
      code: 'unexpected',
      says: 'another host',
    },
  ])('that cannot be read is a warning, and with an expectation an error: $says', async ({ answer, code, says }) => {
    await using cdn = await startCdn();
    cdn.origin = () => answer;
    const { error, outcome } = await run(cdn, { sitemaps: ['/map.xml'] });
    expect(error).toBeUndefined();
    expect(outcome.warning).toMatchObject({ code, hint: expect.any(String) });
    expect(outcome.warning?.message).toContain(`The sitemap ${cdn.url}/map.xml could not be read`);
    expect(outcome.warning?.message).toContain(says);
    const expecting = await run(cdn, { sitemaps: ['/map.xml'], expectBody: 'v2' });
    expect(expecting.error).toMatchObject({ code: 'stale-cache', message: expect.stringContaining(says) });
    expect(expecting.outcome.provesOldCode).toBe(false);
  });

  it('that cannot be read does not keep the others from being fetched', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/map', (_, response) => response.end(sitemap(`${cdn.url}/a`)));
    cdn.origin = (path) => (path === '/none' ? { status: 503 } : page('v2'));
    const { error, outcome } = await run(cdn, { sitemaps: ['/none', '/map'], expectBody: 'v2' });
    expect(error).toBeUndefined();
    expect(outcome).toMatchObject({ pages: 1, fresh: 1, warning: { code: 'unexpected' } });
  });

  it.each([
    { name: 'lists nothing', list: () => '<urlset></urlset>' },
    { name: 'lists another host', list: () => sitemap('https://other.example/a') },
    { name: 'lists relative addresses', list: () => sitemap('/a', 'b') },
    { name: 'lists what was not cleared', list: (url: string) => sitemap(`${url}/kept`) },
  ])('that $name is a warning, and with an expectation an error', async ({ list }) => {
    await using cdn = await startCdn();
    cdn.raw.set('/map', (_, response) => response.end(list(cdn.url)));
    const options = { sitemaps: ['/map'], isCleared: (path: string) => path !== '/kept' };
    const plain = await run(cdn, options);
    expect(plain.error).toBeUndefined();
    expect(plain.outcome.warning?.message).toContain('There is no page to fetch');
    const expecting = await run(cdn, { ...options, expectBody: 'v2' });
    expect(expecting.error?.code).toBe('stale-cache');
    expect(expecting.outcome.provesOldCode).toBe(false);
  });

  it('that lists http where the workflow names https is not asked in clear', async () => {
    const plan = { urls: [], sitemaps: [new URL('https://a.example/map')] };
    const asked: string[] = [];
    const web = {
      get: async ({ url }: { url: URL }) => {
        asked.push(url.href);
        const text = sitemap('http://a.example/1', 'https://a.example/2');
        return {
          ...{ kind: 'answered' as const, status: 200, headers: {}, bytes: 1 },
          contains: false,
          text,
          answeredAt: 1,
          ms: 1,
        };
      },
    };
    const fetching = { web, cancelled: new AbortController().signal, deadline: performance.now() + 5000 };
    const outcome = emptyRegeneration();
    const { pages } = await collectPages(
      { ...plan, expectHeader: undefined, expectBody: '', timeoutMs: 5000 },
      () => true,
      { ...fetching, hosts: hostsOf(plan), onAnswer: () => undefined },
      outcome,
      () => undefined,
    );
    expect([...pages]).toEqual(['https://a.example/2']);
    expect(outcome.leftOut).toBe(1);
  });

  it('of more than 50,000 pages gives the first 50,000, and says so', async () => {
    await using cdn = await startCdn();
    const urls = Array.from({ length: 50_001 }, (_, number) => `${cdn.url}/${number}`);
    cdn.raw.set('/map', (_, response) => response.end(sitemap(...urls)));
    // Nobody waits for all of them here.
    const { outcome, log } = await run(cdn, { sitemaps: ['/map'], cancelOn: 'the sitemaps name' });
    expect(outcome).toMatchObject({ pages: 50_000, isTruncated: true });
    expect(log).toContain('more pages than 50,000 pages');
    expect(outcome.unknown).toBe(50_000);
  });
});

describe.concurrent('the end of the time', () => {
  it('leaves what was not fetched unknown, and keeps what was', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/hangs', () => undefined);
    const { error, outcome, ms } = await run(cdn, { urls: ['/hangs', '/'], timeoutMs: 500 });
    expect(error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('2 pages of 2') });
    expect(outcome).toMatchObject({ pages: 2, unknown: 2, failed: 0, requests: 2 });
    expect(ms).toBeLessThan(1500);
  });

  it('in the middle of a sitemap is timed-out, too', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/map', () => undefined);
    expect((await run(cdn, { sitemaps: ['/map'], timeoutMs: 300 })).error?.code).toBe('timed-out');
  });
});

it('ends at once with a cancel, during a request and during a pause, and keeps what it knows', async () => {
  await using server = await startSilentServer();
  await using cdn = await startCdn();
  cdn.keep('/old', page('v1'), 100);
  cdn.raw.set('/busy', (_, response) => response.writeHead(503, { 'retry-after': '10' }).end());
  const silent = { ...cdn, url: `http://127.0.0.1:${server.port}` };
  for (const { at, urls } of [
    { at: silent, urls: ['/'] },
    { at: cdn, urls: ['/busy', '/old'] },
  ]) {
    const { error, outcome, endedAfterMs } = await run(at, { urls, cancelAfterMs: 300 });
    expect(error?.code).toBe('cancelled');
    expect(endedAfterMs).toBeLessThan(300);
    expect(outcome).toMatchObject({ pages: urls.length, stale: urls.length - 1, error });
  }
});

it('says how far it is about once a second at the most', async () => {
  await using cdn = await startCdn();
  const urls = Array.from({ length: 16 }, (_, number) => `/${number}`);
  for (const url of urls) {
    cdn.raw.set(url, (_, response) => void setTimeout(() => response.end(), 700));
  }
  const { log, ms } = await run(cdn, { urls });
  const notes = log.split('\n').filter((line) => line.includes(' requests ('));
  expect(notes.at(-1)).toMatch(
    /^the cache: 48 of 48 requests \(16 pages in 3 encodings\), \d+ a second, 0 pages stale/,
  );
  expect(notes.length).toBeGreaterThanOrEqual(2);
  expect(notes.length).toBeLessThanOrEqual(1 + ms / 1000);
});

describe.concurrent('text of a server', () => {
  const hostile = '::set-output name=a::b ##[error]x | <script>alert(1)</script> `code` ![x](y)';

  it('never reaches the log, the outcome or the summary as it is', async () => {
    await using cdn = await startCdn();
    const path = `/${encodeURIComponent('<script>')}/::error::x/##[group]|%0A::stop-commands::x`;
    cdn.origin = (asked) =>
      asked === '/map'
        ? { body: sitemap(`${cdn.url}${path}`, `${hostile}`) }
        : { status: 404, headers: { 'x-version': hostile, 'content-type': hostile }, body: hostile };
    cdn.raw.set('/pop', (_, response) =>
      response
        .writeHead(200, { 'x-amz-cf-pop': hostile, 'x-cache': hostile, age: '9'.repeat(20), location: hostile })
        .end(),
    );
    const { error, outcome, log } = await run(cdn, { sitemaps: ['/map'], urls: [path, '/pop'], ...v2 });
    expect(error?.code).toBe('stale-cache');
    const summary = regenerationSummary(outcome);
    const texts = [
      log,
      error?.message,
      error?.hint,
      outcome.warning?.message,
      JSON.stringify(regenerationResult(outcome)),
      regenerationStanding(outcome),
      summary,
    ].join('\n');
    expect(texts).not.toMatch(/^\s*::/m);
    expect(texts).not.toContain('##[');
    expect(texts).not.toContain('alert(1)');
    expect(markupOfOthers(summary)).toEqual([]);
    const widths = markupOf(summary)
      .split('\n\n')
      .map(
        (part) =>
          new Set(
            part
              .trim()
              .split('\n')
              .map((line) => line.split('|').length),
          ).size,
      );
    expect(new Set(widths)).toEqual(new Set([1]));
  });

  it('is never the query of a page', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => ({ status: 404 });
    const { outcome } = await run(cdn, { urls: ['/news?page=1', '/news?page=2'] });
    expect(outcome.failedPages.map(({ url }) => url)).toEqual([`${cdn.url}/news?…`, `${cdn.url}/news?…`]);
    expect(regenerationSummary(outcome)).toContain(`${cdn.url}/news?…  HTTP 404`);
  });

  it('cannot be a secret of a query that is printed', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => ({ status: 404 });
    const { outcome } = await run(cdn, { urls: ['/x?X-Amz-Signature=abcdef'] });
    expect(JSON.stringify(regenerationResult(outcome)) + outcome.warning?.message).not.toContain('abcdef');
  });
});
