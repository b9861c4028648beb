import picomatch from 'picomatch';
import { parsePath, pathOfKey } from './paths.ts';

/** Which path shows a file of the repository: `public/** -> /**`. */
export interface PathMapping {
  /** Matches a file, with a group for each wildcard. */
  pattern: RegExp;
  /** What stands for those groups in the glob: `*`, `**`, or a choice, which a path cannot name. */
  groups: readonly string[];
  /** The path in pieces, of which the `*` and `**` take what the glob's have matched. */
  pieces: readonly string[];
}

const arrow = /^(.*?\S)\s*->\s*(\S.*)$/;

/**
 * One line of `changed-files`. In the path, the first `**` takes what the first `**` of the glob matched, the second
 * that of the second, and `*` likewise. A `*` at the end that has no partner in the glob is CloudFront's wildcard.
 */
export function parseMapping(line: string): PathMapping | { problem: string } {
  const [, glob = '', path = ''] = arrow.exec(line) ?? [];
  if (glob === '') {
    return { problem: 'must be a glob, "->" and a path, such as public/** -> /**' };
  }
  const groups = glob.match(/\*{1,2}|\{[^}]*\}/g) ?? [];
  const pattern = patternOf(glob);
  if (pattern === undefined || groupCount(pattern) !== groups.length) {
    return { problem: 'must have a glob of *, **, ?, [...] and {a,b} only' };
  }
  const pieces = path.split(/(\*{1,2})/);
  const unmatched = unmatchedStars(pieces, groups);
  if (unmatched.length > 1 || (unmatched[0] !== undefined && !/[^*]\*$/.test(path))) {
    return { problem: 'must not have a "*" or "**" in its path that is not in its glob, but for one "*" at the end' };
  }
  const sample = parsePath(path.replace(/\*+/g, 'x'));
  return 'problem' in sample ? { problem: `has a path that ${sample.problem}` } : { pattern, groups, pieces };
}

/** The paths that show these files, as CloudFront matches them. */
export function pathsOfFiles(mappings: readonly PathMapping[], files: readonly string[]): string[] {
  return files.flatMap((file) =>
    mappings.flatMap((mapping) => {
      const match = mapping.pattern.exec(file);
      return match === null ? [] : [pathOfMatch(mapping, match.slice(1))];
    }),
  );
}

/** Every path that the mappings can name, for when it cannot be told which files changed. */
export function pathsOfAnyFile(mappings: readonly PathMapping[]): string[] {
  return mappings.map(({ pieces }) => (pieces.length === 1 ? encode(pieces.join('')) : encode(`${pieces[0]}*`)));
}

function patternOf(glob: string): RegExp | undefined {
  try {
    return /[()!+@\\]|\{[^}]*\{|\*{3}/.test(glob)
      ? undefined
      : picomatch.makeRe(glob, { capture: true, dot: true, literalBrackets: false });
  } catch {
    return undefined;
  }
}

function groupCount(pattern: RegExp): number {
  return (new RegExp(`${pattern.source}|`).exec('')?.length ?? 1) - 1;
}

function unmatchedStars(pieces: readonly string[], groups: readonly string[]): string[] {
  return ['*', '**'].flatMap((star) =>
    pieces.filter((piece) => piece === star).slice(groups.filter((group) => group === star).length),
  );
}

function pathOfMatch({ groups, pieces }: PathMapping, texts: readonly (string | undefined)[]): string {
  const matched = new Map(
    ['*', '**'].map((star) => [star, texts.filter((_, index) => groups[index] === star)] as const),
  );
  let path = '';
  for (const piece of pieces) {
    const texts = matched.get(piece);
    if (texts === undefined || texts.length === 0) {
      path += piece;
      continue;
    }
    const key = pathOfKey(texts.shift() ?? '');
    // A name that no path can match stands for everything that begins as the path did before it.
    const { path: part, widened } = 'problem' in key ? { path: '/*', widened: true } : key;
    path += part.slice(1);
    if (widened) {
      break;
    }
  }
  // A `**` that matched no directory leaves two slashes.
  return encode(path.replace(/\/{2,}/g, '/'));
}

/** Too long for CloudFront, or not a path at all, is everything that begins like it. */
function encode(text: string): string {
  const parsed = parsePath(text);
  return 'problem' in parsed ? '/*' : parsed.path;
}
