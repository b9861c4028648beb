const longestUrl = 8000;

/** The address of a page or a sitemap, without its fragment; or why it is none that may be fetched. */
export function parsePageUrl(text: string): URL | { problem: string } {
  if (text.length > longestUrl) {
    return { problem: `must be at most ${longestUrl} characters, it is ${text.length}` };
  }
  // A parser of URLs drops tabs and line breaks without a word.
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) {
    return { problem: 'must not hold control characters' };
  }
  const url = /^https?:\/\//i.test(text) && text.isWellFormed() ? URL.parse(text) : null;
  if (url === null) {
    return { problem: 'must be a whole URL that begins with https:// or http://' };
  }
  if (url.username !== '' || url.password !== '') {
    return { problem: 'must not hold a user or a password' };
  }
  url.hash = '';
  return url.href.length > longestUrl
    ? { problem: `must be at most ${longestUrl} characters, it is ${url.href.length} encoded` }
    : url;
}

/** What an invalidation calls the page: path and query, encoded as CloudFront matches them (see `parsePath`). */
export function pathOf({ pathname, search }: URL): string {
  return `${pathname}${search}`.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/[<>"{}|\\^[\]`]/g, encodeURIComponent);
}
