import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePath } from '../../src/cloudfront/paths.ts';
import { parseImageUri } from '../../src/image/image-uri.ts';
import { readManifest } from '../../src/image/manifest.ts';
import { parseFunctionRef, qualifierOf } from '../../src/lambda/function-ref.ts';
import { inert, plain, plainLines, plainPage } from '../../src/plain.ts';
import { fence, isProse, words } from '../../src/report/markdown.ts';

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
          expect(safe).not.toMatch(/[^\P{Cc}\t]|[\u2028\u2029]/u);
        }
      }),
      runs,
    );
  });

  it('stands in a summary as it is, and has no meaning there', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const [first = '', ...rest] = fence(text).split('\n');
        const mark = first.replace('text', '');
        expect(rest.pop()).toBe(mark);
        for (const line of rest) {
          expect(line).not.toContain(mark);
          expect(text.includes(line) || /left out\]$/.test(line)).toBe(true);
        }
        const [, inside = ''] = /^`(.*)`$/.exec(words(text)) ?? [];
        expect(isProse(words(text)) || words(text) === '' || inside !== '' || /left out\]$/.test(words(text))).toBe(
          true,
        );
        expect(words(text)).not.toMatch(/[\n|]/);
        expect(inside).not.toContain('`');
      }),
      runs,
    );
  });

  it.each([
    ['arn:aws:s3:::bucket/key', 'arn:aws:s3:::bucket/key'],
    ['arn:aws:cloudfront::123456789012:distribution/E2', 'arn:aws:cloudfront::123456789012:distribution/E2'],
    ['me@b.example and a::b', 'me@b.example and a::b'],
    ['at a\r\n\tat b\n\n', 'at a \tat b'],
    ['see https://a.example/x?X-Amz-Signature=abc now', '[line of 47 characters left out]'],
    ['go to https://user:pass@word@a.example/x.', '[line of 41 characters left out]'],
    [`https://user:${'a'.repeat(3000)}@b.example/`, '[line of 3,024 characters left out]'],
    ['key AKIAIOSFODNN7EXAMPLE.', '[line of 25 characters left out]'],
    ['first\n::error::x\nlast', 'first [line of 10 characters left out] last'],
    ['red \u001b[31m', '[line of 9 characters left out]'],
  ])('%j reads %s', (text, safe) => {
    expect(plain(text)).toBe(safe);
  });

  it('that is endless is cut at the ends of lines', () => {
    const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
    const shown = plainLines(lines.join('\n'));
    expect(shown.join('').length).toBeLessThan(4100);
    expect(shown.slice(0, -1)).toEqual(lines.slice(0, shown.length - 1));
    expect(shown.at(-1)).toBe(`[${(lines.length - shown.length + 1).toLocaleString('en-US')} more lines left out]`);
  });
});

describe('prose in a summary', () => {
  it.each([
    'Allow lambda:GetFunction on arn:aws:lambda:eu-west-1:123456789012:function:my_web to the role.',
    'Set build-platform, or use a runner of that architecture (ubuntu-24.04-arm).',
    'Allow ecr:GetAuthorizationToken on *, and ecr:PutImage.',
  ])('is %s', (text) => expect(isProse(text)).toBe(true));

  it.each([
    'Approve at www.evil.example/aws',
    'see https://evil.example',
    'mail ops@evil.example',
    '@everyone',
    'see #12',
    'GH-12',
    'commit 0a1b2c3d4e5f',
    ':tada:',
    '<b>x</b>',
    '&lt;',
    'a *b* c',
    '_x_',
    '$a$',
    '- a',
    '1. a',
    '[a](b)',
    '~~a~~',
    'a\\b',
  ])('is not %s', (text) => expect(isProse(text)).toBe(false));
});

describe('the address of a page', () => {
  it.each([
    ['https://a.example/news?page=2&q=x', 'https://a.example/news?…'],
    ['https://a.example/a%20b/gr%C3%B6%C3%9Fe', 'https://a.example/a b/größe'],
    ['https://a.example/100%', 'https://a.example/100%'],
    ['https://user:pass@a.example/x', 'https://a.example/x'],
    [`https://a.example/${'a'.repeat(3000)}`, '[line of 3,018 characters left out]'],
    ['https://a.example/%0A::error::', '[line of 28 characters left out]'],
  ])('%s reads %s', (text, safe) => {
    expect(plainPage(text)).toMatch(safe.startsWith('[') ? /left out\]/ : safe);
  });

  it('that is endless takes no time', () => {
    const began = performance.now();
    for (const junk of ['://', 'https://a@', 'https://?', '@', 'https://a?x', 'x-amz-']) {
      plain(junk.repeat(100_000));
      plain(`${junk.repeat(200).slice(0, 1900)}\n`.repeat(100));
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
