import { type Reduced, sharedPrefix, sortPaths, textAt } from './sorted-paths.ts';

export interface PathPlan {
  /** What to invalidate, sorted by code unit. */
  items: readonly string[];
  /** How many different items were asked for. */
  asked: number;
  /** The wildcards among the items that nobody asked for. */
  wildcards: readonly string[];
}

const everything = '/*';

/** CloudFront takes that many in one invalidation; see `wildcardsLeft` for those that were asked for. */
const mostWildcards = 15;

/**
 * The fewest items that clear all that is asked for: no duplicates, nothing that a wildcard clears already. Above
 * `maxItems`, paths are collapsed into wildcards that clear as little else as possible.
 *
 * Which other objects a site has is not known, so a wildcard is measured by its prefix: the fewer directories it names,
 * and then the fewer characters behind the last slash, the wider it is. The plan has the narrowest widest wildcard that
 * fits, then few of them, then the same for the next narrower ones. Tags cannot be collapsed; when they leave no room
 * for the paths, everything is cleared.
 *
 * Items are encoded, as `parsePath` returns them.
 */
export function planItems(asked: readonly string[], maxItems: number): PathPlan {
  const tags = new Set<string>();
  const reduced = sortPaths(asked, tags);
  const { texts, starts, distinct } = reduced;
  const plan = (items: string[], wildcards: string[]): PathPlan => ({
    items: items.sort(),
    asked: tags.size + distinct,
    wildcards: wildcards.sort(),
  });
  if (starts.length === 1 && textAt(texts, starts[0] ?? 0) === everything) {
    return plan([everything], []);
  }
  const room = maxItems - tags.size;
  if (room < Math.min(1, starts.length)) {
    return plan([everything], [everything]);
  }
  const groups = collapse(reduced, room);
  const wildcards = groups.map((group) => wildcardOf(texts, starts, group));
  if (wildcards.includes(everything)) {
    return plan([everything], [everything]);
  }
  const paths = Array.from(outside(groups, starts), (start) => textAt(texts, start));
  return plan([...tags, ...paths, ...wildcards], wildcards);
}

// ---- Groups of paths that one wildcard clears

/** Above the narrowness of every prefix. */
const narrowest = 0x7fff_ffff;

/** Neighbours in the sorted list, from `first` up to and without `end`. */
interface Group {
  first: number;
  end: number;
  /** How narrow the wildcard of the group is, see `narrowness`. */
  narrowness: number;
}

/** The groups that bring the list down to `room` items. */
function collapse({ starts, shared, askedWildcards }: Reduced, room: number): Group[] {
  const need = starts.length - room;
  const quota = (groups: readonly Group[]) => wildcardsLeft(askedWildcards, groups);
  const groups = need > 0 ? findGroups(shared, 0, need, quota) : undefined;
  return refine(shared, groups ?? [], need, quota);
}

/** How many more wildcards may be made beside these. Those that were asked for are no reason to collapse anything. */
function wildcardsLeft(askedWildcards: readonly number[], groups: readonly Group[]): number {
  const isCovered = (at: number) => groups.some(({ first, end }) => first <= at && at < end);
  const remaining = askedWildcards.filter((at) => !isCovered(at)).length;
  return Math.max(1, mostWildcards - remaining) - groups.length;
}

type Quota = (groups: readonly Group[]) => number;

/**
 * Groups that save `need` items, each narrower than `above`, or undefined if there are none. The widest is found first:
 * no plan can do without one so wide. Of those the largest is taken, because it leaves the least to do for the others;
 * another would do better, further down in the comparison, in about 2 of 1,000 lists of nine random paths.
 */
function findGroups(shared: Int32Array, above: number, need: number, quota: Quota): Group[] | undefined {
  const free = shared.slice();
  const steps = [...new Set(shared)].filter((one) => one > above).sort((a, b) => a - b);
  const groups: Group[] = [];
  let missing = need;
  while (missing > 0) {
    const slots = quota(groups);
    const last = lastIndexThat(steps, (step) => sum(largestGroups(free, step, slots).map(saving)) >= missing);
    const [group] = largestGroups(free, steps[last] ?? narrowest, 1, steps[last]);
    if (group === undefined) {
      return undefined;
    }
    groups.push(group);
    missing -= saving(group);
    free.fill(0, group.first + 1, group.end);
  }
  return groups;
}

/** Puts nothing, or narrower groups, in the place of a group wherever what the others save beyond need allows it. */
function refine(shared: Int32Array, groups: readonly Group[], need: number, quota: Quota): Group[] {
  const widestFirst = groups.toSorted((a, b) => a.narrowness - b.narrowness || a.first - b.first);
  for (const group of widestFirst) {
    const others = widestFirst.filter((one) => one !== group);
    const missing = need - sum(others.map(saving));
    const within = (inner: readonly Group[]) => inner.map((one) => moved(one, group.first));
    const own = shared.slice(group.first, group.end);
    const inner = findGroups(own, group.narrowness, missing, (found) => quota([...others, ...within(found)]));
    if (inner !== undefined && quota([...others, ...within(inner)]) >= 0) {
      return refine(shared, [...others, ...within(inner)], need, quota);
    }
  }
  return widestFirst;
}

function moved({ first, end, narrowness }: Group, by: number): Group {
  return { first: first + by, end: end + by, narrowness };
}

/**
 * The largest groups whose neighbours share at least `narrowness` with one another; with `widest`, only those that have
 * neighbours who share no more than that. Largest first, and as they stand in the list when they are equal.
 */
function largestGroups(shared: Int32Array, narrowness: number, most: number, widest = narrowest): Group[] {
  const largest: Group[] = [];
  for (let at = 1; at < shared.length; at += 1) {
    const first = at - 1;
    let least = narrowest;
    for (; at < shared.length && (shared[at] ?? 0) >= narrowness; at += 1) {
      least = Math.min(least, shared[at] ?? 0);
    }
    if (at - first > 1 && least <= widest) {
      insert(largest, { first, end: at, narrowness: least }, most);
    }
  }
  return largest;
}

function insert(largest: Group[], group: Group, most: number): void {
  const smaller = largest.findIndex((one) => saving(one) < saving(group));
  if (smaller !== -1) {
    largest.splice(smaller, 0, group);
  } else if (largest.length < most) {
    largest.push(group);
  }
  largest.length = Math.min(largest.length, most);
}

function saving({ first, end }: Group): number {
  return end - first - 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Bisects values that hold up to some index and not behind it; -1 when none does. */
function lastIndexThat(values: readonly number[], holds: (value: number) => boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(values[middle] ?? 0)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/** Where the paths start that are in no group. */
function outside(groups: readonly Group[], starts: Uint32Array): Uint32Array {
  const isCovered = new Uint8Array(starts.length);
  for (const { first, end } of groups) {
    isCovered.fill(1, first, end);
  }
  return starts.filter((_, at) => isCovered[at] === 0);
}

function wildcardOf(texts: Buffer, starts: Uint32Array, { first, end }: Group): string {
  const [a, b] = [starts[first] ?? 0, starts[end - 1] ?? 0];
  return `${sharedPrefix(texts, a, b)}*`;
}
