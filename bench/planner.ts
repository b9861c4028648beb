/** Plans as many paths as its argument says when it is run by itself. */
import { execFileSync } from 'node:child_process';
import { planItems } from '../src/cloudfront/planner.ts';
import type { Figure } from './figure.ts';
import { median } from './statistics.ts';

const RUNS = 3;
const MANY = 1_000_000;
const FEW = 100_000;
const MOST_ITEMS = 1000;

interface Run {
  seconds: number;
  peakMb: number;
}

/** How long a very large release takes to plan, and what memory; each run is a process of its own. */
export async function measurePlanner(): Promise<Figure[]> {
  const many = Array.from({ length: RUNS }, () => planInProcess(MANY));
  const few = Array.from({ length: RUNS }, () => planInProcess(FEW));
  const seconds = median(many.map((run) => run.seconds));
  const growth = seconds / median(few.map((run) => run.seconds));
  const peakMb = Math.max(...many.map((run) => run.peakMb));
  const name = `planner: ${MANY.toLocaleString('en')} paths`;
  return [
    { name: `${name} planned`, value: seconds, unit: 's', n: RUNS, goal: { atMost: 2 } },
    { name: `${name}, peak resident`, value: peakMb, unit: 'MB', n: RUNS, goal: { below: 600 } },
    {
      name: `${name}, time beside ${FEW.toLocaleString('en')}`,
      value: growth,
      unit: 'x',
      n: RUNS,
      goal: { atMost: 13 },
    },
  ];
}

function planInProcess(count: number): Run {
  return JSON.parse(execFileSync(process.execPath, [import.meta.filename, String(count)], { encoding: 'utf8' }));
}

function plan(count: number): Run {
  const paths = shuffledPaths(count);
  const beganAt = performance.now();
  const { asked, items } = planItems(paths, MOST_ITEMS);
  const seconds = (performance.now() - beganAt) / 1000;
  if (asked !== count || items.length > MOST_ITEMS) {
    throw new Error(`${asked} paths became ${items.length} items.`);
  }
  return { seconds, peakMb: (process.resourceUsage().maxRSS * 1024) / 1e6 };
}

/** Paths of a large site: a few pages, posts by date, products, pictures in sizes, builds with hashes; 1 in 50 long. */
function shuffledPaths(count: number): string[] {
  const random = randomNumbers(1);
  const below = (limit: number) => Math.floor(random() * limit);
  const shapes = [
    (n: number) => `/${languages[below(4)]}/blog/${2005 + below(20)}/${1 + below(12)}/post-${n}/`,
    (n: number) => `/${languages[below(4)]}/products/${departments[below(6)]}/${below(400)}/item-${n}.html`,
    (n: number) => `/images/${below(256).toString(16)}/${n.toString(36)}-${sizes[below(3)]}.jpg`,
    (n: number) => `/assets/${departments[below(6)]}/chunk.${n.toString(16).padStart(8, '0')}.js`,
    (n: number) => `/forum/t/${below(5000)}/${n}?page=${1 + below(9)}`,
    (n: number) => `/page-${n}`,
  ];
  // The last shape is rare: most pages of a large site are in directories.
  const paths = Array.from({ length: count }, (_, n) => {
    const shape = shapes[n % 200 === 0 ? 5 : below(5)];
    const path = `${shape?.(n)}${n % 50 === 0 ? '-and-more'.repeat(30) : ''}`;
    // One flat string, as a path is that was read from a file.
    return Buffer.from(path).toString('latin1');
  });
  for (let at = count - 1; at > 0; at -= 1) {
    const other = below(at + 1);
    [paths[at], paths[other]] = [paths[other] ?? '', paths[at] ?? ''];
  }
  return paths;
}

const languages = ['de', 'en', 'fr', 'ja'];
const departments = ['books', 'garden', 'kitchen', 'music', 'sports', 'toys'];
const sizes = ['small', 'medium', 'large'];

/** The same numbers from the same seed (a linear congruential generator). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(plan(Number(process.argv[2]))));
}
