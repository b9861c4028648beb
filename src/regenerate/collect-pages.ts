import { DeployError, type ErrorCode } from '../errors.ts';
import { plainPage } from '../plain.ts';
import type { Note } from '../timeline.ts';
import { count } from './count.ts';
import { type Fetched, type Fetching, fetchPage, isOver } from './fetch-page.ts';
import type { RegenerationOutcome } from './outcome.ts';
import { parsePageUrl, pathOf } from './page-url.ts';
import type { RegenerationPlan } from './plan.ts';
import { readSitemap, type SitemapKind } from './sitemap.ts';

const mostPages = 50_000;
/** An index of indexes of sitemaps. */
const deepestSitemap = 3;

/** The hosts that the workflow names; no other is ever asked, whatever a sitemap or a redirect says. */
export function hostsOf({ urls, sitemaps }: Pick<RegenerationPlan, 'urls' | 'sitemaps'>): ReadonlySet<string> {
  return new Set([...urls, ...sitemaps].map(({ host }) => host));
}

export interface Collected {
  /** Each once, as text. */
  pages: ReadonlySet<string>;
  /** The sitemaps that could not be read; of one that is broken off, there may be pages all the same. */
  problems: readonly DeployError[];
}

/** The pages that the workflow names, and those of the sitemaps that the invalidation cleared. */
export async function collectPages(
  plan: RegenerationPlan,
  isCleared: (path: string) => boolean,
  fetching: Fetching,
  outcome: RegenerationOutcome,
  note: Note,
): Promise<Collected> {
  const pages = new Set(plan.urls.map(({ href }) => href));
  const sitemaps = new Map(plan.sitemaps.map(({ href }) => [href, 1]));
  const isNamed = createNamed(plan);
  const problems: DeployError[] = [];

  const take = (location: string, kind: SitemapKind, depth: number): boolean => {
    const url = parsePageUrl(location);
    if ('problem' in url) {
      outcome.unreadable += 1;
    } else if (!isNamed(url)) {
      outcome.leftOut += 1;
    } else if (kind === 'sitemaps') {
      // A map goes on with what is added while it is walked.
      if (depth < deepestSitemap && !sitemaps.has(url.href)) {
        sitemaps.set(url.href, depth + 1);
      }
    } else if (!isCleared(pathOf(url))) {
      outcome.skipped += 1;
    } else if (pages.size < mostPages) {
      pages.add(url.href);
    } else {
      outcome.isTruncated ||= !pages.has(url.href);
    }
    return !outcome.isTruncated;
  };

  for (const [href, depth] of sitemaps) {
    if (outcome.isTruncated) {
      break;
    }
    const before = pages.size;
    const text = await fetchSitemap(href, fetching);
    const broken =
      text instanceof DeployError ? text : readSitemap(text, (location, kind) => take(location, kind, depth));
    if (broken !== undefined) {
      const problem = broken instanceof DeployError ? broken : notRead(href, broken.problem, 'invalid-input');
      problems.push(problem);
      note(problem.message);
    }
    note(`${plainPage(href)}: ${count(pages.size - before, 'page')}`);
  }
  for (const text of leftOutTexts(outcome)) {
    note(text);
  }
  return { pages, problems };
}

/** A host that is named with https is never asked in clear because a sitemap says so. */
function createNamed({ urls, sitemaps }: RegenerationPlan): (url: URL) => boolean {
  const named = [...urls, ...sitemaps];
  const hosts = hostsOf({ urls, sitemaps });
  const inClear = new Set(named.filter(({ protocol }) => protocol === 'http:').map(({ host }) => host));
  return ({ protocol, host }) => (protocol === 'http:' ? inClear.has(host) : hosts.has(host));
}

/** What sitemaps list and is not fetched, a sentence each. */
export function leftOutTexts({ leftOut, skipped, unreadable, isTruncated }: RegenerationOutcome): string[] {
  return [
    ...(skipped > 0 ? [`${count(skipped, 'page')} of sitemaps left out: the invalidation did not clear them`] : []),
    ...(leftOut > 0
      ? [
          `${count(leftOut, 'page')} of other hosts left out: only hosts named in regenerate-urls or regenerate-sitemap are fetched, and http only where it is named`,
        ]
      : []),
    ...(unreadable > 0 ? [`${count(unreadable, 'entry', 'entries')} of sitemaps left out: no URLs of pages`] : []),
    ...(isTruncated
      ? [`the sitemaps name more pages than ${count(mostPages, 'page')}: only the first are fetched`]
      : []),
  ];
}

async function fetchSitemap(href: string, fetching: Fetching): Promise<string | DeployError> {
  const wanted = { acceptEncoding: 'gzip', header: undefined, contains: undefined, keepText: true };
  const fetched = await fetchPage(new URL(href), wanted, fetching);
  const status = statusOf(fetched);
  const ended = `it ended with ${fetched.problem}`;
  if (fetched.problem !== '' && isOver(fetching)) {
    throw notRead(href, ended, 'timed-out');
  }
  if (fetched.problem !== '') {
    return notRead(href, ended, 'unexpected');
  }
  if (fetched.leavesHosts) {
    return notRead(href, 'it leads to another host', 'unexpected');
  }
  if (status !== 200) {
    const isMissing = status === 403 || status === 404 || status === 410;
    return notRead(href, `it was answered with HTTP ${status}`, isMissing ? 'not-found' : 'unexpected');
  }
  return fetched.hops.at(-1)?.answer.text ?? '';
}

function statusOf({ hops }: Fetched): number {
  return hops.at(-1)?.answer.status ?? 0;
}

function notRead(href: string, what: string, code: ErrorCode): DeployError {
  return new DeployError(code, `The sitemap ${plainPage(href)} could not be read: ${what}.`, {
    hint: 'The cache is invalidated. Check that regenerate-sitemap and what it lists are right and public; every sitemap must be on a host that the workflow names.',
  });
}
