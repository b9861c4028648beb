import { isWildcard } from './paths.ts';

/**
 * Tells whether an invalidation of these items clears a path. An item without a query string clears the path with any,
 * because the query string need not be part of the cache key. Tags clear no path: which objects carry them is not known.
 */
export function createMatcher(items: readonly string[]): (path: string) => boolean {
  const exact = new Set(items.filter((item) => !isWildcard(item)));
  const prefixes = outermost(items.filter(isWildcard).map((item) => item.slice(0, -1)));
  return (path) => {
    if (exact.has(path) || exact.has(path.split('?', 1)[0] ?? path)) {
      return true;
    }
    // None begins another, so only the last one that is not behind the path can begin it.
    const prefix = prefixes[countUpTo(prefixes, path) - 1];
    return prefix !== undefined && path.startsWith(prefix);
  };
}

/** Sorted, without those that begin with another. */
function outermost(prefixes: readonly string[]): string[] {
  const kept: string[] = [];
  for (const prefix of prefixes.toSorted()) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) {
      kept.push(prefix);
    }
  }
  return kept;
}

/** How many of the sorted texts are not behind `text`. */
function countUpTo(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') <= text) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
