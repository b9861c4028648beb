import { fileGlob } from '../file-glob.ts';
import type { AssetHeaders } from '../world.ts';

/** A line of assets-headers. */
export interface HeaderRule {
  matches(path: string): boolean;
  header: keyof AssetHeaders;
  value: string;
}

/** The headers that S3 keeps with an object and CloudFront passes on. */
const headers = new Map<string, keyof AssetHeaders>([
  ['cache-control', 'cacheControl'],
  ['content-type', 'contentType'],
  ['content-encoding', 'contentEncoding'],
  ['content-disposition', 'contentDisposition'],
  ['content-language', 'contentLanguage'],
]);

const neverAgain = 'public, max-age=31536000, immutable';
/**
 * Kept, but asked about each time, in browsers and in CloudFront. Nobody can clear a browser, so whatever keeps its name
 * when its contents change must not be kept for longer without being asked for.
 */
const askEachTime = 'no-cache';

/** `glob: Header: value`. The header is sought from the left, because a value may hold a colon, and a glob another one. */
export function parseHeaderRule(line: string): HeaderRule | { problem: string } {
  const [, glob = '', name = '', value = ''] =
    /^(.*?\S)\s*:\s+(cache-control|content-(?:type|encoding|disposition|language))\s*:\s*(.*)$/i.exec(line) ?? [];
  const header = headers.get(name.toLowerCase());
  if (header === undefined) {
    return {
      problem:
        'must be "glob: Header: value", such as "*.html: Cache-Control: no-cache", with Cache-Control, Content-Type, Content-Encoding, Content-Disposition or Content-Language',
    };
  }
  const text = value.trim();
  if (text === '') {
    return { problem: `has no value for ${name}` };
  }
  if (!/^[\x20-\x7e]+$/.test(text)) {
    return { problem: 'must have a value of plain ASCII' };
  }
  if (header === 'contentType' && !/^[\w.+-]+\/[\w.+-]+\s*(?:;|$)/.test(text)) {
    return { problem: 'must have a Content-Type such as text/html; charset=utf-8' };
  }
  return { matches: fileGlob(glob), header, value: text };
}

/** For each header the first rule that matches; else what the name says. Nothing is guessed about an encoding. */
export function headersOf(
  path: string,
  isHashed: boolean,
  contentType: string,
  rules: readonly HeaderRule[],
): AssetHeaders {
  const found: AssetHeaders = { contentType, cacheControl: isHashed ? neverAgain : askEachTime };
  for (const { matches, header, value } of rules.toReversed()) {
    if (matches(path)) {
      found[header] = value;
    }
  }
  return found;
}
