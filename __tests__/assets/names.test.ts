import { describe, expect, it } from 'vitest';
import { contentTypeOf } from '../../src/assets/content-type.ts';
import { findHashedNames } from '../../src/assets/hashed-names.ts';
import { type HeaderRule, headersOf, parseHeaderRule } from '../../src/assets/headers.ts';
import { isTooLong, parsePrefix, problemOfName } from '../../src/assets/keys.ts';
import { isManifest, listedNames } from '../../src/assets/manifests.ts';
import { partsOf } from '../../src/assets/parts.ts';
import { startProgress } from '../../src/assets/progress.ts';
import { fileGlob } from '../../src/file-glob.ts';

const immutable = 'public, max-age=31536000, immutable';

describe('a name with a hash', () => {
  /** Beside the first file of a build, which shows whose folder it is. */
  it.each([
    ['Vite', 'assets/vendor-Cq9zxR4P.js', 'assets/index-BxK3_9aQ.js'],
    ['Vite, a picture', 'assets/logo-D4xY-a1b.svg', 'assets/index-BxK3_9aQ.js'],
    ['Vite, with a map', 'assets/vendor-Dz9s8X2k.js.map', 'assets/index-BxK3_9aQ.js'],
    ['Laravel', 'build/assets/Show-Cq9zxR4P.js', 'build/assets/app-DLe9g-_u.css'],
    ['VitePress', 'assets/guide_about.md.BxTAMXfa.lean.js', ''],
    ['webpack', 'vendors.3f2a1b9c8d7e6f5a4b3c.js', 'main.1b2c3d4e5f6a7b8c9d0e.js'],
    ['Create React App', 'static/js/787.8b2c4f1e.chunk.js', 'static/js/main.de35d56a.js'],
    [
      'Create React App, a picture',
      'static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg',
      'static/js/main.de35d56a.js',
    ],
    ['Vue CLI', 'img/logo.82b9c7a5.png', 'js/chunk-vendors.3ccd087f.js'],
    ['Angular', 'chunk-QL4OXE7R.js', 'main-5XJ2K7QN.js'],
    ['Angular, a font', 'media/icons-QL4OXE7R.woff2', 'main-5XJ2K7QN.js'],
    ['Next.js', '_next/static/chunks/main-app-1d2c3b4a5f6e7d8c.js', ''],
    ['Next.js, a font', '_next/static/media/c9a5bc6a7c948fb0-s.p.woff2', ''],
    ['Next.js, the id of the build', 'docs/_next/static/28xZKxsKYgFYbQsMzytxn/_buildManifest.js', ''],
    ['SvelteKit', '_app/immutable/entry/start.DkR3vR1j.js', ''],
    ['Nuxt', '_nuxt/C5FiDoDJ.js', ''],
    ['Astro', '_astro/blog-placeholder-5.CB3Xi-gp_j9V0O.webp', ''],
    ['Gatsby', 'component---src-pages-index-js-8f1b2c3d4e5f6a7b8c9d.js', 'webpack-runtime-a61a0e57c645071ed540.js'],
    [
      'Gatsby, a picture',
      'static/1111ac4745032de3c599fdfa409cd4b1/12f09/a.png',
      'webpack-runtime-a61a0e57c645071ed540.js',
    ],
    ['Docusaurus', 'assets/js/eec7841d.ac0267a3.js', 'assets/js/runtime~main.2d210387.js'],
    ['Sprockets', `assets/logo-${'0af1'.repeat(16)}.png`, `assets/application-${'1be2'.repeat(16)}.js`],
    ['Qwik', 'build/q-DsxDVfVg.js', ''],
    [
      'Expo',
      'assets/fonts/Afacad.259ea7431d6c89ffdcf5afaac9b44a2a.ttf',
      '_expo/static/js/web/entry-92308849c9181323214441a8a303d906.js',
    ],
  ])('of %s is recognised: %s', (_, path, first) => {
    expect([...findHashedNames([first, path])]).toContain(path);
  });

  /** What people call files, alone and in the company of what each bundler makes. */
  const first = [
    'app.3f2a1b9c.js',
    'assets/index-BxK3_9aQ.js',
    'assets/main-5XJ2K7QN.js',
    'main.1b2c3d4e5f6a7b8c9d0e.js',
    'static/js/main.de35d56a.js',
  ];
  it.each([
    'facade01.jpg',
    'menu-15dec2024.pdf',
    'ad20240131.png',
    'photo-34567234.jpg',
    'Q3REPORT.pdf',
    '3DMODELS.zip',
    'eBayLink.js',
    'MyApp-v2.js',
    'messages-pt-BR-v2.js',
    'dir_d44c64559bbebec7f509842c48db8b23.js',
    'products/550e8400-e29b-41d4-a716-446655440000.json',
    'avatars/d41d8cd98f00b204e9800998ecf8427e.png',
    'jquery-3.7.1.min.js',
    'bootstrap.min.css',
    'document-20240101.pdf',
    'IMG_20240101_120000.jpg',
    'DSC00012345.jpg',
    'backup-20240101T120000Z.json',
    'report-4f3a2b1c.pdf',
    'data.3f2a1b9c.json',
    'hero-1920x1080.png',
    'chapter10.txt',
    'lib-i18nUtil.js',
    'lib-MyModule.js',
    'lib-Settings.js',
    'lib-GitHubUI.js',
    'lib-IPv4IPv6.js',
    'theme-DarkBlue.css',
    'KaTeX_SansSerif-Semibold.ttf',
    'polyfills-es2015.js',
    'roboto-v30-latin-regular.woff2',
    'google939b7100a7506bb0.html',
    '3f2a1b9c8d7e6f5a4b3c.html',
    '0x9e96604445ec19ffed9a5e8dd7b50a29c899a10c.png',
    '.well-known/apple-app-site-association',
    'folder-3f2a1b9c8d7e/index.js',
  ])('is not what people call a file: %s', (name) => {
    for (const folder of ['', 'assets/', 'static/js/', 'static/media/', '_nuxt/', '_astro/', '_app/immutable/']) {
      expect([...findHashedNames([...first, `${folder}${name}`])]).not.toContain(`${folder}${name}`);
    }
    expect([...findHashedNames([name])]).toEqual([]);
  });

  it("is not one that only looks like it, alone in a folder that is nobody's", () => {
    const names = ['app/widget-BxK3_9aQ.js', 'embed.3f2a1b9c.js', 'img/logo.6ce24c58.svg', 'lib-QL4OXE7R.js'];
    expect([...findHashedNames(names)]).toEqual([]);
  });

  it('counts in a folder that the prefix names', () => {
    const path = 'chunks/main-app-1d2c3b4a5f6e7d8c.js';
    expect([...findHashedNames([path])]).toEqual([]);
    expect([...findHashedNames([path], { prefix: '_next/static/' })]).toEqual([path]);
  });
});

describe('a manifest beside the files', () => {
  const names = (manifest: string, content: unknown, paths: readonly string[]) =>
    isManifest(manifest) ? listedNames(manifest, JSON.stringify(content), new Set(paths)) : undefined;

  it.each<[string, string, unknown, string[], string[]]>([
    [
      'of Vite',
      '.vite/manifest.json',
      { 'src/a.ts': { file: 'js/a-BxK3_9aQ.js', css: ['css/a-D4xY-a1b.css'], src: 'src/a.ts' } },
      ['js/a-BxK3_9aQ.js', 'css/a-D4xY-a1b.css', 'src/a.ts'],
      ['js/a-BxK3_9aQ.js', 'css/a-D4xY-a1b.css'],
    ],
    [
      'of Rails, below the address of the site',
      'packs/manifest.json',
      { 'logo.png': '/packs/media/logo-446df2ab.png', entrypoints: { a: { js: ['/packs/a.js'] } } },
      ['packs/media/logo-446df2ab.png', 'packs/a.js'],
      ['packs/media/logo-446df2ab.png'],
    ],
    [
      'of Propshaft',
      'assets/.manifest.json',
      { 'a.css': { digested_path: 'a-c4e7be2d.css' } },
      ['assets/a-c4e7be2d.css'],
      ['assets/a-c4e7be2d.css'],
    ],
    [
      'of data, too',
      'asset-manifest.json',
      { 'd.json': './d.446df2ab.json' },
      ['d.446df2ab.json'],
      ['d.446df2ab.json'],
    ],
    [
      'of Laravel Mix, which has the hash behind a "?"',
      'mix-manifest.json',
      { '/js/app.js': '/js/app.js?id=446df2ab' },
      ['js/app.js'],
      [],
    ],
    [
      'that names no other name',
      'manifest.json',
      { 'u-446df2ab.png': 'u-446df2ab.png', icons: [{ src: 'i-192x192.png' }] },
      ['u-446df2ab.png', 'i-192x192.png'],
      [],
    ],
    [
      'with another version',
      'rev-manifest.json',
      { 'menu.pdf': 'menu-15dec2024.pdf', 'a.js': 'a-v2.js' },
      ['menu-15dec2024.pdf', 'a-v2.js'],
      [],
    ],
    ['that is about something else', 'users.json', { 'a.png': 'a-446df2ab.png' }, ['a-446df2ab.png'], []],
  ])('%s', (_, manifest, content, paths, expected) => {
    expect(names(manifest, content, paths) ?? []).toEqual(expected);
  });

  it('that is no JSON, deep or long says nothing, and soon', () => {
    expect(listedNames('manifest.json', '{', new Set())).toEqual([]);
    expect(listedNames('manifest.json', `${'['.repeat(5000)}${']'.repeat(5000)}`, new Set())).toEqual([]);
    expect(listedNames('manifest.json', JSON.stringify({ a: 'a/'.repeat(500_000) }), new Set(['b']))).toEqual([]);
  });
});

describe('the headers of a file', () => {
  const rules = (...lines: string[]) => lines.map((line) => parseHeaderRule(line) as HeaderRule);
  const of = (path: string, lines: string[] = [], isHashed = false) =>
    headersOf(path, isHashed, 'text/x', rules(...lines));

  it('are by default the type, and a year for what has a hash', () => {
    expect(of('logo.png')).toEqual({ contentType: 'text/x', cacheControl: 'no-cache' });
    expect(of('index-BxK3_9aQ.js', [], true)).toEqual({ contentType: 'text/x', cacheControl: immutable });
  });

  it('are those of the first line that matches, for each header', () => {
    const lines = [
      'build/*.br: Content-Encoding: br',
      '*.js.br: content-type: text/javascript',
      '*.br : Cache-Control: max-age=60',
      'build/: Cache-Control: no-store',
      '**/about: Content-Type: text/html; charset=utf-8',
      'file: //x: Content-Disposition: attachment; filename="a: b.txt"',
      '*: Content-Language: de, en',
    ];
    expect(of('build/app.js.br', lines)).toEqual({
      contentType: 'text/javascript',
      contentEncoding: 'br',
      cacheControl: 'max-age=60',
      contentLanguage: 'de, en',
    });
    expect(of('build/deep/x', lines)).toMatchObject({ cacheControl: 'no-store' });
    expect(of('a/about', lines)).toMatchObject({ contentType: 'text/html; charset=utf-8' });
    expect(of('x.gz', lines)).not.toHaveProperty('contentEncoding');
  });

  it.each([
    'no-cache',
    '*.html: no-cache',
    '*.html: Expires: 0',
    '*.html: Cache-Control:',
    ': Cache-Control: no-cache',
    '*.html: Cache-Control: caché',
    '*: Content-Type: html',
  ])('are not "%s"', (line) => {
    expect(parseHeaderRule(line)).toHaveProperty('problem');
  });
});

describe('a glob', () => {
  it.each([
    ['*.map', ['a.map', 'a/b.map'], ['a.maps']],
    ['/*.map', ['a.map'], ['a/b.map']],
    ['drafts', ['drafts', 'drafts/a', 'x/drafts/a'], ['drafts2/a']],
    ['drafts/', ['drafts/a', 'x/drafts/a/b'], ['drafts']],
    ['a/b', ['a/b', 'a/b/c'], ['x/a/b']],
    ['a/**/*.js', ['a/x.js', 'a/b/c/x.js'], ['b/a/x.js']],
    ['.env*', ['.env', 'a/.env.local'], ['a/env']],
  ])('%s is as in a .gitignore', (glob, yes, no) => {
    const matches = fileGlob(glob);
    expect(yes.filter((path) => !matches(path))).toEqual([]);
    expect(no.filter(matches)).toEqual([]);
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

  it.each(['//', 'a//b', 'a//', '//a', '../a', 'a/./b', 'a\\b', 'a\nb', '///'])('"%s" is refused', (text) => {
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
