import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { isAbsolute, join, sep } from 'node:path';
import { DeployError } from '../errors.ts';
import { isOfGit } from '../file-glob.ts';
import { plain } from '../plain.ts';
import { identityOf } from './named-path.ts';

/** What goes into a zip; `path` is as in the zip, below the directory and with slashes. */
export type TreeEntry = FileEntry | LinkEntry;

export interface FileEntry {
  kind: 'file';
  path: string;
  bytes: number;
  isExecutable: boolean;
  /** Which file of the system it is. */
  identity: string;
}

interface LinkEntry {
  kind: 'link';
  path: string;
  target: string;
}

/** What else a directory can hold. */
type Found =
  | TreeEntry
  | { kind: 'directory'; path: string }
  | { kind: 'refused'; path: string; why: string }
  | { kind: 'left-out'; path: string };

export interface Tree {
  entries: TreeEntry[];
  /** What git keeps and what is excluded: files, and directories with everything in them. */
  leftOut: string[];
}

const mostNamed = 5;

/**
 * Everything below a directory, in the order of the bytes of the paths, which neither the file system nor the locale
 * has a say in. Links are not followed.
 *
 * Directories are no entries: git keeps no empty ones and neither do artifacts, so what an earlier build step left
 * behind or took away would change the bytes although the files are the same.
 */
export function readTree(root: string, isExcluded: (path: string) => boolean = () => false): Tree {
  const entries: TreeEntry[] = [];
  const leftOut: string[] = [];
  const refused: string[] = [];
  const directories = [''];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const found of readDirectory(root, directory, isExcluded)) {
      switch (found.kind) {
        case 'directory':
          directories.push(found.path);
          break;
        case 'refused':
          refused.push(`"${plain(found.path)}" ${found.why}`);
          break;
        case 'left-out':
          leftOut.push(found.path);
          break;
        default:
          entries.push(found);
      }
    }
  }
  refused.push(...faultsOfLinks(entries));
  if (refused.length > 0) {
    throw refusal(root, refused.sort());
  }
  return { entries: sortByBytes(entries), leftOut: leftOut.sort() };
}

/** How a message about a place in a directory begins. */
export function subjectOf(root: string, path: string): string {
  return path === '' ? `zip-file "${plain(root)}"` : `zip-file "${plain(root)}": "${plain(path)}"`;
}

/** Without waiting: many thousand small calls take ten times as long when each is waited for. */
function* readDirectory(
  root: string,
  directory: string,
  isExcluded: (path: string) => boolean,
): Generator<Found, void, undefined> {
  // As bytes: decoded, two names that are not UTF-8 could become one.
  for (const name of readdirSync(join(root, directory), { encoding: 'buffer' })) {
    const path = directory === '' ? name.toString() : `${directory}/${name}`;
    if (isOfGit(path) || isExcluded(path)) {
      yield { kind: 'left-out', path };
      continue;
    }
    const why = isUtf8(name) ? faultOfName(path) : 'has a name that is not UTF-8';
    const found: Found = why === undefined ? look(root, path) : { kind: 'refused', path, why };
    yield found.kind === 'directory' && isExcluded(`${path}/`) ? { kind: 'left-out', path } : found;
  }
}

function look(root: string, path: string): Found {
  const file = join(root, path);
  const stats = lstatSync(file);
  if (stats.isDirectory()) {
    return { kind: 'directory', path };
  }
  if (stats.isFile()) {
    return {
      kind: 'file',
      path,
      bytes: stats.size,
      isExecutable: (stats.mode & 0o111) !== 0,
      identity: identityOf(stats),
    };
  }
  if (stats.isSymbolicLink()) {
    const target = readlinkSync(file, { encoding: 'buffer' });
    return isUtf8(target)
      ? { kind: 'link', path, target: target.toString().split(sep).join('/') }
      : { kind: 'refused', path, why: 'is a link to a name that is not UTF-8' };
  }
  const what = stats.isFIFO() ? 'named pipe' : stats.isSocket() ? 'socket' : 'device';
  return { kind: 'refused', path, why: `is a ${what}, and a zip holds only files and links` };
}

/** What yazl's validateMetadataPath would turn into another name, or throw at. */
function faultOfName(path: string): string | undefined {
  if (path.includes('\\')) {
    return 'has a backslash in its name, which divides directories in a zip';
  }
  return /^[a-z]:/i.test(path) ? 'begins like a drive of Windows' : undefined;
}

/**
 * Links stay links, as with `zip --symlinks`: Lambda makes them links again
 * (https://github.com/terraform-aws-modules/terraform-aws-lambda/issues/596, and
 * https://github.com/aws/aws-sam-cli/issues/878, where SAM follows suit), and a copy of each target would multiply what
 * pnpm and shared libraries hold once. So a link must lead, through links that do, to something that is in the zip.
 */
function faultsOfLinks(entries: readonly TreeEntry[]): string[] {
  const held = new Map<string, TreeEntry | undefined>();
  for (const entry of entries) {
    held.set(entry.path, entry);
    for (let at = entry.path.lastIndexOf('/'); at > 0; at = entry.path.lastIndexOf('/', at - 1)) {
      held.set(entry.path.slice(0, at), undefined);
    }
  }
  return entries.flatMap((entry) => {
    const end = entry.kind === 'link' ? follow(entry, held) : [];
    return typeof end === 'string' && entry.kind === 'link'
      ? [`"${plain(entry.path)}" is a link to "${plain(entry.target)}", which ${end}`]
      : [];
  });
}

type Held = ReadonlyMap<string, TreeEntry | undefined>;

/** As many as Linux follows. */
const mostLinks = 40;

/**
 * The place a link leads to, or what is wrong with it. Walks the way a kernel does, but in the zip: on the runner, a way
 * out of the directory and in again would work.
 */
function follow(link: LinkEntry, held: Held, budget = { links: mostLinks }): string[] | string {
  budget.links -= 1;
  if (budget.links < 0) {
    return 'leads round in circles';
  }
  let at: string[] | string = isAbsolute(link.target)
    ? 'leads out of the directory'
    : link.path.split('/').slice(0, -1);
  for (const step of link.target.split('/').filter((name) => name !== '' && name !== '.')) {
    if (typeof at === 'string') {
      return at;
    }
    at = takeStep(at, step, held, budget);
  }
  return at;
}

function takeStep(at: readonly string[], step: string, held: Held, budget: { links: number }): string[] | string {
  if (held.get(at.join('/'))?.kind === 'file') {
    return 'leads to nothing that is in the zip';
  }
  if (step === '..') {
    return at.length === 0 ? 'leads out of the directory' : at.slice(0, -1);
  }
  const next = [...at, step];
  const path = next.join('/');
  if (!held.has(path)) {
    return 'leads to nothing that is in the zip';
  }
  const entry = held.get(path);
  return entry?.kind === 'link' ? follow(entry, held, budget) : next;
}

function refusal(root: string, refused: readonly string[]): DeployError {
  const more = refused.length > mostNamed ? `; and ${refused.length - mostNamed} more` : '';
  return new DeployError(
    'invalid-input',
    `zip-file "${plain(root)}" holds what cannot go into a zip for Lambda: ${refused.slice(0, mostNamed).join('; ')}${more}.`,
    {
      hint: 'Remove it, or build into a directory of its own; cp -rL copies what links lead to (for npm workspaces: npm install --install-links). A .zip of your own making is taken as it is.',
    },
  );
}

function sortByBytes(entries: readonly TreeEntry[]): TreeEntry[] {
  return entries
    .map((entry) => ({ entry, bytes: Buffer.from(entry.path) }))
    .sort((one, other) => Buffer.compare(one.bytes, other.bytes))
    .map(({ entry }) => entry);
}
