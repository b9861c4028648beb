import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentTypeOf } from '../../src/assets/content-type.ts';
import { isHashedName } from '../../src/assets/hashed-name.ts';
import { type CacheRule, cacheControlOf, parseCacheRule } from '../../src/assets/headers.ts';
import { isTooLong, parsePrefix, problemOfName } from '../../src/assets/keys.ts';
import { partsOf } from '../../src/assets/parts.ts';
import { startProgress } from '../../src/assets/progress.ts';

const immutable = 'public, max-age=31536000, immutable';

describe('a name with a hash', () => {
  it.each([
    ['Vite', 'assets/index-BxK3_9aQ.js'],
    ['Vite, a hyphen in the hash', 'assets/index-D4xY-a1b.css'],
    ['Vite, no digit in the hash', 'assets/vendor-CqWzxRaP.js'],
    ['Rollup, with a map', 'main-Dz9s8X2k.js.map'],
    ['webpack', 'main.3f2a1b9c8d7e6f5a4b3c.js'],
    ['Create React App', 'static/js/787.8b2c4f1e.chunk.js'],
    ['Create React App, a picture', 'static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg'],
    ['esbuild', 'app-5XJ2K7QN.js'],
    ['Angular', 'chunk-QL4OXE7R.js'],
    ['Next.js', '_next/static/chunks/main-app-1d2c3b4a5f6e7d8c.js'],
    ['Next.js, by its place', 'docs/_next/static/Zx1/_buildManifest.js'],
    ['SvelteKit, by its place', '_app/immutable/entry/start.js'],
    ['Nuxt', '_nuxt/entry.3f2a1b9c.js'],
    ['Parcel', 'index.d4e5f6a7.css'],
    ['Gatsby', 'component---src-pages-index-js-8f1b2c3d4e5f6a7b8c9d.js'],
    ['only the hash', 'c9a5bc6a7c948fb0.woff2'],
    ['a hash before the end', 'c9a5bc6a7c948fb0-s.p.woff2'],
  ])('of %s is recognised: %s', (_, name) => {
    expect(isHashedName(name)).toBe(true);
  });

  it.each([
    'jquery-3.7.1.min.js',
    'bootstrap.min.css',
    'bootstrap5.min.css',
    'document-20240101.pdf',
    'photo-12345678.jpg',
    'IMG_20240101_120000.jpg',
    'DSC00012345.jpg',
    'backup-20240101T120000Z.json',
    'report-2024dec01.pdf',
    'v20240101.js',
    'hero-1920x1080.png',
    'apple-touch-icon-180x180.png',
    'chapter10.txt',
    'lib-iPhone15.js',
    'lib-GitHubUI.js',
    'lib-MyModule.js',
    'lib-i18nUtil.js',
    'README-TEMPLATE.md',
    'polyfills-es2015.js',
    'roboto-v30-latin-regular.woff2',
    'utf8mb4.sql',
    '.well-known/apple-app-site-association',
    'folder-3f2a1b9c8d7e/index.js',
    'a',
  ])('is not what people call a file: %s', (name) => {
    expect(isHashedName(name)).toBe(false);
  });

  it('is recognised for most of what bundlers draw at random', () => {
    const share = (name: () => string) =>
      Array.from({ length: 2000 }, name).filter((one) => isHashedName(one)).length / 2000;
    expect(share(() => `main.${randomBytes(10).toString('hex')}.js`)).toBeGreaterThan(0.99);
    expect(share(() => `main.${randomBytes(4).toString('hex')}.js`)).toBeGreaterThan(0.93);
    expect(share(() => `assets/index-${randomBytes(6).toString('base64url')}.js`)).toBeGreaterThan(0.68);
  });
});

describe('Cache-Control', () => {
  const rules = (...lines: string[]) => lines.map((line) => parseCacheRule(line) as CacheRule);

  it.each([
    ['assets/index-BxK3_9aQ.js', immutable],
    ['index.html', 'no-cache'],
    ['3f2a1b9c8d7e6f5a4b3c.html', 'no-cache'],
    ['logo.png', 'no-cache'],
  ])('of %s is by default "%s"', (path, value) => {
    expect(cacheControlOf(path, [])).toBe(value);
  });

  it('is that of the first line that matches, before the defaults', () => {
    const given = rules('assets/*.png: max-age=60', '*.png : public, max-age=600', 'a/**: no-store');
    const of = (path: string) => cacheControlOf(path, given);
    expect(of('assets/logo.png')).toBe('max-age=60');
    expect(of('assets/deep/logo.png')).toBe('public, max-age=600');
    expect(of('logo.png')).toBe('public, max-age=600');
    expect(of('a/b/.c/index-BxK3_9aQ.js')).toBe('no-store');
    expect(of('b/index-BxK3_9aQ.js')).toBe(immutable);
  });

  it.each(['no-cache', '*.html:', ': no-cache', '*.html: caché'])('refuses the line "%s"', (line) => {
    expect(parseCacheRule(line)).toHaveProperty('problem');
  });
});

it.each([
  ['index.html', 'text/html; charset=utf-8'],
  ['app.js', 'text/javascript; charset=utf-8'],
  ['app.mjs', 'text/javascript; charset=utf-8'],
  ['app.css', 'text/css; charset=utf-8'],
  ['app.js.map', 'application/json'],
  ['logo.svg', 'image/svg+xml'],
  ['favicon.ico', 'image/vnd.microsoft.icon'],
  ['font.woff2', 'font/woff2'],
  ['module.wasm', 'application/wasm'],
  ['site.webmanifest', 'application/manifest+json'],
  ['photo.AVIF', 'image/avif'],
  ['CNAME', 'application/octet-stream'],
])('%s is %s', (path, type) => {
  expect(contentTypeOf(path)).toBe(type);
});

describe('a prefix', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['static', 'static/'],
    ['/static/v2/', 'static/v2/'],
  ])('"%s" is the folder "%s"', (text, prefix) => {
    expect(parsePrefix(text)).toEqual({ prefix });
  });

  it.each(['a//b', '../a', 'a/./b', 'a\\b', 'a\nb', '///'])('"%s" is refused', (text) => {
    expect(parsePrefix(text)).toHaveProperty('problem');
  });
});

it('refuses names that no URL can carry, and takes all others', () => {
  for (const name of ['a\tb', 'a\\b', 'a\ud800', 'a\ufffd', 'a\u007f']) {
    expect(problemOfName(name), JSON.stringify(name)).toBeDefined();
  }
  for (const name of ['a b', 'ü😀', 'a%20b', '?#*~', "'!"]) {
    expect(problemOfName(name), name).toBeUndefined();
  }
  expect(isTooLong('é'.repeat(512))).toBe(false);
  expect(isTooLong(`${'é'.repeat(512)}a`)).toBe(true);
});

describe('parts', () => {
  const mebibyte = 1_048_576;

  it('are one up to 16 MB, and cover all bytes above', () => {
    expect(partsOf(0)).toEqual([{ start: 0, end: 0 }]);
    expect(partsOf(16 * mebibyte)).toHaveLength(1);
    expect(partsOf(16 * mebibyte + 1)).toEqual([
      { start: 0, end: 16 * mebibyte },
      { start: 16 * mebibyte, end: 16 * mebibyte + 1 },
    ]);
  });

  it('are never more than S3 takes', () => {
    const bytes = 5 * 1024 ** 4;
    const parts = partsOf(bytes);
    expect(parts.length).toBeLessThanOrEqual(10_000);
    expect(parts.at(-1)?.end).toBe(bytes);
  });
});

describe('progress', () => {
  it('is a line with the count, the rate and the trouble', () => {
    const lines: string[] = [];
    const progress = startProgress((line) => lines.push(line), 3, 'files', 0);
    progress.advance();
    progress.retried('throttled (SlowDown)');
    progress.advance();
    expect(lines[0]).toMatch(/^1 of 3 files, \d+\/s$/);
    expect(lines[2]).toMatch(/^2 of 3 files, \d+\/s, 1 retried \(last: throttled \(SlowDown\)\)$/);
  });

  it('is not a line for each file', () => {
    const lines: string[] = [];
    const progress = startProgress((line) => lines.push(line), 3, 'files');
    progress.advance();
    expect(lines).toEqual([]);
  });
});
