import { accessSync, constants, existsSync, lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { relative, resolve, sep } from 'node:path';

const mostBytes = 64 * 1024 * 1024;

/**
 * The text of a file that an input names. What is wrong with its lines is printed, so a link in a repository must not
 * lead to a file that the repository could not hold, such as one of credentials; a path that the workflow itself names
 * outside is its author's own.
 */
export function readWorkflowFile(path: string): string {
  const real = attemptTo(() => realpathSync(path));
  const { GITHUB_WORKSPACE, RUNNER_TEMP } = process.env;
  const homes = [GITHUB_WORKSPACE || '.', RUNNER_TEMP || '.', tmpdir()]
    .filter((home) => existsSync(home))
    .map((home) => realpathSync(home));
  const isHome = (one: string) => homes.some((home) => isInside(one, home));
  const isLink = attemptTo(() => lstatSync(path)).isSymbolicLink();
  if (!isHome(real) && (isLink || isHome(resolve(path)))) {
    throw new Error('it is a link to outside the workspace and the temporary directories');
  }
  const stats = attemptTo(() => statSync(real));
  if (!stats.isFile() || real.startsWith('/proc/')) {
    // Reading a pipe could block for ever, and /proc shows the environment.
    throw new Error('it is no regular file');
  }
  if (stats.size > mostBytes) {
    throw new Error(`it has ${stats.size} bytes, and ${mostBytes} are the most`);
  }
  const bytes = attemptTo(() => readFileSync(real));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error('it is not UTF-8', { cause });
  }
}

/** The size of a file that another program reads. */
export function bytesOfFile(path: string): number {
  attemptTo(() => accessSync(path, constants.R_OK));
  const stats = attemptTo(() => statSync(path));
  if (stats.isDirectory()) {
    throw new Error('it is a directory');
  }
  return stats.isFile() ? stats.size : 1;
}

/** What the file system says, in its own short words: its messages name the path once more. */
function attemptTo<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const { code = 'unreadable' } = cause as NodeJS.ErrnoException;
    throw new Error(code, { cause });
  }
}

function isInside(path: string, home: string): boolean {
  const way = relative(home, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
