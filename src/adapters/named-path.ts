import { closeSync, constants, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

/**
 * The real path of a file or directory that an input names.
 *
 * What the workflow itself names outside of the workspace, by an absolute path or below RUNNER_TEMP, is its author's own
 * wish. A relative path that leads out, or a link below the workspace, may be that of whoever wrote the repository, and
 * what is there would be printed, uploaded or deployed. The workspace may be a link itself: it counts by both its names.
 *
 * Throws an error whose message completes "zip-file must …", or one of the file system.
 */
export function realPathOf(path: string): string {
  const full = resolve(path);
  const homes = workspaces();
  const isInWorkspace = (one: string) => homes.some((home) => isInside(one, home));
  const temp = process.env.RUNNER_TEMP;
  const isInTemp = temp !== undefined && temp !== '' && spellings(temp).some((home) => isInside(full, home));
  if (!isAbsolute(path) && !isInWorkspace(full) && !isInTemp) {
    throw new OutsideError('it is a relative path that leads out of the workspace');
  }
  for (const at of stepsTo(full)) {
    const parent = realpathSync(dirname(at));
    if (isInWorkspace(parent) && lstatSync(at).isSymbolicLink() && !isInWorkspace(realpathSync(at))) {
      throw new OutsideError('it is, or lies behind, a link to outside the workspace');
    }
  }
  return realpathSync(full);
}

export class OutsideError extends Error {}

/** As the runner names it, and as the system does; without a runner, where the process stands. */
function workspaces(): string[] {
  return spellings(process.env.GITHUB_WORKSPACE || '.');
}

function spellings(path: string): string[] {
  const full = resolve(path);
  try {
    return [full, realpathSync(full)];
  } catch {
    return [full];
  }
}

/** `/a`, `/a/b` and `/a/b/c`, for the last. */
function stepsTo(path: string): string[] {
  const steps: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    steps.unshift(at);
  }
  return steps;
}

export function isInside(path: string, home: string): boolean {
  const way = relative(home, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Which file it is, whatever it is called. */
export function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
export const openFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/**
 * Opens what was found, and neither a link that has come in its place nor another file behind a directory that has become
 * one (`identity`). Undefined when it is not there any more as it was. Without waiting for a pipe to be written to.
 */
export function openFound(file: string, identity: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, openFlags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') {
      return undefined;
    }
    throw error;
  }
  const stats = fstatSync(descriptor);
  if (stats.isFile() && identityOf(stats) === identity) {
    return descriptor;
  }
  closeSync(descriptor);
  return undefined;
}
