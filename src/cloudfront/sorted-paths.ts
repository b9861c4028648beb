import { isTag } from './paths.ts';

const percent = 0x25;
const slash = 0x2f;
const questionMark = 0x3f;
const star = 0x2a;
/** In the place of a last `*`, and behind every text: so a wildcard comes right before all that it clears. */
const starMark = 1;
const endMark = 2;

/** What was asked for, sorted, without what is there twice or cleared by a wildcard already; tags are put aside. */
export function sortPaths(asked: readonly string[], tags: Set<string>): Reduced {
  const packed = pack(asked, tags);
  sort(packed);
  return reduce(packed);
}

/**
 * Texts one behind the other, and where each starts. Bytes, because sorting a million strings takes longer than
 * everything else together.
 */
interface Packed {
  texts: Buffer;
  starts: Uint32Array;
  /** Where the wildcards start. */
  wildcards: ReadonlySet<number>;
}

/** Packs the paths and wildcards, and puts the tags aside. */
function pack(items: readonly string[], tags: Set<string>): Packed {
  const texts = Buffer.allocUnsafeSlow(items.reduce((total, item) => total + item.length + 1, 0));
  const starts = new Uint32Array(items.length);
  const wildcards = new Set<number>();
  let count = 0;
  let end = 0;
  for (const item of items) {
    if (isTag(item)) {
      tags.add(item);
      continue;
    }
    starts[count] = end;
    count += 1;
    end += texts.write(item, end, 'latin1') + 1;
    texts[end - 1] = endMark;
    if (texts[end - 2] === star) {
      texts[end - 2] = starMark;
      wildcards.add(starts[count - 1] ?? 0);
    }
  }
  return { texts, starts: starts.subarray(0, count), wildcards };
}

/** What is left of a sorted list when each text stands there once, without those that a wildcard clears. */
export interface Reduced {
  texts: Buffer;
  starts: Uint32Array;
  /** For each text the narrowness of a wildcard for it and the one before it, 0 for the first. */
  shared: Int32Array;
  /** Which texts are wildcards. */
  askedWildcards: readonly number[];
  /** How many there were when each stood there once. */
  distinct: number;
}

function reduce({ texts, starts, wildcards }: Packed): Reduced {
  const shared = new Int32Array(starts.length);
  const askedWildcards: number[] = [];
  let distinct = 0;
  let kept = 0;
  let previous = 0;
  for (const start of starts) {
    const last = starts[kept - 1] ?? 0;
    const common = kept === 0 ? 0 : commonLength(texts, last, start);
    const isCleared = kept > 0 && texts[last + common] === starMark;
    const isRepeated = isCleared ? isSame(texts, previous, start) : kept > 0 && texts[start + common] === endMark;
    previous = start;
    distinct += isRepeated ? 0 : 1;
    if (isRepeated || isCleared) {
      continue;
    }
    shared[kept] = narrowness(texts, start, start + wholeCharacters(texts, start, common));
    starts[kept] = start;
    if (wildcards.has(start)) {
      askedWildcards.push(kept);
    }
    kept += 1;
  }
  return { texts, starts: starts.subarray(0, kept), shared: shared.subarray(0, kept), askedWildcards, distinct };
}

export function textAt(texts: Buffer, start: number): string {
  const end = texts.indexOf(endMark, start);
  const isWildcardHere = texts[end - 1] === starMark;
  return isWildcardHere ? `${texts.toString('latin1', start, end - 1)}*` : texts.toString('latin1', start, end);
}

function commonLength(texts: Buffer, a: number, b: number): number {
  let length = 0;
  while (texts[a + length] === texts[b + length] && texts[a + length] !== endMark) {
    length += 1;
  }
  return length;
}

function isSame(texts: Buffer, a: number, b: number): boolean {
  const length = commonLength(texts, a, b);
  return texts[a + length] === texts[b + length];
}

/** As many characters of 7 bits as a number holds exactly. */
const charactersAtOnce = 7;

/** A three-way radix quicksort (Bentley and Sedgewick, 1997), of several characters at once. */
function sort({ texts, starts }: Packed): void {
  const keys = new Float64Array(starts.length);
  // Four numbers a range, because there is a range for almost every text. In a range all texts are equal up to a depth;
  // the last number is 1 when their keys at that depth have been read.
  const todo = [0, starts.length, 0, 0];
  while (todo.length > 0) {
    const isRead = todo.pop() === 1;
    const depth = todo.pop() ?? 0;
    const end = todo.pop() ?? 0;
    const first = todo.pop() ?? 0;
    if (end - first < 2) {
      continue;
    }
    for (let at = first; at < end && !isRead; at += 1) {
      keys[at] = keyAt(texts, (starts[at] ?? 0) + depth);
    }
    const pivot = medianOf(keys[first] ?? 0, keys[(first + end) >>> 1] ?? 0, keys[end - 1] ?? 0);
    const [low, high] = partition(keys, starts, first, end, pivot);
    todo.push(first, low, depth, 1, high, end, depth, 1);
    // A text that ends within a key is followed by 0, and what is equal then is the same text.
    if (pivot % 128 > endMark) {
      todo.push(low, high, depth + charactersAtOnce, 0);
    }
  }
}

function keyAt(texts: Buffer, from: number): number {
  const limit = from + charactersAtOnce;
  let key = 0;
  let at = from;
  for (let byte = 0; at < limit && byte !== endMark; at += 1) {
    byte = texts[at] ?? 0;
    key = key * 128 + byte;
  }
  for (; at < limit; at += 1) {
    key *= 128;
  }
  return key;
}

function medianOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

/** Moves keys, and the starts beside them, so that those below the pivot come first and those above it last. */
function partition(
  keys: Float64Array,
  starts: Uint32Array,
  first: number,
  end: number,
  pivot: number,
): [number, number] {
  let low = first;
  let high = end;
  for (let at = first; at < high; ) {
    const key = keys[at] ?? 0;
    if (key < pivot) {
      swap(keys, starts, at, low);
      low += 1;
      at += 1;
    } else if (key > pivot) {
      high -= 1;
      swap(keys, starts, at, high);
    } else {
      at += 1;
    }
  }
  return [low, high];
}

function swap(keys: Float64Array, starts: Uint32Array, a: number, b: number): void {
  const [key, start] = [keys[a] ?? 0, starts[a] ?? 0];
  keys[a] = keys[b] ?? 0;
  starts[a] = starts[b] ?? 0;
  keys[b] = key;
  starts[b] = start;
}

// ---- How wide the prefix of two neighbours is

/** One number to compare prefixes by: whole directories first, then characters after the last slash. */
function narrowness(texts: Buffer, start: number, end: number): number {
  let directories = 0;
  let name = start;
  for (let at = start; at < end && texts[at] !== questionMark; at += 1) {
    if (texts[at] === slash) {
      directories += 1;
      name = at + 1;
    }
  }
  return directories * 0x1_0000 + end - name;
}

/** The longest prefix that two paths share and that a wildcard may have. */
export function sharedPrefix(texts: Buffer, a: number, b: number): string {
  return texts.toString('latin1', a, a + wholeCharacters(texts, a, commonLength(texts, a, b)));
}

/**
 * How much of a prefix ends neither inside an escape nor inside the escapes of one UTF-8 character: `/%C3%A4` and
 * `/%C3%B6` share `/`. It depends on the prefix alone, so that what a group shares is the least its neighbours share.
 */
function wholeCharacters(texts: Buffer, start: number, length: number): number {
  let end = start + length;
  if (texts[end - 1] === percent) {
    end -= 1;
  } else if (texts[end - 2] === percent) {
    end -= 2;
  }
  let lead = end - 3;
  while (lead > end - 12 && escapedByte(texts, lead) >> 6 === 0b10) {
    lead -= 3;
  }
  const follow = (end - lead) / 3 - 1;
  return (follow < bytesAfter(escapedByte(texts, lead)) ? lead : end) - start;
}

/** The byte that an escape stands for, or -1 where there is none. */
function escapedByte(texts: Buffer, at: number): number {
  return texts[at] === percent ? Number.parseInt(texts.toString('latin1', at + 1, at + 3), 16) : -1;
}

/** How many bytes follow the first one of a UTF-8 character. */
function bytesAfter(lead: number): number {
  if (lead >= 0xf0) {
    return 3;
  }
  if (lead >= 0xe0) {
    return 2;
  }
  return lead >= 0xc0 ? 1 : 0;
}
