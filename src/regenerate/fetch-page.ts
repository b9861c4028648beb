import { backoffMs, pause } from '../retry.ts';
import type { PageAnswer, PageFailure, PageRequest, Web } from '../world.ts';
import { parsePageUrl } from './page-url.ts';

const mostTries = 3;
const mostRedirects = 5;
const longestRetryAfterMs = 10_000;

export interface Fetching {
  web: Web;
  cancelled: AbortSignal;
  /** In milliseconds of `performance.now()`. */
  deadline: number;
  /** The hosts, with a port where it is not the usual one, that may be asked. */
  hosts: ReadonlySet<string>;
  /** Called for each request, those that are repeated too. */
  onAnswer(answer: PageAnswer | PageFailure): void;
}

/** The answers on the way to a page, redirects first. */
export interface Fetched {
  hops: readonly { url: URL; answer: PageAnswer }[];
  /** Why the way ended before a page; empty when it did not. */
  problem: string;
  /** Whether the last answer leads to a host that may not be asked. */
  leavesHosts: boolean;
}

type Wanted = Omit<PageRequest, 'url' | 'deadline'>;

/** Fetches a page, following redirects as a browser does, but never to another host or from https to http. */
export async function fetchPage(start: URL, wanted: Wanted, fetching: Fetching): Promise<Fetched> {
  const hops: { url: URL; answer: PageAnswer }[] = [];
  let url = start;
  for (;;) {
    const answer = await getPatiently(url, wanted, fetching);
    if (answer.kind === 'failed') {
      return { hops, problem: answer.reason, leavesHosts: false };
    }
    hops.push({ url, answer });
    const target = targetOf(url, answer);
    if (target === undefined) {
      return { hops, problem: '', leavesHosts: false };
    }
    if ('problem' in target) {
      return { hops, problem: target.problem, leavesHosts: false };
    }
    if (!fetching.hosts.has(target.host)) {
      return { hops, problem: '', leavesHosts: true };
    }
    if (hops.length > mostRedirects) {
      return { hops, problem: `more than ${mostRedirects} redirects`, leavesHosts: false };
    }
    url = target;
  }
}

function targetOf(url: URL, { status, headers }: PageAnswer): URL | { problem: string } | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
    return undefined;
  }
  const target = parsePageUrl(URL.parse(location, url.href)?.href ?? '');
  if ('problem' in target) {
    return { problem: 'a redirect to what is no page' };
  }
  return url.protocol === 'https:' && target.protocol === 'http:'
    ? { problem: 'a redirect from https to http' }
    : target;
}

/** Asks again, gently, when that may help: a site whose cache was just cleared is under load. */
async function getPatiently(
  url: URL,
  wanted: Wanted,
  { web, cancelled, deadline, onAnswer }: Fetching,
): Promise<PageAnswer | PageFailure> {
  for (let tries = 1; ; tries += 1) {
    const answer = await web.get({ ...wanted, url, deadline });
    onAnswer(answer);
    if (tries === mostTries || !isPassing(answer)) {
      return answer;
    }
    const waitMs = Math.max(retryAfterMs(answer), backoffMs(tries - 1, 1000, 4000));
    if (performance.now() + waitMs >= deadline) {
      return answer;
    }
    await pause(waitMs, cancelled);
  }
}

function isPassing(answer: PageAnswer | PageFailure): boolean {
  return answer.kind === 'failed' ? answer.isPassing : answer.status >= 500 || answer.status === 429;
}

function retryAfterMs(answer: PageAnswer | PageFailure): number {
  const text = (answer.kind === 'answered' && answer.headers['retry-after']) || '0';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(longestRetryAfterMs, ms) : 0;
}

/** Whether the time is up. A timer may be a little early. */
export function isOver({ deadline }: Fetching): boolean {
  return performance.now() > deadline - 10;
}
