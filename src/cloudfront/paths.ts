const longestPath = 4000;
const longestTag = 256;

/** A path or tag as CloudFront takes it, with what had to be changed about it; or why it cannot be cleared. */
export type ParsedPath = { path: string; widened: boolean } | { problem: string };

// The characters RFC 1738 calls unsafe, less `%` and `~`, which have rules of their own.
const encodedOnes = /[\p{Cc} <>"#{}|\\^[\]`]|[^\p{ASCII}]/gu;

/**
 * Reads a path, a path that ends in `*`, or a cache tag (`#tag`), as somebody types it. An encoded character is left as
 * it is, so parsing twice changes nothing. `~` can be matched neither raw nor encoded, so the path is widened to a
 * wildcard before it (https://github.com/aws/aws-sdk/issues/525).
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
 */
export function parsePath(text: string): ParsedPath {
  if (isTag(text)) {
    return parseTag(text.slice(1));
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
  const tilde = text.search(/~|%7e/i);
  const whole = tilde === -1 ? text : `${text.slice(0, tilde)}*`;
  return encode(whole.replace(/%(?![0-9a-f]{2})/gi, '%25'), tilde !== -1);
}

/**
 * The path under which viewers request a file or an S3 object, from its raw name: nothing in a name is encoded yet,
 * begins a query string or ends in a wildcard. A name with `~` or `*` cannot be matched exactly and is widened before it.
 *
 * Control characters are encoded: RFC 1738, by which CloudFront goes, knows no other way to write them in a URL. A name
 * that begins with a slash is requested with two.
 */
export function pathOfKey(key: string): ParsedPath {
  const inexact = key.search(/[~*]/);
  const exact = inexact === -1 ? key : key.slice(0, inexact);
  const whole = `/${exact.replace(/[%?]/g, encodeURIComponent)}`;
  return inexact === -1 ? encode(whole, false) : encode(`${whole}*`, true);
}

/** Only non-ASCII and unsafe characters are encoded: whatever else is encoded matches nothing, silently. */
function encode(text: string, widened: boolean): ParsedPath {
  // U+FFFD stands where something that was no UTF-8 has been read, and its bytes are lost.
  if (!text.isWellFormed() || text.includes('\ufffd')) {
    return { problem: 'must be valid Unicode' };
  }
  const path = text.replace(encodedOnes, encodeURIComponent);
  if (path.length > longestPath) {
    return { problem: `must be at most ${longestPath} characters, it is ${path.length} encoded` };
  }
  return { path, widened };
}

/** CloudFront compares tags without regard to case, so that two spellings of one tag are one item. */
function parseTag(tag: string): ParsedPath {
  if (tag === '') {
    return { problem: 'must name a cache tag after "#"' };
  }
  if (tag.includes('*')) {
    return { problem: 'must not hold "*", because a cache tag has no wildcard' };
  }
  if (/[^\x21-\x7e]|,/.test(tag)) {
    return { problem: 'must be a cache tag of visible ASCII characters without ","' };
  }
  if (tag.length > longestTag) {
    return { problem: `must be a cache tag of at most ${longestTag} characters, it has ${tag.length}` };
  }
  return { path: `#${tag.toLowerCase()}`, widened: false };
}

/** The path that clears a page, from the path and query of its URL; one that has no exact path is widened. */
export function pathOfPage(path: string): string {
  const parsed = parsePath(path.replace(/\*.*$/s, '*'));
  return 'problem' in parsed ? '/*' : parsed.path;
}

export function isTag(item: string): boolean {
  return item.startsWith('#');
}

export function isWildcard(item: string): boolean {
  return item.endsWith('*') && !isTag(item);
}

/**
 * Every path under which the same page may be cached, the path itself first. To CloudFront `/dir`, `/dir/` and
 * `/dir/index.html` are three objects; to most origins they are one page. A last segment with a file extension is a
 * file and stands for itself, and so do tags, paths with a query string, and wildcards other than `/dir/*`, which does
 * not clear `/dir`.
 */
export function pathVariants(path: string): string[] {
  if (isTag(path) || path.includes('?')) {
    return [path];
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  const directory = path.slice(0, path.length - name.length);
  const bare = directory.slice(0, -1);
  // Neither the root nor an empty segment can be named without the slash behind it.
  const bares = bare === '' || bare.endsWith('/') ? [] : [bare];
  if (name === '*') {
    return [path, ...bares];
  }
  if (name === '' || name === 'index.html') {
    return distinct(path, [directory, ...bares, `${directory}index.html`]);
  }
  const isFile = /.\.\w*[a-z]\w*$/i.test(name);
  return isFile || isWildcard(path) ? [path] : distinct(path, [`${path}/`, `${path}/index.html`]);
}

function distinct(path: string, variants: readonly string[]): string[] {
  return [path, ...variants.filter((variant) => variant !== path && variant.length <= longestPath)];
}
