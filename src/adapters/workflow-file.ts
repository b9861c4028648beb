import { accessSync, closeSync, constants, lstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { identityOf, OutsideError, openFound, realPathOf } from './named-path.ts';

const mostBytes = 64 * 1024 * 1024;

/** The text of a file that an input names. What is wrong with its lines is printed, so it must be one that it may name. */
export function readWorkflowFile(path: string): string {
  const bytes = readOnce(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error('it is not UTF-8', { cause });
  }
}

/** The size of a file that another program reads. */
export function bytesOfFile(path: string): number {
  const real = attemptTo(() => realPathOf(path));
  attemptTo(() => accessSync(real, constants.R_OK));
  const stats = attemptTo(() => statSync(real));
  if (stats.isDirectory()) {
    throw new Error('it is a directory');
  }
  return stats.isFile() ? stats.size : 1;
}

function readOnce(path: string): Buffer {
  const real = attemptTo(() => realPathOf(path));
  const stats = attemptTo(() => lstatSync(real));
  if (!isReadable(real, stats)) {
    throw new Error('it is no regular file');
  }
  if (stats.size > mostBytes) {
    throw new Error(`it has ${stats.size} bytes, and ${mostBytes} are the most`);
  }
  const descriptor = attemptTo(() => openFound(real, identityOf(stats)));
  if (descriptor === undefined) {
    throw new Error('it was replaced while it was read');
  }
  try {
    return attemptTo(() => readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** Reading a pipe could block for ever, and /proc shows the environment. */
function isReadable(real: string, stats: Stats): boolean {
  return stats.isFile() && !real.startsWith('/proc/');
}

/** What the file system says, in its own short words: its messages name the path once more. */
function attemptTo<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof OutsideError) {
      throw cause;
    }
    const { code = 'unreadable' } = cause as NodeJS.ErrnoException;
    throw new Error(code, { cause });
  }
}
