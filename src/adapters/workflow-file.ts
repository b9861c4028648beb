import { readFileSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { relative, sep } from 'node:path';

const mostBytes = 64 * 1024 * 1024;

/**
 * The text of a file that an input names. What is wrong with its lines is printed, so a link in a repository must not
 * make it one that the repository could not hold, such as a file of credentials.
 */
export function readWorkflowFile(path: string): string {
  const real = attemptTo(() => realpathSync(path));
  const { GITHUB_WORKSPACE, RUNNER_TEMP } = process.env;
  const homes = [GITHUB_WORKSPACE, RUNNER_TEMP, tmpdir(), process.cwd()].filter(
    (home) => home !== undefined && home !== '',
  );
  if (!homes.some((home) => isInside(real, home ?? ''))) {
    throw new Error('it is outside the workspace and the temporary directories');
  }
  const stats = attemptTo(() => statSync(real));
  if (!stats.isFile()) {
    // Reading a pipe could block for ever.
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
  const way = relative(
    attemptTo(() => realpathSync(home)),
    path,
  );
  return way !== '..' && !way.startsWith(`..${sep}`);
}
