import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { REPOSITORY, startAws } from './clients.ts';

const ID = 'E2EXAMPLE1';
const V2 = `${REPOSITORY}:v2`;

interface Seen {
  status: number;
  cache: string;
  imageUri: string | undefined;
  headers: Headers;
}

async function visit(aws: LocalAws, path: string, method = 'GET'): Promise<Seen> {
  const response = await fetch(aws.cdnUrl(ID) + path, { method });
  const text = await response.text();
  return {
    status: response.status,
    cache: response.headers.get('x-cache')?.split(' ')[0] ?? '',
    imageUri: text.startsWith('{') ? (JSON.parse(text) as { imageUri: string }).imageUri : undefined,
    headers: response.headers,
  };
}

let references = 0;

async function clear(aws: LocalAws, ...items: string[]): Promise<void> {
  references += 1;
  const InvalidationBatch = { CallerReference: `run-${references}`, Paths: { Quantity: items.length, Items: items } };
  aws.apply('CreateInvalidation', { DistributionId: ID, InvalidationBatch });
  await vi.waitFor(() => expect(aws.distribution(ID).invalidations.at(-1)?.status).toBe('Completed'), { interval: 5 });
}

function update(aws: LocalAws, imageUri = V2): void {
  aws.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: imageUri });
}

async function updated(aws: LocalAws): Promise<void> {
  await vi.waitFor(() => expect(aws.functionNamed('web').lastUpdateStatus).toBe('Successful'), { interval: 5 });
}

describe('the race this project is about', () => {
  it('cleared while the update is under way, the CDN takes the old page again and keeps it', async () => {
    const aws = await startAws({ clocks: { updateMs: 300, invalidationMs: 20 } });
    await visit(aws, '/');
    update(aws);
    await clear(aws, '/*');
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Miss', imageUri: `${REPOSITORY}:v1` });
    await updated(aws);
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Hit', imageUri: `${REPOSITORY}:v1` });
  });

  it('cleared after the update, no old page is left', async () => {
    const aws = await startAws();
    await visit(aws, '/');
    update(aws);
    await updated(aws);
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Hit', imageUri: `${REPOSITORY}:v1` });
    await clear(aws, '/*');
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Miss', imageUri: V2 });
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Hit', imageUri: V2 });
  });

  it('a page still on its way while the cache is cleared reaches its viewer but not the cache', async () => {
    const aws = await startAws({ clocks: { originMs: 150, updateMs: 10, invalidationMs: 10 } });
    const late = visit(aws, '/');
    await vi.waitFor(() => expect(aws.events.some((event) => event.type === 'origin-fetch')).toBe(true), {
      interval: 2,
    });
    update(aws);
    await updated(aws);
    await clear(aws, '/*');
    expect(await late).toMatchObject({ imageUri: `${REPOSITORY}:v1` });
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Miss', imageUri: V2 });
  });

  it('an alias keeps its version behind the CDN until it is moved', async () => {
    const aws = await startAws({
      functions: [{ name: 'web', imageUri: `${REPOSITORY}:v1`, versions: 1, aliases: { live: '1' } }],
      distributions: [{ id: ID, functionName: 'web', qualifier: 'live' }],
    });
    update(aws);
    await updated(aws);
    expect(await visit(aws, '/a')).toMatchObject({ imageUri: `${REPOSITORY}:v1` });
    aws.apply('PublishVersion', { FunctionName: 'web' });
    aws.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '2' });
    expect(await visit(aws, '/b')).toMatchObject({ status: 502, cache: 'Error' });
    await vi.waitFor(() => expect(aws.functionNamed('web').versions.at(-1)?.state).toBe('Active'), { interval: 5 });
    expect(await visit(aws, '/b')).toMatchObject({ status: 200, imageUri: V2 });
  });
});

describe('what an invalidation drops', () => {
  it.each([
    { item: '/*', url: '/anything?q=1', dropped: true },
    { item: '/dir', url: '/dir', dropped: true },
    { item: '/dir', url: '/dir/', dropped: false },
    { item: '/dir/', url: '/dir', dropped: false },
    { item: '/dir/*', url: '/dir/', dropped: true },
    { item: '/dir/*', url: '/dir', dropped: false },
    { item: '/dir*', url: '/directory', dropped: true },
    { item: '/Dir', url: '/dir', dropped: false },
    { item: '/page', url: '/page?q=1', dropped: false },
    { item: '/page?q=1', url: '/page?q=1', dropped: true },
    { item: '/page*', url: '/page?q=1', dropped: true },
    { item: '/', url: '/', dropped: true },
    { item: '/', url: '/index.html', dropped: false },
    { item: '/a%20b', url: '/a%20b', dropped: true },
    { item: '/~me', url: '/~me', dropped: false },
    { item: '/*', url: '/~me', dropped: true },
  ])('$item: $url is dropped: $dropped', async ({ item, url, dropped }) => {
    const aws = await startAws({ clocks: { invalidationMs: 1 } });
    await visit(aws, url);
    await clear(aws, item);
    expect((await visit(aws, url)).cache).toBe(dropped ? 'Miss' : 'Hit');
  });

  it('goes by tag, where the distribution has tags', async () => {
    const functions = [{ name: 'web', page: () => ({ headers: { 'cache-tag': 'News, home' } }) }];
    const tagged = await startAws({
      functions,
      distributions: [{ id: ID, functionName: 'web', cacheTagHeader: 'Cache-Tag' }],
    });
    const untagged = await startAws({ functions });
    for (const { aws, after } of [
      { aws: tagged, after: 'Miss' },
      { aws: untagged, after: 'Hit' },
    ]) {
      await visit(aws, '/');
      await clear(aws, '#sport');
      expect((await visit(aws, '/')).cache).toBe('Hit');
      await clear(aws, '#NEWS');
      expect((await visit(aws, '/')).cache).toBe(after);
    }
  });

  it('can be gone long before the invalidation is complete', async () => {
    const aws = await startAws({ clocks: { invalidationMs: 60_000, cloudFrontPropagationMs: 5 } });
    await visit(aws, '/');
    const InvalidationBatch = { CallerReference: 'early', Paths: { Quantity: 1, Items: ['/*'] } };
    aws.apply('CreateInvalidation', { DistributionId: ID, InvalidationBatch });
    await vi.waitFor(() => expect(aws.distribution(ID).cache).toEqual([]), { interval: 5 });
    expect(aws.distribution(ID).invalidations).toMatchObject([{ status: 'InProgress' }]);
  });
});

describe('another cache in front of the function', () => {
  const InvalidationBatch = { CallerReference: 'other', Paths: { Quantity: 2, Items: ['/a', '/b/*'] } };
  const status = (aws: LocalAws) => aws.distribution(ID).invalidations.at(-1)?.status;

  it('fetches past the edge', async () => {
    const aws = await startAws();
    const origin = aws.attachCache(ID, async () => undefined);
    await visit(aws, '/');
    update(aws);
    await updated(aws);
    expect(await visit(aws, '/')).toMatchObject({ cache: 'Hit', imageUri: `${REPOSITORY}:v1` });
    const { status, headers, body } = await origin('GET', '/');
    expect({ status, headers }).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(String(body))).toMatchObject({ path: '/', imageUri: V2 });
  });

  it('is cleared when the edge is, and the invalidation completes only then', async () => {
    const aws = await startAws({ clocks: { invalidationMs: 20, cloudFrontPropagationMs: 5 } });
    const cleared = Promise.withResolvers<void>();
    const asked: (readonly string[])[] = [];
    aws.attachCache(ID, (items) => {
      asked.push(items);
      return cleared.promise;
    });
    aws.apply('CreateInvalidation', { DistributionId: ID, InvalidationBatch });
    await vi.waitFor(() => expect(asked).toEqual([['/a', '/b/*']]), { interval: 2 });
    await sleep(60);
    expect(status(aws)).toBe('InProgress');
    cleared.resolve();
    await vi.waitFor(() => expect(status(aws)).toBe('Completed'), { interval: 2 });
  });
});

describe('the cache', () => {
  it('tells a hit from a miss as CloudFront does', async () => {
    const aws = await startAws();
    const miss = await visit(aws, '/');
    expect(miss.headers.get('x-cache')).toBe('Miss from cloudfront');
    expect(miss.headers.get('age')).toBeNull();
    const hit = await visit(aws, '/');
    expect(hit.headers.get('x-cache')).toBe('Hit from cloudfront');
    expect(hit.headers.get('age')).toBe('0');
    for (const name of ['via', 'x-amz-cf-pop', 'x-amz-cf-id', 'x-code-sha256'])
      expect(hit.headers.get(name)).toBeTruthy();
    expect(await visit(aws, '/', 'HEAD')).toMatchObject({ cache: 'Hit', status: 200 });
    expect(await visit(aws, '/', 'POST')).toMatchObject({ cache: 'Miss' });
    expect((await visit(aws, '/?other')).cache).toBe('Miss');
  });

  it.each([
    { control: 'no-store', kept: false },
    { control: 'private, max-age=60', kept: false },
    { control: 'max-age=0', kept: false },
    { control: 'max-age=0, s-maxage=60', kept: true },
    { control: 'max-age=60', kept: true },
  ])('keeps a page with "$control": $kept', async ({ control, kept }) => {
    const aws = await startAws({
      functions: [{ name: 'web', page: () => ({ headers: { 'Cache-Control': control } }) }],
    });
    await visit(aws, '/');
    expect((await visit(aws, '/')).cache).toBe(kept ? 'Hit' : 'Miss');
  });

  it('forgets a page in time, and never keeps an error', async () => {
    const aws = await startAws({
      functions: [{ name: 'web', page: ({ path }) => ({ status: path === '/gone' ? 404 : 200 }) }],
      distributions: [{ id: ID, functionName: 'web', ttlSeconds: 0.05 }],
    });
    await visit(aws, '/');
    await sleep(60);
    expect((await visit(aws, '/')).cache).toBe('Miss');
    await visit(aws, '/gone');
    expect(await visit(aws, '/gone')).toMatchObject({ cache: 'Error', status: 404 });
  });

  it('can break like anything else', async () => {
    const aws = await startAws();
    aws.fault({ action: 'Visit', resource: ID, kind: 'service-unavailable' });
    expect(await visit(aws, '/')).toMatchObject({ status: 503, cache: 'Error' });
    aws.fault({ action: 'Visit', kind: 'reset-before' });
    await expect(visit(aws, '/')).rejects.toThrow('fetch failed');
    expect(await visit(aws, '/')).toMatchObject({ status: 200, cache: 'Miss' });
  });
});
