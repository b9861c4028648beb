import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cancellation } from '../retry.ts';
import type { CommitRange, Repository } from '../world.ts';

const run = promisify(execFile);
const patienceMs = 60_000;
const mostBytes = 256 * 1024 * 1024;

/** The repository that actions/checkout left in the workspace. */
export function connectRepository(cancelled: AbortSignal): Repository {
  const git = async (...args: string[]): Promise<Buffer> => {
    const { stdout } = await run('git', args, {
      cwd: process.env.GITHUB_WORKSPACE || '.',
      encoding: 'buffer',
      maxBuffer: mostBytes,
      timeout: patienceMs,
      signal: cancelled,
      // Nobody is there to answer a question.
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    });
    return stdout;
  };
  // Each name ends with a zero byte, unquoted; a renamed file counts by both its names.
  const compare = ({ before, after }: CommitRange) =>
    git('diff-tree', '-r', '-z', '--name-only', '--no-renames', before, after);
  const compareFetched = async (range: CommitRange) => {
    // A checkout has only the last commit, unless told otherwise with fetch-depth.
    await git('fetch', '--no-tags', '--depth=1', '--quiet', 'origin', range.before, range.after);
    return compare(range);
  };
  return {
    async changedFiles(range) {
      try {
        const names = await compare(range).catch(() => compareFetched(range));
        return { files: new TextDecoder('utf-8', { fatal: true }).decode(names).split('\0').filter(Boolean) };
      } catch (error) {
        if (cancelled.aborted) {
          throw cancellation(error);
        }
        return { unknown: reasonOf(error, range) };
      }
    },
  };
}

function reasonOf(error: unknown, { before }: CommitRange): string {
  if (error instanceof TypeError) {
    return 'the name of a file is not UTF-8';
  }
  const { code } = error as { code?: unknown };
  return code === 'ENOENT'
    ? 'there is no git here'
    : `git cannot compare with commit ${before.slice(0, 7)}; actions/checkout before this step, with fetch-depth: 0, makes it known`;
}
