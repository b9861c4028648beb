import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Circumstances, cacheResultOf, judge } from '../../src/regenerate/judge.ts';
import type { PageAnswer } from '../../src/world.ts';

function answer(headers: Record<string, string>, rest: Partial<PageAnswer> = {}): PageAnswer {
  return {
    kind: 'answered',
    status: 200,
    headers,
    bytes: 0,
    contains: false,
    text: '',
    answeredAt: 20_500,
    ms: 1,
    ...rest,
  };
}

/** Cleared 10.5 s before the answer. */
const plainly: Circumstances = { expectHeader: undefined, expectBody: '', isCleared: true, clearedAt: 10_000 };
const cf = (word: string, age?: string) => ({ 'x-cache': `${word} from cloudfront`, ...(age && { age }) });

describe('without an expectation', () => {
  it.each([
    { name: 'a miss', headers: cf('Miss'), verdict: 'fresh' },
    { name: 'a miss with the Age of the origin', headers: cf('Miss', '5000'), verdict: 'fresh' },
    { name: 'a refreshed hit', headers: cf('RefreshHit', '5000'), verdict: 'fresh' },
    { name: 'a hit younger than the invalidation', headers: cf('Hit', '10'), verdict: 'fresh' },
    { name: 'a hit older than the invalidation', headers: cf('Hit', '11'), verdict: 'stale' },
    { name: 'a hit without Age', headers: cf('Hit'), verdict: 'unknown' },
    { name: 'a hit with an Age that is no number', headers: cf('Hit', '-1'), verdict: 'unknown' },
    { name: 'a hit of another CDN, old', headers: { 'x-cache': 'TCP_HIT', age: '11' }, verdict: 'stale' },
    { name: 'no X-Cache, young', headers: { age: '3' }, verdict: 'fresh' },
    { name: 'no X-Cache, old', headers: { age: '300' }, verdict: 'stale' },
    { name: 'no X-Cache and no Age', headers: {}, verdict: 'unknown' },
    { name: 'what a function at the edge made', headers: cf('LambdaGeneratedResponse', '0'), verdict: 'unknown' },
    { name: 'what a CloudFront function made', headers: cf('FunctionGeneratedResponse'), verdict: 'unknown' },
    { name: 'an error', headers: cf('Error'), status: 502, verdict: 'unknown' },
    { name: 'a 404 from the origin', headers: cf('Miss'), status: 404, verdict: 'unknown' },
    { name: 'an old 404', headers: cf('Hit', '300'), status: 404, verdict: 'unknown' },
  ])('$name is $verdict', ({ headers, status = 200, verdict }) => {
    expect(judge(answer(headers, { status }), plainly).verdict).toBe(verdict);
  });

  it('a page that the invalidation did not cover is never stale', () => {
    const judgement = judge(answer(cf('Hit', '5000')), { ...plainly, isCleared: false });
    expect(judgement).toEqual({ verdict: 'unknown', reason: 'not covered by the invalidation' });
  });
});

describe('with an expectation', () => {
  const expecting = { ...plainly, expectHeader: { name: 'x-version', value: 'v2' }, expectBody: 'new' };
  const both = { contains: true };
  it.each([
    { name: 'header and body', headers: { 'x-version': 'v2' }, rest: both, found: { verdict: 'fresh' } },
    {
      name: 'both, on an old hit',
      headers: { 'x-version': 'v2', ...cf('Hit', '99') },
      rest: both,
      found: { verdict: 'fresh' },
    },
    { name: 'the header among others', headers: { 'x-version': 'v1, v2' }, rest: both, found: { verdict: 'fresh' } },
    { name: 'another value', headers: { 'x-version': 'v22' }, rest: both, found: { verdict: 'stale' } },
    {
      name: 'no body, an old hit',
      headers: { 'x-version': 'v2', ...cf('Hit', '99') },
      rest: {},
      found: { layer: 'edge', age: 99 },
    },
    { name: 'neither, a hit without Age', headers: cf('Hit'), rest: {}, found: { layer: 'edge', age: undefined } },
    { name: 'neither, a young hit', headers: cf('Hit', '2'), rest: {}, found: { layer: 'origin', age: 2 } },
    { name: 'neither, a miss', headers: cf('Miss', '99'), rest: {}, found: { layer: 'origin' } },
    { name: 'neither, a refreshed hit', headers: cf('RefreshHit', '99'), rest: {}, found: { layer: 'origin' } },
    { name: 'neither, a 404', headers: cf('Miss'), rest: { status: 404 }, found: { verdict: 'stale' } },
    { name: 'neither, a 503', headers: cf('Hit', '99'), rest: { status: 503 }, found: { verdict: 'unknown' } },
  ])('$name: $found', ({ headers, rest, found }) => {
    expect(judge(answer(headers, rest), expecting)).toMatchObject(found);
  });

  it.each([
    { name: 'a miss', headers: cf('Miss'), proves: true },
    { name: 'a refreshed hit', headers: cf('RefreshHit'), proves: true },
    { name: 'a miss that the origin made after the clearing', headers: cf('Miss', '2'), proves: true },
    { name: 'a miss of what a cache upstream kept', headers: cf('Miss', '99'), proves: false },
    { name: 'a young hit', headers: cf('Hit', '2'), proves: false },
    { name: 'an error', headers: cf('Error'), proves: false },
    { name: 'code at the edge', headers: cf('LambdaGeneratedResponse'), proves: false },
    { name: 'no word of a cache', headers: {}, proves: false },
    { name: 'a miss of another cache', headers: { 'x-cache': 'MISS' }, proves: false },
    { name: 'a hit of a cache in front', headers: { 'x-cache': 'Miss from cloudfront, HIT' }, proves: false },
    { name: 'a 404', headers: cf('Miss'), rest: { status: 404 }, proves: false },
  ])('$name without what is expected proves old code: $proves', ({ headers, rest = {}, proves }) => {
    expect(judge(answer(headers, rest), expecting)).toMatchObject({ verdict: 'stale', provesOldCode: proves });
  });

  it('takes an ETag that compression made weak for the same', () => {
    const etag = { ...plainly, expectHeader: { name: 'etag', value: '"abc"' } };
    expect(judge(answer({ etag: 'W/"abc"' }), etag).verdict).toBe('fresh');
    expect(judge(answer({ etag: 'W/"abd"' }), etag).verdict).toBe('stale');
  });
});

describe('whatever a server says', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('Hit from cloudfront', 'Miss from cloudfront', '11', '3', 'v2'));
  const headers = fc.dictionary(fc.constantFrom('x-cache', 'age', 'x-version', '__proto__', 'constructor'), text, {
    noNullPrototype: false,
  });
  const expectHeader = fc.constantFrom(
    undefined,
    ...['x-version', 'constructor', '__proto__'].map((name) => ({ name, value: 'v2' })),
  );
  const circumstances = fc.record({ expectHeader, expectBody: fc.constantFrom('', 'x'), isCleared: fc.boolean() });

  it('it is judged, and without an expectation stale only if it is older than the clearing', () => {
    fc.assert(
      fc.property(headers, circumstances, fc.integer({ min: 100, max: 999 }), (given, rules, status) => {
        const judgement = judge(answer(given, { status }), { ...rules, clearedAt: 10_000 });
        expect(['fresh', 'stale', 'unknown']).toContain(judgement.verdict);
        if (judgement.verdict === 'stale' && rules.expectHeader === undefined && rules.expectBody === '') {
          expect(rules.isCleared && Number(given.age) >= 10.5).toBe(true);
        }
      }),
    );
  });

  it('an endless X-Cache takes no time', () => {
    const began = performance.now();
    cacheResultOf(answer({ 'x-cache': 'a'.repeat(60_000) }));
    expect(performance.now() - began).toBeLessThan(100);
  });
});
