import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { readPieces } from './file-pieces.ts';
import { type FileEntry, subjectOf, type TreeEntry } from './zip-tree.ts';

const pieceBytes = 262_144;

/**
 * The same in every entry. Zip knows no time zones and yazl writes the time on the wall, so it is given one of those;
 * `forceDosTimestamp` leaves out the one extra field, which would hold the same time in UTC. Noon, because a tool that
 * reads it in another zone must not land before 1980, where zip begins.
 *
 * What is left to chance is zlib: another release of Node can compress the same file into other bytes, which costs one
 * needless update. To store without compressing would rule that out, at several times the bytes for every update.
 */
const everyEntry = { mtime: new Date(1980, 0, 1, 12), forceDosTimestamp: true };

/** The zip of what `readTree` found in a directory: the same entries give the same bytes. */
export function zipTree(root: string, entries: readonly TreeEntry[]): Readable {
  const zip = new ZipFile();
  const zipped = zip.outputStream as Readable;
  const fail = (error: Error) => zipped.destroy(error);
  // yazl begins a file when it is done with the one before, so those that fit into one piece share it. With thousands
  // of them, buffers of their own would lie around by the megabyte.
  const shared = Buffer.allocUnsafe(pieceBytes);
  let source: Readable | undefined;

  for (const entry of entries) {
    if (entry.kind === 'link') {
      // What a link leads to is its contents.
      zip.addBuffer(Buffer.from(entry.target), entry.path, { ...everyEntry, mode: 0o120777, compress: false });
      continue;
    }
    // Whoever runs it in Lambda is not the owner, so everybody may read.
    const mode = entry.isExecutable ? 0o100755 : 0o100644;
    // addFile would take the size, and cut the pieces, as it finds them then.
    zip.addReadStreamLazy(entry.path, { ...everyEntry, mode, size: entry.bytes }, (start) => {
      if (!zipped.destroyed) {
        const buffer = entry.bytes < pieceBytes ? () => shared : () => Buffer.allocUnsafe(pieceBytes);
        source = readStream(root, entry, buffer).once('error', fail);
        start(undefined, source);
      }
    });
  }
  zipped.once('close', () => source?.destroy());
  zip.once('error', fail);
  zip.end();
  return zipped;
}

function readStream(root: string, { path, bytes, identity }: FileEntry, buffer: () => Buffer): Readable {
  const pieces = readPieces({ file: join(root, path), bytes, identity, subject: subjectOf(root, path) }, buffer);
  return new Readable({
    read() {
      this.push(pieces.next().value ?? null);
    },
    destroy(error, done) {
      pieces.return();
      done(error);
    },
  });
}
