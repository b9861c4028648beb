import type { Quota } from './distributions.ts';
import { CloudFrontErrors } from './errors.ts';

const MOST_FILES = 3000;
const MOST_WILDCARDS = 15;

/** Until 2026, per distribution: 3,000 files and, counted apart, 15 wildcards in progress. */
export const inProgressQuota: Quota = (distribution, items) => {
  const running = distribution.invalidations.filter((invalidation) => invalidation.status === 'InProgress');
  const all = [...running.flatMap((invalidation) => invalidation.items), ...items];
  const wildcards = all.filter(isWildcard).length;
  if (wildcards > MOST_WILDCARDS) throw CloudFrontErrors.tooMany('in-progress wildcard invalidations');
  if (all.length - wildcards > MOST_FILES) throw CloudFrontErrors.tooMany('in-progress invalidations');
};

const MOST_ITEMS_A_SECOND = 150;
const MOST_WILDCARDS_A_SECOND = 1;

/** Since 2026, per account: 150 paths or tags and 1 wildcard in any second. The window is taken strictly. */
export function perSecondQuota(): Quota {
  let recent: { at: number; items: number; wildcards: number }[] = [];
  return (_distribution, items) => {
    const now = performance.now();
    recent = recent.filter((batch) => now - batch.at < 1000);
    const batch = { at: now, items: items.length, wildcards: items.filter(isWildcard).length };
    const all = [...recent, batch];
    if (sum(all.map((other) => other.wildcards)) > MOST_WILDCARDS_A_SECOND) {
      throw CloudFrontErrors.tooMany('wildcard invalidations per second');
    }
    if (sum(all.map((other) => other.items)) > MOST_ITEMS_A_SECOND) {
      throw CloudFrontErrors.tooMany('invalidation paths per second');
    }
    recent = all;
  };
}

function isWildcard(item: string): boolean {
  return item.endsWith('*') && !item.startsWith('#');
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
