import { closeSync, openSync, readSync } from 'node:fs';
import { DeployError } from '../errors.ts';
import { OutsideError, openFound, realPathOf } from './named-path.ts';

/**
 * The bytes of a file, in pieces that are all as long as the buffer but for the last: what a compressor makes of them
 * depends on where they are cut. A file that is not `bytes` long, then or any more, is an error; `subject` begins its
 * message.
 *
 * Without waiting: a read of some kilobytes is over sooner than the way to the thread pool and back. `buffer` gives the
 * room for a piece, always the same where a piece is done with before the next is asked for.
 */
export function* readPieces(
  { file, bytes, subject, identity }: { file: string; bytes: number; subject: string; identity?: string },
  buffer: () => Buffer,
): Generator<Buffer, void, undefined> {
  const descriptor = reading(subject, () => (identity === undefined ? openSync(file, 'r') : openFound(file, identity)));
  if (descriptor === undefined) {
    throw changed(subject, 'another file is in its place');
  }
  try {
    for (let read = 0; ; ) {
      // Room for one byte more than there should be, so that growth is noticed.
      const room = buffer().subarray(0, bytes - read + 1);
      const filled = reading(subject, () => fill(descriptor, room));
      const isEnd = filled < room.length;
      read += filled;
      if (read > bytes || (isEnd && read < bytes)) {
        throw changed(subject, `it was ${bytes} bytes long and is ${read < bytes ? read : 'longer'} now`);
      }
      if (filled > 0) {
        yield room.subarray(0, filled);
      }
      if (isEnd) {
        return;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

export function changed(subject: string, how: string): DeployError {
  return new DeployError('invalid-input', `${subject} changed while it was read: ${how}.`, {
    hint: 'See that whatever writes it has ended before this step begins, then run this again.',
  });
}

/** Where a path that an input names really is; an error of the input when it may not name that. */
export function namedPath(subject: string, path: string): string {
  return reading(subject, () => realPathOf(path));
}

/** A refusal of the file system is an error of the input. */
export function reading<T>(subject: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unreadable(subject, cause);
  }
}

function unreadable(subject: string, cause: unknown): DeployError {
  if (cause instanceof OutsideError) {
    return new DeployError('invalid-input', `${subject} must not be used: ${cause.message}.`, {
      hint: 'Give a path inside the workspace. What is outside on purpose is named by an absolute path, or lies below RUNNER_TEMP.',
      cause,
    });
  }
  const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
  const what = code === 'ENOENT' ? `does not exist (${code})` : `could not be read (${code})`;
  return new DeployError('invalid-input', `${subject} ${what}.`, {
    hint: 'Paths are relative to the workspace. Check that this one is right, that the build ran before this step in the same job, and that the user of the job may read everything there.',
    cause,
  });
}

function fill(descriptor: number, room: Buffer): number {
  let filled = 0;
  while (filled < room.length) {
    const bytesRead = readSync(descriptor, room, filled, room.length - filled, null);
    if (bytesRead === 0) {
      break;
    }
    filled += bytesRead;
  }
  return filled;
}
