import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher } from '../../src/cloudfront/matcher.ts';
import { isTag, isWildcard, parsePath } from '../../src/cloudfront/paths.ts';
import { planItems } from '../../src/cloudfront/planner.ts';

const numbered = (count: number, path: (n: number) => string) => Array.from({ length: count }, (_, n) => path(n));

describe('a plan', () => {
  it.each([
    { name: 'nothing', asked: [], room: 1000, items: [] },
    { name: 'each path once', asked: ['/b', '/a', '/b'], room: 1000, items: ['/a', '/b'] },
    {
      name: 'no page below a wildcard, and no wildcard below a wildcard',
      asked: ['/blog/a', '/blog/*', '/blog/2024/*', '/blog', '/blog-roll'],
      room: 1000,
      items: ['/blog', '/blog-roll', '/blog/*'],
    },
    { name: 'what sorts before "*" below a wildcard', asked: ['/a*', '/a', '/a!x', '/a%20b'], room: 9, items: ['/a*'] },
    { name: 'nothing beside everything, not even a tag', asked: ['/a', '#news', '/*'], room: 1000, items: ['/*'] },
    {
      name: 'a page and the same page with a query',
      asked: ['/list?page=2', '/list', '/list?page=1'],
      room: 3,
      items: ['/list', '/list?page=1', '/list?page=2'],
    },
    {
      name: 'the queries of a page by one wildcard',
      asked: ['/about', '/list?page=2', '/list?page=1'],
      room: 2,
      items: ['/about', '/list?page=*'],
    },
    {
      name: 'many posts by one wildcard, and the few pages as they are',
      asked: ['/', '/about', ...numbered(40, (n) => `/blog/2024/post-${n}`)],
      room: 10,
      items: ['/', '/about', '/blog/2024/post-*'],
    },
    {
      name: 'two heavy directories by two wildcards, rather than by one for both',
      asked: [...numbered(30, (n) => `/de/news/${n}`), ...numbered(30, (n) => `/en/news/${n}`), '/de/', '/en/'],
      room: 4,
      items: ['/de/', '/de/news/*', '/en/', '/en/news/*'],
    },
    {
      name: 'index pages by the directory that they share',
      asked: ['/docs/a/index.html', '/docs/b/index.html', '/docs/c/index.html', '/index.html'],
      room: 2,
      items: ['/docs/*', '/index.html'],
    },
    {
      name: 'pictures by what their names begin with',
      asked: ['/img/a-1.png', '/img/a-2.png', '/img/b.png'],
      room: 2,
      items: ['/img/a-*', '/img/b.png'],
    },
    { name: 'two places by everything, when one item is all', asked: ['/a/1', '/b/1'], room: 1, items: ['/*'] },
    { name: 'one place by its wildcard, when one item is all', asked: ['/a/1', '/a/2'], room: 1, items: ['/a/*'] },
    { name: 'tags, which take room', asked: ['#t', '/a/1', '/a/2', '/b'], room: 3, items: ['#t', '/a/*', '/b'] },
    { name: 'everything, when tags leave no room', asked: ['#t', '#u', '/a/1'], room: 2, items: ['/*'] },
    { name: 'everything, when there are too many tags', asked: ['#t', '#u', '#v'], room: 2, items: ['/*'] },
    { name: 'tags alone', asked: ['#u', '#t', '#u'], room: 2, items: ['#t', '#u'] },
    {
      name: 'letters as a whole: ä and ö share no byte',
      asked: ['/x/%C3%A41', '/x/%C3%B62', '/y'],
      room: 2,
      items: ['/x/*', '/y'],
    },
    {
      name: 'escapes as a whole',
      asked: ['/x/a%201', '/x/a%212', '/y'],
      room: 2,
      items: ['/x/a*', '/y'],
    },
  ])('clears $name', ({ asked, room, items }) => {
    expect(planItems(asked, room).items).toEqual(items);
  });

  it('says how many different items were asked for, and which wildcards are its own', () => {
    const asked = ['/a/1', '/a/2', '/a/2', '/b/*', '/b/*', '/b/1', '/b/1', '#t', '#t'];
    expect(planItems(asked, 3)).toEqual({ items: ['#t', '/a/*', '/b/*'], asked: 5, wildcards: ['/a/*'] });
    expect(planItems(['/a/*', '/*'], 1)).toEqual({ items: ['/*'], asked: 2, wildcards: [] });
    expect(planItems(['/a', '/b'], 1)).toEqual({ items: ['/*'], asked: 2, wildcards: ['/*'] });
  });

  it('leaves wildcards as they were asked for, however many', () => {
    const asked = numbered(40, (n) => `/${n}/*`);
    expect(planItems(asked, 1000)).toEqual({ items: asked.toSorted(), asked: 40, wildcards: [] });
  });

  it('makes one wildcard beside more wildcards than a request may hold', () => {
    const wildcards = numbered(20, (n) => `/w${n}/*`);
    const asked = [...wildcards, ...numbered(10, (n) => `/a/${n}`), ...numbered(10, (n) => `/b/${n}`)];
    expect(planItems(asked, 31)).toMatchObject({ wildcards: ['/a/*'] });
  });

  it('has at most 15 wildcards, so that many small directories become one large one', () => {
    const asked = numbered(20, (n) => `/a/${n + 10}/x`).flatMap((path) => [`${path}1`, `${path}2`]);
    expect(planItems(asked, 25).wildcards).toHaveLength(15);
    expect(planItems(asked, 24).wildcards.length).toBeLessThanOrEqual(15);
  });
});

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', 'b-1', 'b-2', '%C3%A4', '%C3%B6', '%E3%81%82', '%20', 'a!', '+');
const path = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.constantFrom('', '', '', '/', '*', '/*', '?q=1', '?q=/2'))
  .map(([segments, end]) => `/${segments.join('/')}${end}`);
const tag = fc.constantFrom('#t', '#u', '#v/w');
const items = fc.array(fc.oneof({ arbitrary: path, weight: 12 }, { arbitrary: tag, weight: 1 }), { maxLength: 60 });
const maxItems = fc.integer({ min: 1, max: 40 });

/** How wide wildcards are, widest first: whole directories, then characters after the last slash. */
function widths(wildcards: readonly string[]): number[] {
  return wildcards
    .map((wildcard) => {
      const [beforeQuery = '', ...query] = wildcard.slice(0, -1).split('?');
      const segments = beforeQuery.split('/');
      return (segments.length - 1) * 1e4 + [segments.at(-1), ...query].join('?').length;
    })
    .sort((a, b) => a - b);
}

/** The widths of the best plan, found by trying every set of wildcards. */
function narrowestWidths(paths: readonly string[], most: number): number[] {
  const prefixes = [...new Set(paths.flatMap((a) => paths.filter((b) => a !== b).map((b) => commonPrefix(a, b))))];
  const plans: string[][] = [[]];
  for (const prefix of prefixes) {
    const apart = plans.filter((set) => !set.some((one) => one.startsWith(prefix) || prefix.startsWith(one)));
    plans.push(...apart.map((set) => [...set, prefix]));
  }
  return plans
    .filter((set) => set.length + paths.filter((one) => !set.some((prefix) => one.startsWith(prefix))).length <= most)
    .map((set) => widths(set.map((prefix) => `${prefix}*`)))
    .reduce((best, one) => (isNarrower(one, best) ? one : best), [0]);
}

function isNarrower(a: readonly number[], b: readonly number[]): boolean {
  const differs = a.findIndex((width, at) => width !== b[at]);
  return differs === -1 ? a.length < b.length : differs < b.length && (a[differs] ?? 0) > (b[differs] ?? 0);
}

function commonPrefix(a: string, b: string): string {
  let prefix = a;
  while (!(b.startsWith(prefix) && isWhole(prefix))) {
    prefix = prefix.slice(0, -1);
  }
  return prefix;
}

function isWhole(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

describe('every plan', () => {
  it('clears all that was asked for, and stays within the budget', () => {
    fc.assert(
      fc.property(items, maxItems, (asked, most) => {
        const plan = planItems(asked, most);
        const clears = createMatcher(plan.items);
        const isAll = plan.items.includes('/*');
        expect(asked.filter((item) => !(isTag(item) ? isAll || plan.items.includes(item) : clears(item)))).toEqual([]);
        expect(plan.items.length).toBeLessThanOrEqual(most);
        expect(plan.asked).toBe(new Set(asked).size);
      }),
    );
  });

  it('is sorted, and holds nothing that one of its wildcards clears', () => {
    fc.assert(
      fc.property(items, maxItems, (asked, most) => {
        const plan = planItems(asked, most);
        expect(plan.items).toEqual([...new Set(plan.items)].sort());
        for (const wildcard of plan.items.filter(isWildcard)) {
          const prefix = wildcard.slice(0, -1);
          expect(plan.items.filter((item) => item !== wildcard && item.startsWith(prefix))).toEqual([]);
        }
      }),
    );
  });

  it('is the same in any order, and for its own items', () => {
    fc.assert(
      fc.property(items, maxItems, fc.infiniteStream(fc.nat()), (asked, most, random) => {
        const plan = planItems(asked, most);
        const keys = new Map(asked.map((item, at) => [at, [random.next().value ?? 0, item] as const]));
        const shuffled = [...keys.values()].sort(([a], [b]) => a - b).map(([, item]) => item);
        expect(planItems(shuffled, most)).toEqual(plan);
        expect(planItems(plan.items, most)).toMatchObject({ items: plan.items, wildcards: [] });
      }),
    );
  });

  it('makes wildcards only above the budget, few enough, and such as CloudFront takes', () => {
    fc.assert(
      fc.property(items, maxItems, (asked, most) => {
        const { wildcards, items: planned } = planItems(asked, most);
        if (new Set(asked).size <= most) {
          expect(wildcards).toEqual([]);
        }
        const own = new Set(wildcards);
        const remaining = planned.filter((item) => isWildcard(item) && !own.has(item)).length;
        expect(wildcards.length).toBeLessThanOrEqual(Math.max(1, 15 - remaining));
        for (const wildcard of wildcards) {
          expect(parsePath(wildcard)).toEqual({ path: wildcard, widened: false });
          // Throws inside an escape and inside the bytes of a character.
          expect(() => decodeURIComponent(wildcard)).not.toThrow();
        }
      }),
    );
  });

  const few = fc.tuple(
    fc.uniqueArray(
      path.filter((one) => !isWildcard(one)),
      { minLength: 2, maxLength: 9 },
    ),
    fc.integer({ min: 1, max: 8 }),
  );

  it('has a widest wildcard as narrow as that of any plan', () => {
    fc.assert(
      fc.property(few, ([asked, most]) => {
        expect(widths(planItems(asked, most).wildcards)[0]).toBe(narrowestWidths(asked, most)[0]);
      }),
      { numRuns: 500 },
    );
  });

  it('is the best of all plans, or else one of a few in a thousand', () => {
    const worse = fc.sample(few, { seed: 1, numRuns: 2000 }).filter(([asked, most]) => {
      const own = widths(planItems(asked, most).wildcards);
      return isNarrower(narrowestWidths(asked, most), own);
    });
    expect(worse.length).toBeLessThanOrEqual(10);
  });
});
