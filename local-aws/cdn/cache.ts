import type { Page } from '../lambda/page.ts';
import { isTag, matchesPath, matchesTag } from './path-match.ts';

interface CachedObject {
  /** Path and query string: the cache key. */
  url: string;
  page: Page;
  tags: string[];
  /** As `performance.now()`. */
  storedAt: number;
  ttlMs: number;
}

/** An object on its way from the origin. */
interface Fetching {
  url: string;
  cleared: boolean;
}

/** One distribution's cache: what viewers are given instead of asking the origin. */
export interface Cache {
  find: (url: string) => CachedObject | undefined;
  startFetch: (url: string) => Fetching;
  /** Stores what was fetched, if it may be. */
  endFetch: (fetching: Fetching, page: Page) => void;
  /** Drops what the items of an invalidation name; returns how many objects went. */
  clear: (items: string[]) => number;
  list: () => CachedObject[];
}

export interface CacheRules {
  /** For pages without Cache-Control. */
  ttlSeconds: number;
  /** Without a header name, the distribution has no cache tags and `#tag` silently clears nothing, as on AWS. */
  cacheTagHeader: string | undefined;
}

export function startCache(rules: CacheRules): Cache {
  const objects = new Map<string, CachedObject>();
  const fetches = new Set<Fetching>();
  return {
    find: (url) => {
      const found = objects.get(url);
      return found !== undefined && performance.now() < found.storedAt + found.ttlMs ? found : undefined;
    },
    startFetch: (url) => {
      const fetching = { url, cleared: false };
      fetches.add(fetching);
      return fetching;
    },
    endFetch: (fetching, page) => {
      fetches.delete(fetching);
      const ttlMs = storableFor(page, rules.ttlSeconds) * 1000;
      if (fetching.cleared || ttlMs <= 0) return;
      const { url } = fetching;
      objects.set(url, { url, page, tags: tagsOf(page, rules.cacheTagHeader), storedAt: performance.now(), ttlMs });
    },
    clear: (items) => {
      const named = [...objects.values()].filter((object) => items.some((item) => names(item, object)));
      for (const object of named) objects.delete(object.url);
      // AWS promises that a completed invalidation leaves no object from before it. So what is still on its way from
      // the origin goes to the viewer who waits for it, but not into the cache. Its tags are unknown until it is here,
      // so every tag counts as its own.
      for (const fetching of fetches) {
        fetching.cleared ||= items.some((item) => isTag(item) || matchesPath(item, fetching.url));
      }
      return named.length;
    },
    list: () => [...objects.values()],
  };
}

function names(item: string, object: CachedObject): boolean {
  return isTag(item) ? matchesTag(item, object.tags) : matchesPath(item, object.url);
}

function tagsOf(page: Page, header: string | undefined): string[] {
  const value = header === undefined ? undefined : headerOf(page, header);
  return (value ?? '').split(',').map((tag) => tag.trim().toLowerCase());
}

/** Seconds, by the rules a shared cache has; 0 is not at all. */
function storableFor(page: Page, ttlSeconds: number): number {
  // CloudFront keeps some errors for ten seconds; here an error is never kept.
  if (page.status !== 200) return 0;
  const control = headerOf(page, 'cache-control')?.toLowerCase() ?? '';
  if (/\b(no-store|no-cache|private)\b/.test(control)) return 0;
  const age = /\bs-maxage=(\d+)/.exec(control) ?? /\bmax-age=(\d+)/.exec(control);
  return age === null ? ttlSeconds : Number(age[1]);
}

function headerOf(page: Page, name: string): string | undefined {
  return Object.entries(page.headers).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
