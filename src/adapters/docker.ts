import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { exec } from '@actions/exec';
import { DeployError } from '../errors.ts';
import {
  isBuildx,
  notDocker,
  type Pushed,
  readMetadata,
  readPush,
  splitLines,
  taggedName,
  toBuildxArgs,
  toClassicArgs,
  toLogLine,
} from '../image/docker-build.ts';
import { privateConfig } from '../image/docker-config.ts';
import {
  type DockerStep,
  dockerFailure,
  indexPushed,
  noDigest,
  noDocker,
  otherDocker,
} from '../image/docker-failure.ts';
import type { ImageUri } from '../image/image-uri.ts';
import { plain } from '../plain.ts';
import { cancellation } from '../retry.ts';
import type { Build, Docker, Log } from '../world.ts';
import { namedPath } from './file-pieces.ts';

export interface DockerSettings {
  log: Log;
  /** Makes the runner hide a text in all that is logged. */
  mask(text: string): void;
  cancelled: AbortSignal;
}

/** How long docker may take to end when the run is cancelled, before it is killed. */
const graceMs = 1000;
/** Enough to tell why docker failed. */
const keptLines = 100;
/** What Linux takes as one argument (MAX_ARG_STRLEN). */
const longestArgument = 128 * 1024 - 1;

/** The `docker` on the PATH. */
export function connectDocker({ log, mask, cancelled }: DockerSettings): Docker {
  return {
    async buildAndPush(build, { user, password }) {
      mask(password);
      // As docker writes it into its configuration.
      mask(Buffer.from(`${user}:${password}`).toString('base64'));
      const { image } = build;
      checkPaths(build);
      return withPrivateConfig(image.registry, log, async (directory) => {
        const docker = { env: environment(process.env, directory), cancelled };
        const step = async (name: DockerStep, args: string[], rest: Partial<Command> = {}) => {
          log.line(toLogLine(args));
          const { exitCode, lines } = await run(docker, { args, ...rest });
          if (exitCode !== 0) {
            throw dockerFailure(name, { image, exitCode, lines });
          }
          return lines;
        };
        const onLine = (line: string) => log.line(line);

        const hasBuildx = await findBuildx(docker);
        // Without onLine: when it succeeds it only warns about a file that is removed right after.
        await step('sign-in', ['login', '--username', user, '--password-stdin', image.registry], { input: password });
        if (hasBuildx) {
          const metadataFile = join(directory, 'pushed.json');
          await step('build', toBuildxArgs(build, metadataFile), { onLine });
          return digestOf(image, readMetadata(await textOf(metadataFile)));
        }
        await step('build', toClassicArgs(build), { onLine });
        return digestOf(image, readPush(await step('push', ['push', taggedName(image)], { onLine })));
      });
    },
  };
}

/**
 * What docker reads on behalf of the inputs; what is not there it reports itself. A context may be an address, and inside
 * of one docker follows no link out of it.
 */
function checkPaths({ context, file }: Build): void {
  const named = [
    ['build-context', /^[a-z][a-z+]*:\/\/|^git@|^-$/.test(context) ? '' : context],
    ['build-file', file],
  ];
  for (const [input = '', path = ''] of named.filter(([, path]) => path !== '')) {
    if (existsSync(path)) {
      namedPath(`${input} "${plain(path)}"`, path);
    }
  }
}

function digestOf(image: ImageUri, pushed: Pushed | undefined): string {
  if (pushed === undefined) {
    throw noDigest(image);
  }
  const misfit = indexPushed(image, pushed.mediaType);
  if (misfit) {
    throw misfit;
  }
  return pushed.digest;
}

async function findBuildx(docker: Surroundings): Promise<boolean> {
  const { exitCode, lines } = await run(docker, { args: ['buildx', 'version'] });
  if (exitCode === 0 && isBuildx(lines.join('\n'))) {
    return true;
  }
  const version = await run(docker, { args: ['--version'] });
  const other = notDocker(version.lines.join('\n'));
  if (other !== undefined) {
    throw otherDocker(other);
  }
  return false;
}

function environment(env: NodeJS.ProcessEnv, configDirectory: string): Record<string, string> {
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(given),
    DOCKER_CONFIG: configDirectory,
    DOCKER_BUILDKIT: '1',
    DOCKER_CLI_HINTS: 'false',
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
  };
}

/**
 * A configuration for this build alone, which starts from the user's: the other sign-ins, plugins, contexts and builders
 * are there, and nothing of ours gets into the user's own.
 */
async function withPrivateConfig<T>(registry: string, log: Log, work: (directory: string) => Promise<T>): Promise<T> {
  // Only the user of this process may look into it, as mkdtemp makes it. A runner that is killed empties RUNNER_TEMP.
  const directory = await mkdtemp(join(process.env.RUNNER_TEMP || tmpdir(), 'docker-config-'));
  try {
    const own = ownDirectory();
    const config = privateConfig((await textOf(join(own, 'config.json'))) || '{}', registry);
    if (config === undefined) {
      log.line(`${join(own, 'config.json')} is not JSON, so its sign-ins are not used`);
    }
    const text = config ?? privateConfig('{}', registry) ?? '';
    await writeFile(join(directory, 'config.json'), text, { mode: 0o600 });
    for (const name of await readdir(own).catch(() => [])) {
      if (name !== 'config.json') {
        // Windows links no files without a privilege; they are caches.
        await symlink(join(own, name), join(directory, name), 'junction').catch(() => undefined);
      }
    }
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

function ownDirectory(): string {
  const { DOCKER_CONFIG, HOME, USERPROFILE } = process.env;
  try {
    return resolve(DOCKER_CONFIG || join(HOME || USERPROFILE || userInfo().homedir, '.docker'));
  } catch {
    // A user that the system does not know, as containers have them.
    return '/.docker';
  }
}

/** Empty when there is no such file, or none that can be read. */
async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

interface Surroundings {
  env: Record<string, string>;
  cancelled: AbortSignal;
}

interface Command {
  args: readonly string[];
  /** Given on standard input. */
  input?: string;
  onLine?(line: string): void;
}

interface Ended {
  exitCode: number | null;
  /** The last ones of both its outputs. */
  lines: readonly string[];
}

/** Runs docker to its end; a cancelled run ends it. */
async function run(
  { env, cancelled }: Surroundings,
  { args, input = '', onLine = () => undefined }: Command,
): Promise<Ended> {
  if (cancelled.aborted) {
    throw cancellation();
  }
  if (args.some((arg) => Buffer.byteLength(arg) > longestArgument)) {
    throw new DeployError('build-failed', 'An argument of docker is longer than 128 KiB, more than it can be given.', {
      hint: 'Put what is long into a file of build-context.',
    });
  }
  const lines: string[] = [];
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > keptLines) {
      lines.shift();
    }
    onLine(line);
  };
  // Not the lines of @actions/exec: it cuts characters in two, and swallows what comes behind the last line break.
  const [stdout, stderr] = [lineListener(keep), lineListener(keep)];
  const exitCode = await endedBy(cancelled, () =>
    exec('docker', [...args], {
      env,
      // Always given, so that docker never waits for something on standard input.
      input: Buffer.from(input),
      ignoreReturnCode: true,
      // The command and the output would go to standard output as they are.
      silent: true,
      listeners: { stdout: stdout.write, stderr: stderr.write },
    }),
  );
  stdout.end();
  stderr.end();
  if (cancelled.aborted) {
    throw cancellation();
  }
  return { exitCode, lines };
}

function lineListener(onLine: (line: string) => void) {
  const decoder = new StringDecoder('utf8');
  const split = splitLines(onLine);
  return {
    write: (bytes: Buffer) => split.write(decoder.write(bytes)),
    end: () => {
      split.write(decoder.end());
      split.end();
    },
  };
}

/**
 * Waits for a program that @actions/exec starts, which gives no handle to it, so Node's own channel for new processes
 * tells which one it is (https://nodejs.org/api/diagnostics_channel.html#event-child_process).
 */
async function endedBy(cancelled: AbortSignal, start: () => Promise<number>): Promise<number | null> {
  const ours = new AsyncLocalStorage<true>();
  let stop: (() => void) | undefined;
  let kill: NodeJS.Timeout | undefined;
  const onProcess = (message: unknown) => {
    if (!ours.getStore()) {
      return;
    }
    const { process: child } = message as { process: ChildProcess };
    child.once('spawn', () => {
      // Docker may end without having read its input.
      child.stdin?.on('error', () => undefined);
      stop = () => {
        kill = end(child);
      };
      if (cancelled.aborted) {
        stop();
      }
    });
  };
  const onCancel = () => stop?.();
  subscribe('child_process', onProcess);
  cancelled.addEventListener('abort', onCancel);
  try {
    return await ours.run(true, start);
  } catch (cause) {
    // With the exit code ignored, only a program that could not be started is left.
    throw noDocker(cause);
  } finally {
    unsubscribe('child_process', onProcess);
    cancelled.removeEventListener('abort', onCancel);
    clearTimeout(kill);
  }
}

/** Asks docker to end, and after a while no longer asks. What it holds open then must not hold us. */
function end(child: ChildProcess): NodeJS.Timeout {
  // Docker before version 25 does not tell its plugins, such as buildx, that they are to end.
  const processes = [child.pid, ...childrenOf(child.pid)];
  const signal = (name: NodeJS.Signals) => {
    for (const pid of processes) {
      try {
        process.kill(pid ?? Number.NaN, name);
      } catch {
        // It has ended.
      }
    }
  };
  signal('SIGTERM');
  return setTimeout(() => {
    signal('SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, graceMs);
}

/** Only Linux tells, for each thread of a process. */
function childrenOf(pid: number | undefined): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
