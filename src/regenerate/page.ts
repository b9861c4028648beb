import { plainPage } from '../plain.ts';
import type { Fetched } from './fetch-page.ts';
import { type Circumstances, type Judgement, judge } from './judge.ts';
import type { Layer, RegenerationOutcome } from './outcome.ts';
import { pathOf } from './page-url.ts';

/** One page and the worst that its answers so far have shown; as little as can be, for there may be 50,000. */
export interface Page {
  href: string;
  isCleared: boolean;
  /** How many of its variants are still to come. */
  left: number;
  verdict: 'fresh' | 'unknown' | 'stale';
  layer: 'edge' | 'origin' | undefined;
  age: number | undefined;
  /** Whether one of its answers proves that old code still answers. */
  provesOldCode: boolean;
  /** What has to be cleared once more, where it is stale: the page, and the redirects to it. */
  stalePaths: readonly string[];
  /** Why it counts as failed; empty when it does not. */
  failure: string;
  leavesHosts: boolean;
  /** Of its slowest variant. */
  ms: number;
}

export function toPage(href: string, variants: number, isCleared: (path: string) => boolean): Page {
  return {
    href,
    isCleared: isCleared(pathOf(new URL(href))),
    left: variants,
    verdict: 'fresh',
    layer: undefined,
    age: undefined,
    provesOldCode: false,
    stalePaths: [],
    failure: '',
    leavesHosts: false,
    ms: 0,
  };
}

/** Before a stale page is fetched again. */
export function forget(page: Page, variants: number): void {
  Object.assign(page, {
    left: variants,
    verdict: 'fresh',
    layer: undefined,
    age: undefined,
    provesOldCode: false,
    stalePaths: [],
    failure: '',
  });
}

type Stale = Extract<Judgement, { verdict: 'stale' }>;

type Rules = Omit<Circumstances, 'isCleared'> & { isCleared(path: string): boolean };

/** Adds what one variant of the page has shown; true when that was a fresh page rather than a redirect or an error. */
export function record(page: Page, { hops, problem, leavesHosts }: Fetched, rules: Rules): boolean {
  let isFresh = false;
  page.left -= 1;
  page.leavesHosts ||= leavesHosts;
  page.ms = Math.max(
    page.ms,
    hops.reduce((sum, { answer }) => sum + answer.ms, 0),
  );
  for (const [index, { url, answer }] of hops.entries()) {
    const isCleared = index === 0 ? page.isCleared : rules.isCleared(pathOf(url));
    const isLast = index === hops.length - 1;
    const isPage = isLast && problem === '' && !leavesHosts;
    // What is on a page is not to be expected on a redirect; whether it is old shows in its Age all the same.
    const judgement = judge(answer, isPage ? { ...rules, isCleared } : { ...bare(rules), isCleared });
    isFresh = isPage && judgement.verdict === 'fresh';
    if (judgement.verdict === 'stale') {
      markStale(
        page,
        judgement,
        hops.slice(0, index + 1).map((hop) => pathOf(hop.url)),
      );
    } else if (isLast && judgement.verdict === 'unknown') {
      markUnknown(page);
    }
  }
  const status = hops.at(-1)?.answer.status ?? 0;
  if (problem !== '') {
    markUnknown(page);
    page.failure = problem;
  } else if (status >= 400) {
    page.failure = `HTTP ${status}`;
  }
  return isFresh;
}

function bare({ clearedAt }: Rules) {
  return { expectHeader: undefined, expectBody: '', clearedAt };
}

function markStale(page: Page, { layer, age, provesOldCode }: Stale, paths: string[]) {
  page.verdict = 'stale';
  page.provesOldCode ||= provesOldCode;
  // An origin with old code fills the edge with it again, so it is what has to be named.
  page.layer = page.layer === 'origin' ? 'origin' : layer;
  page.age ??= age;
  page.stalePaths = [...new Set([...page.stalePaths, ...paths])];
}

function markUnknown(page: Page): void {
  if (page.verdict === 'fresh') {
    page.verdict = 'unknown';
  }
}

/** The worst of its variants; a page is fresh only when all of them were seen. */
export function verdictOf({ verdict, left }: Page): Page['verdict'] {
  return left > 0 && verdict === 'fresh' ? 'unknown' : verdict;
}

const mostListed = 20;
const mostSlow = 5;

/** Writes what the pages have shown into the outcome. */
export function tally(pages: readonly Page[], outcome: RegenerationOutcome, isMarkerSeen: boolean): void {
  const stale = pages.filter((page) => verdictOf(page) === 'stale');
  const failed = pages.filter(({ failure }) => failure !== '');
  const slowest = pages.toSorted((a, b) => b.ms - a.ms).slice(0, mostSlow);
  outcome.pages = pages.length;
  outcome.stale = stale.length;
  outcome.fresh = pages.filter((page) => verdictOf(page) === 'fresh').length;
  outcome.unknown = pages.length - outcome.stale - outcome.fresh;
  outcome.failed = failed.length;
  outcome.slowest = slowest.filter(({ ms }) => ms > 0).map(({ href, ms }) => ({ url: plainPage(href), ms }));
  outcome.stalePages = stale.slice(0, mostListed).map((page) => ({
    url: plainPage(page.href),
    layer: layerOf(page, isMarkerSeen),
    age: page.age,
  }));
  outcome.failedPages = failed
    .slice(0, mostListed)
    .map(({ href, failure }) => ({ url: plainPage(href), reason: failure }));
}

/** That a cache kept an answer is proven by its Age; that an origin is old, only if it ever answered otherwise. */
export function layerOf({ layer }: Page, isMarkerSeen: boolean): Layer {
  return layer === 'edge' || isMarkerSeen ? (layer ?? 'origin') : 'no marker';
}
