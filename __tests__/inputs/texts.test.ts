import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePath } from '../../src/cloudfront/paths.ts';
import { parseImageUri } from '../../src/image/image-uri.ts';
import { readManifest } from '../../src/image/manifest.ts';
import { parseFunctionRef, qualifierOf } from '../../src/lambda/function-ref.ts';
import { inert, plain, plainPage } from '../../src/plain.ts';
import { escapeMarkdown } from '../../src/report/markdown.ts';

const runs = { numRuns: 3000 };
/** Strings that are made of what the runner, Markdown and URLs give a meaning. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '::',
        ':',
        '##[',
        '#',
        '[',
        ']',
        '\n',
        '\r',
        '\u2028',
        '\u001b',
        ' ',
        '%0A',
        'set-output',
        'error',
        '<',
        '|',
        '`',
      ),
      fc.constantFrom(
        '/',
        '*',
        '~',
        '%',
        '%7e',
        '%20',
        '?',
        'ü',
        '\ud800',
        '=',
        '@',
        'sha256:',
        'arn:aws:',
        'function',
      ),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

/** As actions/runner reads a line: `::` at its start once it is trimmed, `##[` anywhere. */
function isCommand(line: string): boolean {
  return /^\s*::[^:\s]/.test(line) || line.includes('##[');
}

describe('text that somebody else wrote', () => {
  it('is never a command, and always one line', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        for (const safe of [inert(text), plain(text), plainPage(text), plain(text, 20), inert(`  ${text}`)]) {
          expect(isCommand(safe)).toBe(false);
          expect(safe).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        }
      }),
      runs,
    );
  });

  it('stays text in a summary', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(escapeMarkdown(text).replace(/&#\d+;/g, '')).not.toMatch(/[<>|`*_[\]\\#!~$:&(){}\n]/);
      }),
      runs,
    );
  });

  it.each([
    ['arn:aws:s3:::bucket/key', 'arn:aws:s3:::bucket/key'],
    ['arn:aws:cloudfront::123456789012:distribution/E2', 'arn:aws:cloudfront::123456789012:distribution/E2'],
    ['see https://a.example/x?X-Amz-Signature=abc now', 'see https://a.example/x?… now'],
    ['go to https://user:pass@word@a.example/x.', 'go to https://…@a.example/x.'],
    ['ftp://user@a.example or me@b.example', 'ftp://…@a.example or me@b.example'],
    [`https://user:${'a'.repeat(3000)}@b.example/`, 'https://…@b.example/'],
    ['key AKIAIOSFODNN7EXAMPLE.', 'key ….'],
    ['::error::x', ': :error: :x'],
  ])('%s reads %s', (text, safe) => {
    expect(plain(text)).toBe(safe);
  });
});

describe('the address of a page', () => {
  it.each([
    ['https://a.example/news?page=2&q=x', 'https://a.example/news?page=2&q=x'],
    ['https://a.example/x?page=2&X-Amz-Signature=abc', 'https://a.example/x?…'],
    ['https://a.example/x?Policy=a&Signature=abc', 'https://a.example/x?…'],
    [
      'https://a.example/x?access_token=abc and https://a.example/?y=1',
      'https://a.example/x?… and https://a.example/?y=1',
    ],
    ['https://user:pass@a.example/x?page=2', 'https://…@a.example/x?page=2'],
    ['https://a.example/?::error::x##[group]', 'https://a.example/?: :error: :x## [group]'],
    [`https://a.example/?${'a'.repeat(600)}`, `https://a.example/?${'a'.repeat(481)}… (619 characters)`],
  ])('%s reads %s', (text, safe) => {
    expect(plainPage(text)).toBe(safe);
  });

  it('that is endless takes no time', () => {
    const began = performance.now();
    for (const junk of ['://', 'https://a@', 'https://?', '@', 'https://a?x']) {
      plainPage(junk.repeat(100_000));
    }
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('a path', () => {
  it.each([
    ['/index.html', '/index.html'],
    ['/a b.html', '/a%20b.html'],
    ['/größe', '/gr%C3%B6%C3%9Fe'],
    ['/100%', '/100%25'],
    ['/done%20already', '/done%20already'],
    ['/a"<>#{}|\\^[]`b', '/a%22%3C%3E%23%7B%7D%7C%5C%5E%5B%5D%60b'],
    ["/keep+these,&=:@$;!'()", "/keep+these,&=:@$;!'()"],
    ['/q?x=1&y=2', '/q?x=1&y=2'],
    ['/~home/x', '/*'],
    ['/a/b~1.txt', '/a/b*'],
    ['/a/b%7E1.txt', '/a/b*'],
    ['/news/*', '/news/*'],
    ['/Case', '/Case'],
  ])('%s is cleared as %s', (text, path) => {
    expect(parsePath(text)).toMatchObject({ path });
  });

  it('is encoded once, however often', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const once = parsePath(`/${text}`);
        if ('path' in once) {
          expect(once.path).toMatch(/^\/[\x21-\x7e]*$/);
          expect(parsePath(once.path)).toEqual({ path: once.path, widened: false });
        }
      }),
      runs,
    );
  });
});

describe('parsers', () => {
  it('never throw and never take long, whatever they read', () => {
    const parsers = [parsePath, parseImageUri, parseFunctionRef, qualifierOf, readManifest];
    const long = fc.tuple(nasty, fc.integer({ min: 1, max: 400 })).map(([text, times]) => text.repeat(times));
    fc.assert(
      fc.property(fc.oneof(nasty, long), (text) => {
        for (const parse of parsers) {
          const began = performance.now();
          parse(text);
          expect(performance.now() - began).toBeLessThan(500);
        }
      }),
      runs,
    );
  });
});
