/**
 * What a sitemap lists (https://www.sitemaps.org/protocol.html), read in one pass.
 *
 * By hand, although there are XML parsers: the best of those for Node builds a tree, which for a sitemap of 50 MB took
 * 7 s and 800 MB (fast-xml-parser 5.12), and is 87 kB of bundle. This takes what it needs and no entity of the document's
 * own, so none can blow up.
 */
export type SitemapKind = 'pages' | 'sitemaps';
type Take = (location: string, kind: SitemapKind) => boolean;

/**
 * Calls `take` with each location, in order, until it returns false. A problem is why the text is no sitemap, or that it
 * is broken off; what was taken by then may be half of it.
 */
export function readSitemap(text: string, take: Take): { problem: string } | undefined {
  return /^\s*</.test(text.slice(0, 1000)) ? readXml(text, take) : readLines(text, take);
}

/** A little above what `parsePageUrl` takes, so that it refuses what is longer. */
const longestLocation = 8100;

function readLines(text: string, take: Take): { problem: string } | undefined {
  let isEmpty = true;
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    const line = text.slice(at, Math.min(end, at + longestLocation)).trim();
    at = end + 1;
    if (line === '') {
      continue;
    }
    if (isEmpty && !/^https?:\/\//i.test(line)) {
      return { problem: 'it is neither XML nor a list of URLs' };
    }
    isEmpty = false;
    if (!take(line, 'pages')) {
      return undefined;
    }
  }
  return isEmpty ? { problem: 'it is empty' } : undefined;
}

const deepest = 100;
const brokenOff = { problem: 'it is XML that is broken off or not well-formed' };

function readXml(text: string, take: Take): { problem: string } | undefined {
  const tree = walkTree(take);
  for (const token of tokensOf(text)) {
    const end = tree.enter(token);
    if (end !== undefined) {
      return end === 'enough' ? undefined : end;
    }
  }
  return tree.isWhole() ? undefined : brokenOff;
}

/** Follows where in the tree we are, and gathers the text of each location. */
function walkTree(take: Take) {
  const open: string[] = [];
  let root: Root | undefined;
  let location: string | undefined;

  const enterElement = (name: string) => {
    root ??= rootOf(name);
    if (root === undefined) {
      return { problem: 'it is neither a urlset nor a sitemapindex' };
    }
    location = open.length === 2 && open[1] === root.entry && name === root.loc ? '' : undefined;
    return open.push(name) > deepest ? brokenOff : undefined;
  };
  const leaveElement = (name: string) => {
    const found = location;
    location = undefined;
    if (open.pop() !== name) {
      return brokenOff;
    }
    return found === undefined || take(found.trim(), root?.kind ?? 'pages') ? undefined : 'enough';
  };
  return {
    enter(token: Token): { problem: string } | 'enough' | undefined {
      switch (token.kind) {
        case 'text':
          location = location?.concat(token.isRaw ? token.text : decodeEntities(token.text)).slice(0, longestLocation);
          return undefined;
        case 'open':
          return enterElement(token.name);
        case 'close':
          return leaveElement(token.name);
        case 'broken':
          return brokenOff;
      }
    },
    isWhole: () => root !== undefined && open.length === 0,
  };
}

interface Root {
  kind: SitemapKind;
  entry: string;
  loc: string;
}

/** With the prefix of the root: an `image:loc` is the location of something else. */
function rootOf(name: string): Root | undefined {
  const [, prefix = '', local = ''] = /^([^:]{0,40}:)?(urlset|sitemapindex)$/.exec(name) ?? [];
  const loc = `${prefix}loc`;
  if (local === 'urlset') {
    return { kind: 'pages', entry: `${prefix}url`, loc };
  }
  return local === 'sitemapindex' ? { kind: 'sitemaps', entry: `${prefix}sitemap`, loc } : undefined;
}

type Token =
  | { kind: 'text'; text: string; isRaw: boolean }
  | { kind: 'open' | 'close'; name: string }
  | { kind: 'broken' };

/** Comments, processing instructions and the document type are passed over; attributes too. */
function* tokensOf(text: string): Generator<Token> {
  for (let at = 0; ; ) {
    const start = text.indexOf('<', at);
    if (start === -1) {
      return;
    }
    yield { kind: 'text', text: text.slice(at, start), isRaw: false };
    const end = markupEnd(text, start);
    if (end === -1) {
      yield { kind: 'broken' };
      return;
    }
    yield* markupTokens(text.slice(start, end));
    at = end;
  }
}

function* markupTokens(markup: string): Generator<Token> {
  if (markup.startsWith('<![CDATA[')) {
    yield { kind: 'text', text: markup.slice(9, -3), isRaw: true };
  } else if (markup.startsWith('</')) {
    yield { kind: 'close', name: markup.slice(2, -1).trimEnd() };
  } else if (markup[1] !== '!' && markup[1] !== '?') {
    const name = /^<([^\s/<>"'=]{1,200})/.exec(markup)?.[1];
    if (name === undefined) {
      yield { kind: 'broken' };
      return;
    }
    yield { kind: 'open', name };
    if (markup.endsWith('/>')) {
      yield { kind: 'close', name };
    }
  }
}

/** Where a tag, a comment or the like is over; -1 when it never is. */
function markupEnd(text: string, start: number): number {
  for (const [begin, end] of sections) {
    if (text.startsWith(begin, start)) {
      const at = text.indexOf(end, start + begin.length);
      return at === -1 ? -1 : at + end.length;
    }
  }
  if (text.startsWith('<!', start)) {
    const [, subset = ''] = /^<!DOCTYPE[^>[]{0,1000}(\[)?/i.exec(text.slice(start, start + 1100)) ?? [];
    const at = text.indexOf('>', subset === '' ? start : text.indexOf(']', start));
    return at + 1 || -1;
  }
  return tagEnd(text, start);
}

const sections = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const;

/** A `>` in the value of an attribute is no end. */
function tagEnd(text: string, start: number): number {
  for (let from = start; ; ) {
    const end = text.indexOf('>', from);
    const quote = firstQuote(text, from, end);
    if (quote === -1) {
      return end + 1 || -1;
    }
    from = text.indexOf(text[quote] ?? '', quote + 1) + 1;
    if (from === 0) {
      return -1;
    }
  }
}

function firstQuote(text: string, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    if (text[at] === '"' || text[at] === "'") {
      return at;
    }
  }
  return -1;
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The five of XML and numbers; whatever else a document calls an entity stays as it stands. */
function decodeEntities(text: string): string {
  return text.includes('&')
    ? text.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));/gi, (whole, name, decimal, hex) => {
        const number = decimal === undefined ? Number.parseInt(hex ?? '0', 16) : Number(decimal);
        return named[name?.toLowerCase()] ?? (number > 0 && number <= 0x10ffff ? String.fromCodePoint(number) : whole);
      })
    : text;
}
