import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher } from '../../src/cloudfront/matcher.ts';
import { isTag, isWildcard, parsePath, pathOfKey, pathVariants } from '../../src/cloudfront/paths.ts';

// Whole Unicode, lone surrogates, control characters, and what the rules are about.
const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const special = fc.constantFrom(
  '/',
  '*',
  '~',
  '%',
  '%7E',
  '%2f',
  '%c3',
  '#',
  '?',
  ',',
  '\\',
  ' ',
  '\n',
  '\0',
  '\ufffd',
);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.oneof(unit, special, fc.constantFrom('a', 'B', '1')) }),
);
const typed = fc.tuple(fc.constantFrom('', '/', '/dir/', '#'), texts).map((parts) => parts.join(''));
const runs = { numRuns: 2000 };

describe('a cache tag', () => {
  it.each([
    ['#Product-1', '#product-1'],
    ['##a', '##a'],
    ['#~%7E!', '#~%7e!'],
    [`#${'T'.repeat(256)}`, `#${'t'.repeat(256)}`],
  ])('%s is cleared as %s', (text, path) => {
    expect(parsePath(text)).toEqual({ path, widened: false });
  });

  it.each([
    ['#', 'must name a cache tag after "#"'],
    ['#a*', 'must not hold "*", because a cache tag has no wildcard'],
    ['#a,b', 'must be a cache tag of visible ASCII characters without ","'],
    ['#a b', 'must be a cache tag of visible ASCII characters without ","'],
    ['#ä', 'must be a cache tag of visible ASCII characters without ","'],
    [`#${'t'.repeat(257)}`, 'must be a cache tag of at most 256 characters, it has 257'],
  ])('is refused as %s', (text, problem) => {
    expect(parsePath(text)).toEqual({ problem });
  });
});

describe('a typed path', () => {
  it('is encoded once, however often, and is what CloudFront takes', () => {
    fc.assert(
      fc.property(typed, (text) => {
        const parsed = parsePath(text);
        if ('path' in parsed) {
          expect(parsed.path).toMatch(/^(\/[\x21-\x7e]{0,3999}|#[\x21-\x7e]{1,256})$/);
          expect(parsePath(parsed.path)).toEqual({ path: parsed.path, widened: false });
        } else {
          expect(parsed.problem).toMatch(/^(must|may) /);
        }
      }),
      runs,
    );
  });
});

describe('a key', () => {
  it.each([
    ['index.html', '/index.html'],
    ['', '/'],
    ['/a', '//a'],
    ['a b+c&d=e,f:g@h$i;j.html', '/a%20b+c&d=e,f:g@h$i;j.html'],
    ['100%.html', '/100%25.html'],
    ['a%20b', '/a%2520b'],
    ['a%7Eb', '/a%257Eb'],
    ['c#/why?.html', '/c%23/why%3F.html'],
    ['größe/日本😀', '/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%F0%9F%98%80'],
    ['"<>{}|\\^[]`', '/%22%3C%3E%7B%7D%7C%5C%5E%5B%5D%60'],
    ['line\nbreak\u007f', '/line%0Abreak%7F'],
  ])('%j is requested as %s', (key, path) => {
    expect(pathOfKey(key)).toEqual({ path, widened: false });
  });

  it.each([
    ['img/a~1.png', '/img/a*'],
    ['img/a*b.png', '/img/a*'],
    ['img/*~', '/img/*'],
    ['~', '/*'],
  ])('%s cannot be matched, so %s is cleared', (key, path) => {
    expect(pathOfKey(key)).toEqual({ path, widened: true });
  });

  it.each([
    ['a\ud800', 'must be valid Unicode'],
    ['a\ufffd', 'must be valid Unicode'],
    ['ü'.repeat(700), 'must be at most 4000 characters, it is 4201 encoded'],
  ])('is refused when no request can be known: %#', (key, problem) => {
    expect(pathOfKey(key)).toEqual({ problem });
  });

  it('is encoded for good, and stands for nothing but itself', () => {
    fc.assert(
      fc.property(texts, (key) => {
        const parsed = pathOfKey(key);
        if ('path' in parsed) {
          expect(parsePath(parsed.path)).toEqual({ path: parsed.path, widened: false });
          const exact = parsed.widened ? parsed.path.slice(0, -1) : parsed.path;
          expect(exact).not.toMatch(/[?#*~]/);
          expect(`/${key}`.startsWith(decodeURIComponent(exact))).toBe(true);
          expect(parsed.widened || decodeURIComponent(exact) === `/${key}`).toBe(true);
        }
      }),
      runs,
    );
  });
});

describe('variants', () => {
  it.each([
    ['/', ['/', '/index.html']],
    ['/index.html', ['/index.html', '/']],
    ['/docs/', ['/docs/', '/docs', '/docs/index.html']],
    ['/docs', ['/docs', '/docs/', '/docs/index.html']],
    ['/docs/index.html', ['/docs/index.html', '/docs/', '/docs']],
    ['/docs/*', ['/docs/*', '/docs']],
    ['/docs/v1.2', ['/docs/v1.2', '/docs/v1.2/', '/docs/v1.2/index.html']],
    ['/.well-known', ['/.well-known', '/.well-known/', '/.well-known/index.html']],
    ['/example.com/', ['/example.com/', '/example.com', '/example.com/index.html']],
    ['/a//', ['/a//', '/a//index.html']],
    ['/app.js', ['/app.js']],
    ['/video.MP4', ['/video.MP4']],
    ['/docs*', ['/docs*']],
    ['/*', ['/*']],
    ['/docs/?page=2', ['/docs/?page=2']],
    ['#tag/', ['#tag/']],
    [`/${'x'.repeat(3998)}`, [`/${'x'.repeat(3998)}`, `/${'x'.repeat(3998)}/`]],
  ])('of %s', (path, variants) => {
    expect(pathVariants(path)).toEqual(variants);
  });

  it('of a page are the same, whichever is named', () => {
    const names = fc.array(fc.stringMatching(/^[a-z0-9%-]{1,8}$/), { maxLength: 3 });
    fc.assert(
      fc.property(names, (segments) => {
        const all = pathVariants(`/${segments.join('/')}`);
        for (const variant of all) {
          expect(pathVariants(variant).sort()).toEqual(all.toSorted());
        }
      }),
    );
  });
});

it.each([
  ['/a', false, false],
  ['/a*', true, false],
  ['/*', true, false],
  ['#a', false, true],
])('%s: wildcard %s, tag %s', (item, wildcard, tag) => {
  expect(isWildcard(item)).toBe(wildcard);
  expect(isTag(item)).toBe(tag);
});

describe('an invalidation', () => {
  const clears = createMatcher(['/about', '/list?page=1', '/blog/*', '/blog/2024/*', '/img*', '#news']);
  it.each([
    ['/about', true],
    ['/about?ref=mail', true],
    ['/list?page=1', true],
    ['/blog/', true],
    ['/blog/2024/x?y', true],
    ['/blog/2025/x', true],
    ['/img', true],
    ['/images/a', false],
    ['/imgs/a', true],
    ['/About', false],
    ['/about/', false],
    ['/list', false],
    ['/list?page=10', false],
    ['/blog', false],
    ['/', false],
  ])('of some items clears %s: %s', (path, isCleared) => {
    expect(clears(path)).toBe(isCleared);
  });

  it('clears what any one of its items clears', () => {
    const path = fc.stringMatching(/^\/[ab!?/]{0,5}$/);
    const items = fc.array(fc.tuple(path, fc.constantFrom('', '*')).map((parts) => parts.join('')));
    fc.assert(
      fc.property(items, path, (all, asked) => {
        const isCleared = all.some((item) =>
          isWildcard(item) ? asked.startsWith(item.slice(0, -1)) : item === asked || item === asked.replace(/\?.*/, ''),
        );
        expect(createMatcher(all)(asked)).toBe(isCleared);
      }),
      runs,
    );
  });

  it('is matched without looking at every item', () => {
    const many = Array.from({ length: 3000 }, (_, n) => `/dir-${n}/*`);
    const clearsMany = createMatcher(many);
    const beganAt = performance.now();
    let cleared = 0;
    for (let n = 0; n < 50_000; n += 1) {
      cleared += clearsMany(`/dir-${n}/page?x`) ? 1 : 0;
    }
    expect(cleared).toBe(3000);
    expect(performance.now() - beganAt).toBeLessThan(300);
  });
});
