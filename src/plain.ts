/** Longer than any sentence of AWS; what is longer is data. */
const longestLine = 2000;
const mostCharacters = 4000;

const lineEnd = /\r\n|[\r\n]/;
/** Control characters (ESC too, but not the tab), line and paragraph separators, bidirectional overrides. */
const unprintable = /[^\P{Cc}\t]|[\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;
/**
 * The runner executes `::command::` at the start of a line, behind blanks, and `##[command]` anywhere in it
 * (actions/runner, ActionCommand.TryParseV2 and TryParse).
 */
const command = /^\s*::|##\[/;
/** The user of a URL, its query (that of a presigned one signs it), and what belongs to a signature or a key. */
const credential =
  /:\/\/[^\s/]*@|https?:\/\/[^\s?"']*\?[^\s"'…]|\bx-amz-[a-z-]{1,40}["']?\s?[:=]|\b(?:AKIA|ASIA)[A-Z0-9]{12}/i;

/**
 * Text that somebody else wrote, safe to print: one line, nothing the runner takes for a command, no password and no
 * query of a URL, no endless value.
 *
 * The runner hides a registered secret by finding its text, whole or line by line (actions/runner, SecretMasker). So a
 * line is printed as it is or not at all: one that was altered or cut could show what is left of a secret.
 */
export function plain(text: string, limit = longestLine): string {
  return plainLines(text, limit).join(' ').trim();
}

/** The same in lines, without empty ones, from the first to as many as fit. */
export function plainLines(text: string, limit = longestLine): string[] {
  const lines = wholeLines(text, (line) => line.length <= limit && isInert(line) && !credential.test(line)).filter(
    (line) => line.trim() !== '',
  );
  return firstLines(lines, mostCharacters);
}

/** As many as fit, whole, and how many do not. */
export function firstLines(lines: readonly string[], characters: number): string[] {
  let left = characters;
  const end = lines.findIndex((line) => {
    left -= line.length + 1;
    return left < 0;
  });
  return end === -1 ? [...lines] : [...lines.slice(0, end), `[${count(lines.length - end)} more lines left out]`];
}

/** A line the runner cannot take for a command, whatever stands in it; everything logged goes through here. */
export function inert(text: string): string {
  return wholeLines(text, isInert).join(' ');
}

/** Lines for an annotation, whose text the runner only prints. */
export function printable(text: string): string {
  return printableLines(text).join('\n');
}

export function printableLines(text: string): string[] {
  return wholeLines(text, (line) => !unprintable.test(line));
}

/** Each line of a text, or how long it is where it does not fit. */
export function wholeLines(text: string, isFit: (line: string) => boolean): string[] {
  return text.split(lineEnd).map((line) => (isFit(line) ? line : leftOut(line.length)));
}

export function leftOut(characters: number): string {
  return `[line of ${count(characters)} characters left out]`;
}

/**
 * The address of a page as people write it: decoded, because a secret in it is found only as it is, and without its
 * query, which may be a token.
 */
export function plainPage(href: string): string {
  const url = URL.parse(href);
  const query = url === null || url.search === '' ? '' : '?…';
  return url === null ? plain(href) : `${plain(`${url.origin}${decoded(url.pathname)}`)}${query}`;
}

/** A path as people write it; what cannot be decoded stays as it is. */
export function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function isInert(line: string): boolean {
  return !unprintable.test(line) && !command.test(line);
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
