import { isUtf8 } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { problemOfName } from '../assets/keys.ts';
import { type Part, partsOf } from '../assets/parts.ts';
import { DeployError } from '../errors.ts';
import { isOfGit } from '../file-glob.ts';
import { plain } from '../plain.ts';
import type { AssetFile, Fingerprint } from '../world.ts';
import { namedPath, reading } from './file-pieces.ts';
import { identityOf, isInside, openFlags, openFound } from './named-path.ts';

const mostNamed = 5;
/** Read at once and without waiting: a read of some kilobytes is over sooner than the way to the thread pool and back. */
const smallBytes = 262_144;
/** Small, because each one that goes out is a sign of life of a slow line. */
const pieceBytes = 65_536;

interface Place {
  /** Below the directory; empty for itself. */
  path: string;
  real: string;
  /** The real directories that lead here, this one too. */
  trail: readonly string[];
}

type Found = { file: AssetFile } | { directory: Place } | { refused: string };
type IsExcluded = (path: string) => boolean;

/**
 * Every file below a directory. An object cannot be a link, so links are followed, as long as they stay in the directory:
 * what they lead to becomes public. What is excluded is not even looked at.
 */
export function findAssets(directory: string, isExcluded: IsExcluded = () => false): AssetFile[] {
  const subject = `assets-dir "${plain(directory)}"`;
  const root = namedPath(subject, directory);
  if (!statSync(root).isDirectory()) {
    throw new DeployError('invalid-input', `${subject} is no directory.`, {
      hint: 'Give the directory into which the build puts the static files.',
    });
  }
  const files: AssetFile[] = [];
  const refused: string[] = [];
  const places: Place[] = [{ path: '', real: root, trail: [root] }];
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    for (const found of readPlace(root, place, subject, isExcluded)) {
      if ('file' in found) {
        files.push(found.file);
      } else if ('directory' in found) {
        places.push(found.directory);
      } else {
        refused.push(found.refused);
      }
    }
  }
  if (refused.length > 0) {
    throw refusal(subject, refused.sort());
  }
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

function* readPlace(
  root: string,
  place: Place,
  subject: string,
  isExcluded: IsExcluded,
): Generator<Found, void, undefined> {
  // As bytes: decoded, two names that are not UTF-8 could become one.
  for (const bytes of reading(subject, () => readdirSync(place.real, { encoding: 'buffer' }))) {
    const name = bytes.toString();
    const path = place.path === '' ? name : `${place.path}/${name}`;
    if (isOfGit(path) || isExcluded(path)) {
      continue;
    }
    const problem = isUtf8(bytes) ? problemOfName(name) : 'has a name that is not UTF-8';
    const found = problem ?? look(root, place, path, join(place.real, name));
    if (typeof found !== 'string' && 'directory' in found && isExcluded(`${path}/`)) {
      continue;
    }
    yield typeof found === 'string' ? { refused: `"${plain(path)}" ${found}` } : found;
  }
}

/** What is there, or what is wrong with it. */
function look(root: string, { trail }: Place, path: string, at: string): Found | string {
  const stats = lstatSync(at);
  if (!stats.isSymbolicLink()) {
    return sort(path, at, stats, trail);
  }
  let real: string;
  try {
    real = realpathSync(at);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ELOOP'
      ? 'is a link that leads round in circles'
      : 'is a link that leads to nothing';
  }
  if (!isInside(real, root)) {
    return 'is a link that leads out of the directory';
  }
  return trail.some((above) => isInside(above, real))
    ? 'is a link that leads round in circles'
    : sort(path, real, statSync(real), trail);
}

function sort(path: string, real: string, stats: Stats, trail: readonly string[]): Found | string {
  if (stats.isDirectory()) {
    return { directory: { path, real, trail: [...trail, real] } };
  }
  if (stats.isFile()) {
    return { file: { path, file: real, bytes: stats.size, modifiedMs: stats.mtimeMs, identity: identityOf(stats) } };
  }
  const what = stats.isFIFO() ? 'named pipe' : stats.isSocket() ? 'socket' : 'device';
  return `is a ${what}, and only files can be uploaded`;
}

function refusal(subject: string, refused: readonly string[]): DeployError {
  const more = refused.length > mostNamed ? `; and ${refused.length - mostNamed} more` : '';
  return new DeployError(
    'invalid-input',
    `${subject} holds what cannot be uploaded: ${refused.slice(0, mostNamed).join('; ')}${more}.`,
    { hint: 'Rename or remove it, or build into a directory of its own. Nothing was uploaded.' },
  );
}

const mostManifest = 16 * 1_048_576;

/** The text of a small file; undefined when it is too long, or not as it was found. */
export function readText(file: AssetFile): string | undefined {
  return file.bytes > mostManifest ? undefined : readSmall(file).toString();
}

/** MD5, because that is what the ETags in a listing are; it tells files apart, it protects nothing. */
export async function fingerprint(file: AssetFile): Promise<Fingerprint> {
  await breathe();
  const parts: Buffer[] = [];
  for (const part of partsOf(file.bytes)) {
    parts.push(await md5(file, part));
  }
  const [only, ...others] = parts;
  const etag =
    only !== undefined && others.length === 0
      ? only.toString('hex')
      : `${hash('md5', Buffer.concat(parts), 'hex')}-${parts.length}`;
  return { etag, parts: parts.map((part) => part.toString('base64')) };
}

let readInARow = 0;

/** Small files are read without waiting; now and then a cancel and a sign of life must come through. */
async function breathe(): Promise<void> {
  readInARow += 1;
  if (readInARow % 64 === 0) {
    await setImmediate();
  }
}

async function md5(file: AssetFile, part: Part): Promise<Buffer> {
  const body = readPart(file, part);
  if (Buffer.isBuffer(body)) {
    return hash('md5', body, 'buffer');
  }
  const sum = createHash('md5');
  for await (const piece of body) {
    sum.update(piece);
  }
  return sum.digest();
}

/** The bytes of a part; an error when the file is not the one that was found. */
export function readPart(file: AssetFile, part: Part): Buffer | Readable {
  return file.bytes <= smallBytes ? readSmall(file) : Readable.from(readPieces(file, part), { objectMode: false });
}

function readSmall(file: AssetFile): Buffer {
  const descriptor = openAsFound(file);
  try {
    const bytes = reading(`"${plain(file.path)}"`, () => readFileSync(descriptor));
    // After reading: what was written meanwhile shows, too.
    checkUnchanged(file, fstatSync(descriptor));
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** The file that was found, not what may have come in its place: a link to a secret, or a pipe that never ends. */
function openAsFound(file: AssetFile): number {
  const descriptor = reading(`"${plain(file.path)}"`, () => openFound(file.file, file.identity));
  if (descriptor === undefined) {
    throw changed(file);
  }
  return descriptor;
}

async function* readPieces(file: AssetFile, { start, end }: Part): AsyncGenerator<Buffer, void, undefined> {
  const handle = await openHandle(file);
  try {
    checkUnchanged(file, await handle.stat());
    const pieces = handle.createReadStream({ start, end: end - 1, autoClose: false, highWaterMark: pieceBytes });
    let read = 0;
    for await (const piece of pieces) {
      read += piece.length;
      if (read === end - start) {
        // Before the last bytes, so that S3 never has all of a file that is half old and half new.
        checkUnchanged(file, await handle.stat());
      }
      yield piece;
    }
    if (read < end - start) {
      throw changed(file);
    }
  } finally {
    await handle.close();
  }
}

async function openHandle(file: AssetFile): Promise<FileHandle> {
  try {
    return await open(file.file, openFlags);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ELOOP' ? changed(file) : error;
  }
}

function checkUnchanged(file: AssetFile, stats: Stats): void {
  if (stats.size !== file.bytes || stats.mtimeMs !== file.modifiedMs || identityOf(stats) !== file.identity) {
    throw changed(file);
  }
}

export function changed({ path }: AssetFile): DeployError {
  return new DeployError('upload-failed', `"${plain(path)}" of assets-dir changed while it was read.`, {
    hint: 'Check that whatever writes it has ended before this step begins, then run this again.',
  });
}
