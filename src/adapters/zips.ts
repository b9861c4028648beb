import { createHash } from 'node:crypto';
import { createWriteStream, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { cancellation } from '../retry.ts';
import type { Log, Zip, Zips } from '../world.ts';
import { namedPath, reading, readPieces } from './file-pieces.ts';
import { zipTree } from './zip-stream.ts';
import { readTree, subjectOf, type Tree } from './zip-tree.ts';

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const mostZipped = 52_428_800;
const mostUnzipped = 262_144_000;

const pieceBytes = 65_536;

type ZipLog = Pick<Log, 'line' | 'warning'>;
type IsExcluded = (path: string) => boolean;

interface Packing {
  makeDirectory(): Promise<string>;
  isExcluded: IsExcluded;
  log: ZipLog;
  stop: AbortSignal;
}

/** Packs each path once, however many functions take it. */
export function connectZips(
  cancelled: AbortSignal = new AbortController().signal,
  log: ZipLog = { line: () => undefined, warning: () => undefined },
): Zips {
  const packed = new Map<string, Promise<Zip>>();
  const directories = new Set<string>();
  const cleaning = new AbortController();
  const stop = AbortSignal.any([cancelled, cleaning.signal]);
  const removeAtExit = () => {
    for (const directory of directories) {
      rmSync(directory, { recursive: true, force: true });
    }
  };

  const makeDirectory = async (): Promise<string> => {
    const directory = await mkdtemp(join(process.env.RUNNER_TEMP || tmpdir(), 'lambda-zip-'));
    directories.add(directory);
    // Should the process end before `clean`; adding it again and again is adding it once.
    process.off('exit', removeAtExit).once('exit', removeAtExit);
    return directory;
  };

  return {
    pack: (path, isExcluded = () => false) => {
      const zip = packed.get(path) ?? pack(path, { makeDirectory, isExcluded, log, stop });
      packed.set(path, zip);
      return zip;
    },
    keep: async (pieces) => {
      const file = join(await makeDirectory(), 'package.zip');
      const tally = createTally(stop);
      await pipeline(limited(pieces), tally.count, createWriteStream(file, { mode: 0o600 }));
      return { file, ...tally.total() };
    },
    clean: async () => {
      cleaning.abort();
      await Promise.allSettled(packed.values());
      await Promise.all([...directories].map((directory) => rm(directory, { recursive: true, force: true })));
      process.off('exit', removeAtExit);
    },
  };
}

async function pack(path: string, packing: Packing): Promise<Zip> {
  const { stop } = packing;
  const subject = subjectOf(path, '');
  try {
    const real = namedPath(subject, path);
    // From here on what was looked at, whatever becomes of a link; messages name it as the workflow does where they can.
    const at = real === resolve(path) ? path : real;
    const stats = reading(subject, () => statSync(at));
    if (stats.isDirectory()) {
      return await zipDirectory(at, packing);
    }
    if (!stats.isFile()) {
      throw notAZip(path, 'which is neither a file nor a directory');
    }
    return await measureZip({ file: at, bytes: stats.size, subject }, stop);
  } catch (error) {
    throw stop.aborted ? cancellation(error) : error;
  }
}

/** A .zip, as it is; also a .jar, which is one. */
async function measureZip(source: { file: string; bytes: number; subject: string }, stop: AbortSignal): Promise<Zip> {
  checkZipped(source.file, source.bytes);
  const tally = createTally(stop);
  let signature: string | undefined;
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for await (const piece of tally.count(readPieces(source, () => buffer))) {
    signature ??= piece.toString('latin1', 0, 4);
  }
  if (signature === 'PK\x05\x06') {
    throw notAZip(source.file, 'which is a .zip without any file');
  }
  if (signature !== 'PK\x03\x04') {
    throw notAZip(source.file, 'which does not begin like a .zip');
  }
  return { file: source.file, ...tally.total() };
}

async function zipDirectory(root: string, { makeDirectory, isExcluded, log, stop }: Packing): Promise<Zip> {
  const tree = readTree(root, isExcluded);
  const { entries } = tree;
  tell(root, tree, log);
  if (entries.length === 0) {
    throw notAZip(root, 'which is a directory without any file');
  }
  const unzipped = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.bytes : 0), 0);
  if (unzipped > mostUnzipped) {
    throw new DeployError(
      'invalid-input',
      `zip-file "${plain(root)}" holds ${megabytes(unzipped)}, and a function may have ${megabytes(mostUnzipped)} unzipped at the most.`,
      { hint: 'Leave out what the function does not need when it runs, or deploy it as an image (image-uri).' },
    );
  }
  const file = join(await makeDirectory(), 'package.zip');
  const tally = createTally(stop);
  try {
    await pipeline(zipTree(root, entries), tally.count, createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  const zip = { file, ...tally.total() };
  checkZipped(root, zip.bytes);
  return zip;
}

async function* limited(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > mostZipped) {
      throw new DeployError('rollback-failed', `A package of more than ${megabytes(mostZipped)} cannot be put back.`, {
        hint: 'Deploy the code from before out of S3 (s3-bucket, s3-key), or use an alias.',
      });
    }
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
  }
}

const mostNamed = 5;

function tell(root: string, { entries, leftOut }: Tree, log: ZipLog): void {
  const name = (paths: readonly string[]) => {
    const more = paths.length > mostNamed ? ` and ${paths.length - mostNamed} more` : '';
    return `${paths
      .slice(0, mostNamed)
      .map((path) => `"${plain(path, 100)}"`)
      .join(', ')}${more}`;
  };
  if (leftOut.length > 0) {
    log.line(`${subjectOf(root, '')}: left out ${name(leftOut)}`);
  }
  const secrets = entries.map(({ path }) => path).filter((path) => secret.test(path));
  if (secrets.length > 0) {
    log.warning(
      'lambda-cloudfront-deploy',
      `${subjectOf(root, '')} holds ${name(secrets)}, which goes into the package. Add ".env*" to zip-exclude if the function does not need it.`,
    );
  }
}

/** Settings of an environment, often with keys; not the example that repositories show. */
const secret = /(?:^|\/)\.env(?:\.(?!(?:dist|example|sample|template)$)[^/]*)?$/;

/** Counts and hashes what passes through, until it is told to stop. */
function createTally(stop: AbortSignal) {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    async *count(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
      for await (const piece of pieces) {
        stop.throwIfAborted();
        hash.update(piece);
        bytes += piece.length;
        yield piece;
      }
    },
    total: () => ({ bytes, sha256: hash.digest('base64') }),
  };
}

function notAZip(path: string, what: string): DeployError {
  return new DeployError(
    'invalid-input',
    `zip-file must be a .zip or a directory that holds files, got "${plain(path)}", ${what}.`,
    {
      hint: 'See that the path is right and that the build, or the download of an artifact, has put the code there.',
    },
  );
}

function checkZipped(path: string, bytes: number): void {
  if (bytes > mostZipped) {
    throw new DeployError(
      'invalid-input',
      `zip-file "${plain(path)}" is ${megabytes(bytes)} zipped, and Lambda takes ${megabytes(mostZipped)} at the most that way.`,
      {
        hint: 'Upload it to an S3 bucket in the Region of the function, and give s3-bucket and s3-key instead of zip-file.',
      },
    );
  }
}

/** As AWS counts them, and exactly, for what is only just too big. */
function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB (${bytes.toLocaleString('en-US')} bytes)`;
}
