import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const systemPlugins = ['/usr/libexec', '/usr/local/libexec', '/usr/lib', '/usr/local/lib'];
const places = {
  programs: [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'],
  plugins: systemPlugins.map((directory) => join(directory, 'docker/cli-plugins')),
};

function find(name: string, directories = places.programs): string | undefined {
  return directories.map((directory) => join(directory, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where buildx is, on the PATH (as .ci/tools puts it) or where the system has it. */
export const buildx = find('docker-buildx', [...places.programs, ...places.plugins]) ?? '';
/** A shell that runs in an empty image. */
export const busybox = find('busybox') ?? '';

/** A docker that builds with BuildKit and without buildx, as it did before version 23; undefined where there is none. */
export const classicDocker = places.programs
  .map((directory) => join(directory, 'docker'))
  .filter(isProgram)
  .find((docker) => Number(/version (\d+)/.exec(execFileSync(docker, ['--version'], { encoding: 'utf8' }))?.[1]) < 23);

/** What the tests with a real Docker engine lack on this machine. */
export function missingForDocker(): string[] {
  const programs = ['docker', 'dockerd', 'runc', 'containerd', 'docker-registry', 'htpasswd', 'busybox'];
  return [
    ...(process.platform === 'linux' && process.getuid?.() === 0 ? [] : ['root on Linux']),
    ...programs.filter((name) => find(name) === undefined),
    ...(buildx === '' ? ['docker-buildx'] : []),
  ];
}

/** Stops by itself at the end of the block that declares it with `await using`. */
export interface Engine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  host: string;
}

/**
 * A Docker engine with nothing in it, without a network of its own. Its store is the classic one, which cannot hold an
 * index of images, or containerd's, which makes one by default.
 */
export async function startEngine(store: 'classic' | 'containerd'): Promise<Engine> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-engine-'));
  const host = `unix://${join(directory, 'socket')}`;
  const config = {
    ...(store === 'classic'
      ? { 'storage-driver': 'vfs' }
      : { 'storage-driver': 'overlayfs', features: { 'containerd-snapshotter': true } }),
    iptables: false,
    ip6tables: false,
    bridge: 'none',
    'ip-forward': false,
    'ip-masq': false,
    'userland-proxy': false,
    'data-root': join(directory, 'data'),
    'exec-root': join(directory, 'exec'),
    pidfile: join(directory, 'pid'),
    hosts: [host],
    'log-level': 'error',
  };
  writeFileSync(join(directory, 'daemon.json'), JSON.stringify(config));
  const daemon = start('dockerd', ['--config-file', join(directory, 'daemon.json')], directory);
  await until(`dockerd (${store})`, daemon, () => docker(host, ['info', '--format', '{{.ServerVersion}}']));
  return { host, [Symbol.asyncDispose]: () => stop(daemon) };
}

/** Runs docker on an engine as its user would, and returns what it prints. */
export function docker(host: string, args: string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(find('docker') ?? 'docker', args, {
    encoding: 'utf8',
    env: { ...process.env, DOCKER_HOST: host, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:port`; by the name of localhost, it is another registry to docker. */
  address: string;
  localhost: string;
  /** What the registry has under a tag; undefined when there is no such thing. */
  manifest(repository: string, tag: string): Promise<RegistryManifest | undefined>;
  blob(repository: string, digest: string): Promise<Buffer>;
}

export interface RegistryManifest {
  digest: string;
  mediaType: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read it as whoever parses a manifest does.
  json: any;
}

/** Stands in for ECR: a registry that lets in who knows the password. */
export async function startRegistry(users: Record<string, string>): Promise<Registry> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-registry-'));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const passwords = Object.entries(users).map(([user, password]) =>
    execFileSync(find('htpasswd') ?? 'htpasswd', ['-niB', user], { input: password, encoding: 'utf8' }).trim(),
  );
  writeFileSync(join(directory, 'htpasswd'), passwords.join('\n'));
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    http: { addr: address },
    auth: { htpasswd: { realm: 'registry', path: join(directory, 'htpasswd') } },
    storage: { filesystem: { rootdirectory: join(directory, 'storage') } },
  };
  // YAML takes JSON as it is.
  writeFileSync(join(directory, 'config.yml'), JSON.stringify(config));
  const server = start('docker-registry', ['serve', join(directory, 'config.yml')], directory);
  const [first] = Object.entries(users);
  const authorization = `Basic ${Buffer.from((first ?? []).join(':')).toString('base64')}`;
  const read = (path: string, accept: string) =>
    fetch(`http://${address}/v2/${path}`, { headers: { authorization, accept } });
  await until('docker-registry', server, async () => {
    if (!(await read('', '*/*')).ok) {
      throw new Error('not ready');
    }
  });
  return {
    address,
    localhost: `localhost:${port}`,
    async manifest(repository, tag) {
      const kinds = ['oci.image.index.v1', 'oci.image.manifest.v1', 'docker.distribution.manifest.v2'];
      const accept = kinds.map((kind) => `application/vnd.${kind}+json`).join(', ');
      const answer = await read(`${repository}/manifests/${tag}`, accept);
      return answer.ok
        ? {
            digest: answer.headers.get('docker-content-digest') ?? '',
            mediaType: answer.headers.get('content-type') ?? '',
            json: await answer.json(),
          }
        : undefined;
    },
    async blob(repository, digest) {
      return Buffer.from(await (await read(`${repository}/blobs/${digest}`, '*/*')).arrayBuffer());
    },
    [Symbol.asyncDispose]: () => stop(server),
  };
}

interface Server {
  child: ChildProcess;
  directory: string;
}

function start(name: string, args: string[], directory: string): Server {
  mkdirSync(directory, { recursive: true });
  const log = openSync(join(directory, 'log'), 'a');
  const child = spawn(find(name) ?? name, args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: places.programs.join(delimiter) },
  });
  return { child, directory };
}

async function until(what: string, server: Server, isReady: () => unknown): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await isReady();
      return;
    } catch (cause) {
      if (server.child.exitCode !== null || performance.now() > deadline) {
        const log = readFileSync(join(server.directory, 'log'), 'utf8').trim().split('\n').slice(-5).join('\n');
        await stop(server);
        throw new Error(`${what} does not start:\n${log}`, { cause });
      }
    }
    await setTimeout(50);
  }
}

/** By its process id alone; what it started, such as dockerd's containerd, ends with it. */
async function stop({ child, directory }: Server): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    const late = globalThis.setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(late);
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address ? address.port : 0;
}
