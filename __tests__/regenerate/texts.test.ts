import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExpectedHeader } from '../../src/regenerate/expected-header.ts';
import { parsePageUrl, pathOf } from '../../src/regenerate/page-url.ts';
import { readSitemap } from '../../src/regenerate/sitemap.ts';

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.webUrl(),
  fc
    .array(
      fc.constantFrom(
        'https://',
        'http://',
        'a.example',
        '@',
        ':',
        '/',
        '#',
        '?',
        '\\',
        '\n',
        '\0',
        '%',
        '[',
        ']',
        'ü',
      ),
    )
    .map((parts) => parts.join('')),
);

describe('the address of a page', () => {
  it.each([
    ['https://www.example.com/a b?q=ü#part', 'https://www.example.com/a%20b?q=%C3%BC'],
    ['HTTP://Example.com:80', 'http://example.com/'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['http://127.0.0.1:8080/x', 'http://127.0.0.1:8080/x'],
  ])('%s is fetched as %s', (text, href) => {
    expect(parsePageUrl(text)).toMatchObject({ href });
  });

  it.each([
    ['/page', 'whole URL'],
    ['ftp://example.com/', 'whole URL'],
    ['https:example.com', 'whole URL'],
    ['https://', 'whole URL'],
    ['https://user@example.com/', 'user or a password'],
    ['https://:pass@example.com/', 'user or a password'],
    ['https://example.com/\r\nHost: b', 'control characters'],
    ['https://example.com/\u2028', 'control characters'],
    ['https://example.com/\ud800', 'whole URL'],
    [`https://example.com/${'a'.repeat(8000)}`, 'at most 8000'],
    [`https://example.com/${'ü'.repeat(3000)}`, 'at most 8000'],
  ])('%j is refused', (text, problem) => {
    expect(parsePageUrl(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('whatever the text, is one without user, fragment and control characters, or a problem', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const url = parsePageUrl(text);
        if (!('problem' in url)) {
          expect(url.href).toMatch(/^https?:\/\/[^/?#@]+\/[\x21-\x7e]*$/);
          expect(url.hash + url.username + url.password).toBe('');
          expect(pathOf(url)).toMatch(/^\/[\x21-\x7e]*$/);
        }
      }),
    );
  });

  it.each([
    ['https://e.com/a[1]|b^c?q={x}|"y"', '/a%5B1%5D%7Cb%5Ec?q=%7Bx%7D%7C%22y%22'],
    ['https://e.com/100%/caf%C3%A9', '/100%25/caf%C3%A9'],
    ['https://e.com', '/'],
  ])('%s is known to an invalidation as %s', (text, path) => {
    expect(pathOf(new URL(text))).toBe(path);
  });
});

describe('the expected header', () => {
  it.each([
    ['X-Version: v2', { name: 'x-version', value: 'v2' }],
    ['  etag:"a:b"  ', { name: 'etag', value: '"a:b"' }],
    ['x_y~!:\t1 2 ', { name: 'x_y~!', value: '1 2' }],
  ])('%j is read', (text, header) => {
    expect(parseExpectedHeader(text)).toEqual(header);
  });

  it.each(['', 'x-version', ': v2', 'x version: 2', 'x-version:', 'x: a\r\nb: c', 'x(y): 1', 'x: \u2028', 'ü: 1'])(
    '%j is refused',
    (text) => expect(parseExpectedHeader(text)).toHaveProperty('problem'),
  );

  it('whatever the text, is a name and a value of one line, or a problem', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `x: ${text}`),
        ),
        (text) => {
          const header = parseExpectedHeader(text);
          expect(
            'problem' in header || (/^[^\s:A-Z]+$/.test(header.name) && /^\S([^\r\n]*\S)?$/.test(header.value)),
          ).toBe(true);
        },
      ),
    );
  });
});

function read(text: string, limit = Number.POSITIVE_INFINITY) {
  const found: string[] = [];
  const broken = readSitemap(text, (location, kind) => {
    found.push(`${kind} ${location}`);
    return found.length < limit;
  });
  return { found, broken };
}

describe('a sitemap', () => {
  it('lists the locations of its pages, and not those of images and other languages', () => {
    const xml = `\ufeff<?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE urlset [<!ENTITY bomb "<loc>https://e.com/bomb</loc>">]>
      <!-- <url><loc>https://e.com/comment</loc></url> -->
      <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" title="a > b">
        <url><loc>
          https://e.com/1?a=1&amp;b=&#50;&#x33;
        </loc><lastmod>2026-01-01</lastmod>
          <image:image><image:loc>https://e.com/image</image:loc></image:image>
          <xhtml:link rel='alternate' href='https://e.com/fr'/></url>
        <url><loc><![CDATA[https://e.com/2?a=1&b=<2>]]></loc></url>
        <url/><loc>https://e.com/stray</loc>
      </urlset>`.trim();
    expect(read(xml)).toEqual({
      found: ['pages https://e.com/1?a=1&b=23', 'pages https://e.com/2?a=1&b=<2>'],
      broken: undefined,
    });
  });

  it('may be an index, and may have a prefix', () => {
    const xml = '<s:sitemapindex><s:sitemap><s:loc>https://e.com/a.xml</s:loc></s:sitemap></s:sitemapindex>';
    expect(read(xml).found).toEqual(['sitemaps https://e.com/a.xml']);
  });

  it('may be a list of URLs', () => {
    expect(read('https://e.com/1\r\n\r\n  https://e.com/2\n')).toEqual({
      found: ['pages https://e.com/1', 'pages https://e.com/2'],
      broken: undefined,
    });
  });

  it('leaves entities that it does not know as they are', () => {
    expect(read('<urlset><url><loc>&bomb;&#0;&#x110000;&lt;</loc></url></urlset>').found).toEqual([
      'pages &bomb;&#0;&#x110000;<',
    ]);
  });

  it.each([
    ['', 'empty'],
    ['hello', 'neither XML'],
    ['<!doctype html><html><body>404</body></html>', 'neither a urlset'],
    ['<urlset><url><loc>https://e.com/1</loc></url>', 'broken off'],
    ['<urlset><url><loc>https://e.com/1</url></urlset>', 'broken off'],
    ['<urlset><url a="', 'broken off'],
    ['<urlset><!-- ', 'broken off'],
    ['<urlset>< ></urlset>', 'broken off'],
    [`<urlset>${'<a>'.repeat(200)}`, 'broken off'],
  ])('%j is none', (text, problem) => {
    expect(read(text).broken).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('is not read further than wanted', () => {
    expect(read('<urlset><url><loc>a</loc></url><url><loc>b</loc></url><broken', 2)).toEqual({
      found: ['pages a', 'pages b'],
      broken: undefined,
    });
  });

  it('gives back any URL that was written into it', () => {
    const escaped = (text: string) => text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
    fc.assert(
      fc.property(fc.array(fc.webUrl({ withQueryParameters: true }), { minLength: 1 }), (urls) => {
        const xml = `<urlset>${urls.map((url) => `<url><loc>${escaped(url)}</loc></url>`).join('\n')}</urlset>`;
        expect(read(xml)).toEqual({ found: urls.map((url) => `pages ${url}`), broken: undefined });
      }),
    );
  });

  it('whatever the text, ends without an exception', () => {
    const pieces = fc.constantFrom(
      '<urlset>',
      '</urlset>',
      '<url>',
      '<loc>',
      '</loc>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<!',
      '[',
      '"',
      '>',
      '/>',
      '&amp;',
      '&#x1',
      '<?',
      'https://e.com/',
      '\n',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 40 }), (parts) => void read(parts.join(''))),
    );
  });

  it('of any kind of junk takes no more time than it is long', () => {
    const began = performance.now();
    for (const junk of ['<', '<a "', '&', "<a '", '<!--', ' ', '<!DOCTYPE [', '&#', '<urlset><a b="">']) {
      read(`<urlset>${junk.repeat(50_000)}`);
    }
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
