import picomatch from 'picomatch';
import { isHashedName } from './hashed-name.ts';

/** A line of assets-cache-control. */
export interface CacheRule {
  matches(path: string): boolean;
  cacheControl: string;
}

const neverAgain = 'public, max-age=31536000, immutable';
/**
 * Kept, but asked about each time, in browsers and in CloudFront. Nobody can clear a browser, so whatever keeps its name
 * when its contents change must not be kept for longer without being asked for.
 */
const askEachTime = 'no-cache';

/** `glob: value`, where a glob without a slash means files of that name in any directory, as in a .gitignore. */
export function parseCacheRule(line: string): CacheRule | { problem: string } {
  const [, glob, cacheControl] = /^(.+?)\s*:\s+(.*\S)\s*$/.exec(line) ?? [];
  if (glob === undefined || cacheControl === undefined) {
    return { problem: 'must be "glob: value", such as "*.html: no-cache"' };
  }
  if (!/^[\x20-\x7e]+$/.test(cacheControl)) {
    return { problem: 'must have a value of plain ASCII' };
  }
  return { matches: picomatch(glob.replace(/^\//, ''), { dot: true, basename: !glob.includes('/') }), cacheControl };
}

/** The first rule that matches; else what the name says. */
export function cacheControlOf(path: string, rules: readonly CacheRule[]): string {
  const rule = rules.find(({ matches }) => matches(path));
  return rule?.cacheControl ?? (!isPage(path) && isHashedName(path) ? neverAgain : askEachTime);
}

export function isPage(path: string): boolean {
  return /\.x?html?$/i.test(path);
}
