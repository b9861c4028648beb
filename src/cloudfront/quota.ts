import { isTag, isWildcard } from './paths.ts';

// AWS's quotas, of which an account may have either
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html):
// until 2026, per distribution, 3,000 paths and 15 wildcards in progress; since then, per account, 150 paths and 1
// wildcard a second. A call that exceeds the one it meets is refused whole with TooManyInvalidationsInProgress.
const inProgress = { items: 3000, wildcards: 15 };
const perSecond = { items: 150, wildcards: 1 };

/** How far apart calls are that use up the quota of a second, with some room for a network that is not even. */
export const perSecondIntervalMs = 1100;

/** As few calls as the quota for what is in progress allows; the same items always give the same calls. */
export function toBatches(items: readonly string[]): string[][] {
  return split(items, inProgress);
}

/** Smaller calls, each of which both quotas allow. */
export function toSlices(batch: readonly string[]): string[][] {
  return split(batch, perSecond);
}

/** Whether AWS refused a call for one of these quotas, or for its size. */
export function isOverQuota(errorName: string | undefined): boolean {
  return errorName === 'TooManyInvalidationsInProgress' || errorName === 'BatchTooLarge';
}

function split(items: readonly string[], most: { items: number; wildcards: number }): string[][] {
  const wildcards = items.filter((item) => isWildcard(item) && !isTag(item));
  const others = items.filter((item) => !isWildcard(item) || isTag(item));
  const othersEach = wildcards.length === 0 ? most.items : most.items - most.wildcards;
  const count = Math.max(Math.ceil(others.length / othersEach), Math.ceil(wildcards.length / most.wildcards));
  return Array.from({ length: count }, (_, index) =>
    [
      ...others.slice(index * othersEach, (index + 1) * othersEach),
      ...wildcards.slice(index * most.wildcards, (index + 1) * most.wildcards),
    ].sort(),
  );
}
