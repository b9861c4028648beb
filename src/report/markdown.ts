import { firstLines, leftOut, plainLines, printableLines } from '../plain.ts';

/**
 * GitHub hides a registered secret in the text of the summary, a line at a time and before anything is rendered
 * (actions/runner, CreateStepSummaryCommand). So nothing here is escaped: a text stands as it is where Markdown gives it
 * no meaning, or in code, or not at all.
 */

const longestBlock = 15_000;

/** Text of others: a code block, whose fence is longer than any in it. */
export function fence(text: string): string {
  const lines = firstLines(printableLines(text), longestBlock);
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map(({ length }) => length)));
  const mark = '`'.repeat(longest + 1);
  return [`${mark}text`, ...lines, mark].join('\n');
}

/** A short text of ours, with names in it, that may stand in a cell of a table. */
export function words(text: string): string {
  return isProse(text) ? text : code(text);
}

/** A sentence of ours; one with something in it that Markdown or GitHub would change stands in a block of its own. */
export function prose(text: string): string {
  return isProse(text) ? text : fence(text);
}

/** A name, in a cell of a table too: there a `|` ends the cell, even in code. */
export function code(text: string): string {
  if (text === '') {
    return '';
  }
  return /[`|\n]/.test(text) || plainLines(text).join('') !== text ? leftOut(text.length) : `\`${text}\``;
}

export function link(text: string, url: string): string {
  return `[${words(text)}](${encodeURI(url).replace(/[()]/g, encodeURIComponent)})`;
}

export function quote(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n');
}

export function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), row(head.map(() => '---')), ...rows].join('\n');
}

/** Cells are Markdown already. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** As many items as fit into some bytes of UTF-8, with a line that says how many do not. */
export function within<T>(
  most: number,
  items: readonly T[],
  toText: (item: T) => string,
): { texts: string[]; more: number } {
  let left = most;
  const texts: string[] = [];
  for (const item of items) {
    const text = toText(item);
    left -= Buffer.byteLength(text) + 2;
    if (left < 0) {
      break;
    }
    texts.push(text);
  }
  return { texts, more: items.length - texts.length };
}

/**
 * Whether GitHub shows a text as it stands: no mark of Markdown, no HTML, no formula, nothing that it makes a link, a
 * mention or an emoji of (https://github.github.com/gfm/).
 */
export function isProse(text: string): boolean {
  const bare = text.replace(/\barn:[a-z-]*:[\w:/.*-]+/g, 'arn');
  return (
    /^[\p{L}\d$][\p{L}\p{N} .,;:!?'"()%/=+$…→–·*_-]*$/u.test(text) &&
    !/^(?:\d+[.)]|[-+*]|=+) /.test(text) &&
    // An underscore within a word, one asterisk, or asterisks behind blanks are no emphasis.
    !/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/u.test(text) &&
    (text.indexOf('*') === text.lastIndexOf('*') || !/(?<! )\*/.test(text)) &&
    !/\$.*\$|:\/\/|www\.|:[a-z0-9_+-]+:|\bGH-\d|\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b/i.test(bare)
  );
}
