const longestPath = 4000;

/** A path as CloudFront matches it, with what had to be changed about it; or why it cannot be cleared. */
export type ParsedPath = { path: string; widened: boolean } | { problem: string };

// The characters RFC 1738 calls unsafe, less `%` and `~`, which have rules of their own.
const encodedOnes = /[\p{Cc} <>"#{}|\\^[\]`]|[^\p{ASCII}]/gu;

/**
 * Only non-ASCII and unsafe characters are encoded: whatever else is encoded matches nothing, silently. An encoded
 * character is left as it is, so encoding twice changes nothing. `~` can be matched neither raw nor encoded, so the path
 * is widened to a wildcard before it (https://github.com/aws/aws-sdk/issues/525).
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
 */
export function parsePath(text: string): ParsedPath {
  if (/^#[^\s#]/.test(text)) {
    return { problem: 'is a cache tag; this release clears paths only' };
  }
  if (!text.startsWith('/')) {
    return { problem: 'must start with "/"' };
  }
  if (/\p{Cc}/u.test(text)) {
    return { problem: 'must not hold control characters' };
  }
  const star = text.indexOf('*');
  if (star !== -1 && star !== text.length - 1) {
    return { problem: 'may have "*" only as its last character' };
  }
  if (!text.isWellFormed() || text.includes('\ufffd')) {
    return { problem: 'must be valid Unicode' };
  }
  const tilde = text.search(/~|%7e/i);
  const whole = tilde === -1 ? text : `${text.slice(0, tilde)}*`;
  const path = whole.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(encodedOnes, encodeURIComponent);
  if (path.length > longestPath) {
    return { problem: `must be at most ${longestPath} characters, it is ${path.length} encoded` };
  }
  return { path, widened: tilde !== -1 };
}
