/**
 * Does an item of an invalidation name this object? CloudFront compares the URL as viewers sent it: case, encoding,
 * query string and closing slash all count, and `*` means anything only as the last character.
 */
export function matchesPath(item: string, url: string): boolean {
  // A `~` cannot be matched, neither raw nor encoded; only a wildcard that ends before it reaches such objects.
  if (/~|%7e/i.test(item)) return false;
  return item.endsWith('*') ? url.startsWith(item.slice(0, -1)) : url === item;
}

/** Cache tags are compared without regard to case. */
export function matchesTag(item: string, tags: string[]): boolean {
  return tags.includes(item.slice(1).toLowerCase());
}

export function isTag(item: string): boolean {
  return item.startsWith('#');
}
