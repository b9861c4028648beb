import { expect, it } from 'vitest';
import { emptyRegeneration, type RegenerationOutcome } from '../../src/regenerate/outcome.ts';
import { regenerationResult, regenerationStanding, regenerationSummary } from '../../src/report/regeneration.ts';

const outcome: RegenerationOutcome = {
  ...emptyRegeneration(),
  pages: 1200,
  fresh: 1174,
  stale: 25,
  unknown: 1,
  failed: 1,
  requests: 3600,
  bytes: 41_250_000,
  ms: 9000,
  clearedAgain: 25,
  leftOut: 3,
  skipped: 7,
  isTruncated: true,
  edges: new Map([
    ['FRA56-P4', { hit: 1, miss: 2, other: 0 }],
    ['FRA56-P5', { hit: 3000, miss: 500, other: 100 }],
  ]),
  slowest: [{ url: 'https://www.example.com/slow', ms: 1234.5 }],
  stalePages: [{ url: 'https://www.example.com/a|b', layer: 'edge', age: 4000 }],
  failedPages: [{ url: 'https://www.example.com/gone', reason: 'HTTP 404' }],
};

it('says in a line where the pages stand', () => {
  expect(regenerationStanding(outcome)).toBe(
    '1,200 pages: 1,174 fresh, 25 stale, 1 not known; 1 failed; 25 cleared once more; 3,600 requests, 41.3 MB, 400 a second',
  );
});

it('says so when no page was fetched, and small numbers as people do', () => {
  expect(regenerationStanding(emptyRegeneration())).toBe('no page was fetched');
  const few = { ...emptyRegeneration(), pages: 1, fresh: 1, requests: 1, bytes: 1250, ms: 100 };
  expect(regenerationStanding(few)).toBe('1 page: 1 fresh, 0 stale, 0 not known; 1 request, 1.3 kB, 10 a second');
  const slowest = [{ url: 'https://www.example.com/', ms: 12.3 }];
  expect(regenerationSummary({ ...few, slowest })).toContain('\n12 ms  https://www.example.com/\n');
});

it('sums up the pages in tables, and says how far one runner reaches', () => {
  const summary = regenerationSummary(outcome);
  expect(summary).toContain('| 1,200 | 1,174 | 25 | 1 | 41.3 MB | 400 |');
  expect(summary).toContain('Stale pages, what looks at fault, and the Age:');
  expect(summary).toContain('\n```text\nhttps://www.example.com/a|b  edge, 4,000 s\n```\n');
  expect(summary).toContain('… and 24 more');
  expect(summary).toContain('| `FRA56-P5` | 3,000 | 500 | 100 |\n| `FRA56-P4` | 1 | 2 | 0 |');
  expect(summary).toContain('not the whole world');
  expect(summary).toContain('7 left out because the invalidation did not clear them.');
});

it('is silent about pages when none were fetched', () => {
  expect(regenerationSummary(emptyRegeneration())).toBe('');
});

it('gives plain numbers and lists to later steps', () => {
  const result = regenerationResult(outcome);
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  expect(result).toMatchObject({
    pages: 1200,
    truncated: true,
    edges: [
      { edge: 'FRA56-P5', hit: 3000, miss: 500, other: 100 },
      { edge: 'FRA56-P4', hit: 1, miss: 2, other: 0 },
    ],
    slowest: [{ url: 'https://www.example.com/slow', ms: 1235 }],
    stalePages: [{ url: 'https://www.example.com/a|b', layer: 'edge', age: 4000 }],
  });
});
