import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isIndex } from '../../src/image/docker-build.ts';
import type { Build } from '../../src/world.ts';
import {
  buildx,
  busybox,
  classicDocker,
  docker,
  type Engine,
  freePort,
  missingForDocker,
  type Registry,
  startEngine,
  startRegistry,
} from '../support/docker-engine.ts';
import type { DockerAnswer, DockerRequest } from '../support/docker-program.ts';
import { startSilentServer } from '../support/silent-server.ts';

const program = resolve(import.meta.dirname, '../support/docker-program.ts');
const password = 'the-password-of-the-registry';
const signIn = { user: 'AWS', password };
const buildSecret = 'hunter2-is-the-npm-token';
const ownPlatform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';

const missing = missingForDocker();
if (missing.length > 0) {
  console.log(`Skipped the tests with a real Docker engine, as there is no ${missing.join(', no ')}.`);
}

let registry: Registry;
const engines: Partial<Record<'classic' | 'containerd', Engine>> = {};
/** An engine with containerd's store needs overlayfs and Docker 24 or newer. */
let noContainerdStore = '';

beforeAll(async () => {
  if (missing.length === 0) {
    registry = await startRegistry({ AWS: password, me: 'my-own-password' });
    engines.classic = await startEngine('classic');
    try {
      engines.containerd = await startEngine('containerd');
      // An older engine takes the setting without a word, and has the classic store.
      const status = docker(engines.containerd.host, ['info', '--format', '{{json .DriverStatus}}']);
      noContainerdStore = status.includes('io.containerd.snapshotter') ? '' : 'dockerd is too old for it';
    } catch (error) {
      noContainerdStore = String(error);
    }
  }
}, 60_000);

afterAll(async () => {
  await Promise.all([engines.classic, engines.containerd, registry].map((one) => one?.[Symbol.asyncDispose]()));
});

/** A job: a home with docker's settings in it, and a context to build. */
function startJob() {
  const directory = mkdtempSync(join(tmpdir(), 'docker-job-'));
  const paths = {
    home: join(directory, 'home'),
    config: join(directory, 'home/.docker/config.json'),
    context: join(directory, 'context'),
    temp: join(directory, 'temp'),
    bin: join(directory, 'bin'),
  };
  for (const path of [join(paths.home, '.docker/cli-plugins'), paths.context, paths.temp, paths.bin]) {
    mkdirSync(path, { recursive: true });
  }
  symlinkSync(buildx, join(paths.home, '.docker/cli-plugins/docker-buildx'));
  write('Dockerfile', 'FROM scratch\nCOPY Dockerfile /\n');

  function write(name: string, text: string) {
    mkdirSync(dirname(join(paths.context, name)), { recursive: true });
    writeFileSync(join(paths.context, name), text);
  }

  return {
    ...paths,
    write,
    /** Builds and pushes `app:tag`; the tag is the job's own, so that no test sees what another has pushed. */
    build: (tag: string, change: Change = {}) => buildAndPush(paths, tag, change),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

type Job = ReturnType<typeof startJob>;

interface Change {
  build?: Partial<Build>;
  signIn?: DockerRequest['signIn'];
  env?: Record<string, string>;
  engine?: Engine | undefined;
  repository?: string;
  onStart?(child: ReturnType<typeof spawn>): unknown;
}

async function buildAndPush(
  { home, context, temp, bin }: Pick<Job, 'home' | 'context' | 'temp' | 'bin'>,
  tag: string,
  { build, env, engine = engines.classic, repository = 'app', onStart, ...change }: Change,
) {
  const request: DockerRequest = {
    signIn: change.signIn ?? signIn,
    build: {
      image: {
        text: `${registry.address}/${repository}:${tag}`,
        registry: registry.address,
        accountId: '',
        region: '',
        repository,
        tag,
        digest: '',
      },
      context,
      file: '',
      target: '',
      platform: 'linux/arm64',
      args: [],
      secrets: [],
      ...build,
    },
  };
  const [requestFile, answerFile] = [join(home, 'request.json'), join(home, 'answer.json')];
  writeFileSync(requestFile, JSON.stringify(request));
  const began = performance.now();
  const child = spawn(process.execPath, [program, requestFile, answerFile], {
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: home,
      RUNNER_TEMP: temp,
      DOCKER_HOST: engine?.host ?? '',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const watched = onStart?.(child);
  const exitCode = await new Promise<number | null>((done) => child.once('close', done));
  const ms = performance.now() - began;
  await watched;
  const { digest, error }: DockerAnswer = JSON.parse(readFileSync(answerFile, 'utf8'));
  return { exitCode, log: withoutMasks(log), masks: masksIn(log), ms, digest, error, leftOver: readdirSync(temp) };
}

/** Stands before a registry, and gives answers of its own to some calls. */
async function startProxy(
  to: string,
  answer: (call: string) => { status: number; body: string } | undefined,
): Promise<{ address: string } & AsyncDisposable> {
  const server = createHttpServer((incoming, outgoing) => {
    const own = answer(`${incoming.method} ${incoming.url}`);
    if (own) {
      incoming.resume();
      outgoing.writeHead(own.status, { 'content-type': 'application/json' }).end(own.body);
      return;
    }
    const { method, url, headers } = incoming;
    const passed = request(`http://${to}${url}`, { method, headers }, (answered) => {
      outgoing.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as { port: number };
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function masksIn(log: string): string[] {
  return [...log.matchAll(/^::add-mask::(.*)$/gm)].map(([, masked = '']) => masked);
}

function withoutMasks(log: string): string {
  return log.replace(/^::add-mask::.*$/gm, '');
}

/** What the runner would take for a command: it trims a line before it looks for `::`, and finds `##[` anywhere. */
function commandsIn(log: string): string[] {
  return log.split(/\r\n|[\r\n]/).filter((line) => /^\s*::|##\[/.test(line));
}

/** Of all processes of the machine. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return ''; // It has ended.
      }
    });
}

async function commandLinesWhile(child: ReturnType<typeof spawn>): Promise<string> {
  const seen = new Set<string>();
  while (child.exitCode === null) {
    for (const commandLine of commandLines()) {
      seen.add(commandLine);
    }
    await setTimeout(5);
  }
  return [...seen].join('\n');
}

/** Everything the image consists of, as text. */
async function contentOf(repository: string, tag: string): Promise<string> {
  const { json } = (await registry.manifest(repository, tag)) ?? {};
  const layers = await Promise.all(
    json.layers.map(async ({ digest }: { digest: string }) => gunzipSync(await registry.blob(repository, digest))),
  );
  const config = await registry.blob(repository, json.config.digest);
  return Buffer.concat([config, ...layers]).toString('latin1');
}

async function configOf(repository: string, tag: string) {
  const { json } = (await registry.manifest(repository, tag)) ?? {};
  return JSON.parse((await registry.blob(repository, json.config.digest)).toString());
}

// Docker 20.10 and its registry lose a layer now and then when pushes of it overlap ("digest invalid"): that is theirs.
describe.skipIf(missing.length > 0)('docker, for real', { concurrent: true, retry: 2 }, () => {
  it.each(['linux/arm64', 'linux/amd64'])(
    'builds and pushes an image for %s, and returns its digest',
    async (platform) => {
      using job = startJob();
      const tag = platform.replace('/', '-');
      const { exitCode, error, digest, log, leftOver } = await job.build(tag, { build: { platform } });
      expect(error).toBeUndefined();
      expect(exitCode).toBe(0);
      const manifest = await registry.manifest('app', tag);
      expect(digest).toBe(manifest?.digest);
      expect(await configOf('app', tag)).toMatchObject({ os: 'linux', architecture: platform.slice(6) });
      expect(log).toContain(`docker buildx build --provenance=false --sbom=false --push`);
      expect(log).toMatch(/^#\d+ .*COPY Dockerfile/m);
      expect(leftOver).toEqual([]);
    },
  );

  it('pushes a plain image from an engine that by default makes an index', async ({ skip }) => {
    if (noContainerdStore !== '') {
      console.log(`Skipped the test on an engine with containerd's store, as ${noContainerdStore}.`);
      skip(noContainerdStore);
    }
    using job = startJob();
    const { containerd: engine } = engines;
    const name = `${registry.address}/app:by-default`;
    // The user's own sign-in, and the user's own build.
    const env = { HOME: job.home };
    const auth = Buffer.from(`AWS:${password}`).toString('base64');
    writeFileSync(job.config, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    docker(
      engine?.host ?? '',
      ['buildx', 'build', '--platform=linux/arm64', '--tag', name, '--push', job.context],
      env,
    );
    const byDefault = await registry.manifest('app', 'by-default');
    expect(byDefault?.mediaType).toBe('application/vnd.oci.image.index.v1+json');

    for (const tag of ['plain-1', 'plain-2']) {
      const { digest, error } = await job.build(tag, { engine });
      expect(error).toBeUndefined();
      const manifest = await registry.manifest('app', tag);
      expect(digest).toBe(manifest?.digest);
      expect(isIndex(manifest?.mediaType ?? '')).toBe(false);
      expect(manifest?.mediaType).toMatch(
        /^application\/vnd\.(oci\.image|docker\.distribution)\.manifest\.v[12]\+json$/,
      );
      expect(manifest?.json.config.digest).toMatch(/^sha256:/);
    }
  });

  it('builds and pushes without buildx, with a docker that has BuildKit in it', async ({ skip }) => {
    if (classicDocker === undefined) {
      skip('no docker before version 23');
    }
    using job = startJob();
    rmSync(join(job.home, '.docker/cli-plugins'), { recursive: true });
    symlinkSync(classicDocker ?? '', join(job.bin, 'docker'));
    for (const [store, engine] of Object.entries(engines)) {
      const { digest, error, log } = await job.build(`classic-${store}`, { engine });
      expect(error).toBeUndefined();
      expect(log).toContain('docker build --progress=plain --platform linux/arm64');
      const manifest = await registry.manifest('app', `classic-${store}`);
      expect(digest).toBe(manifest?.digest);
      expect(isIndex(manifest?.mediaType ?? '')).toBe(false);
    }
  });

  it('says that buildx is needed where docker cannot build without it', async ({ skip }) => {
    using job = startJob();
    rmSync(join(job.home, '.docker/cli-plugins'), { recursive: true });
    const { error } = await job.build('no-buildx');
    if (error === undefined) {
      skip('this docker has buildx everywhere, or builds without it');
    }
    expect(error?.code).toBe('build-failed');
    expect(error?.hint).toContain('docker/setup-buildx-action');
  });

  it('gives docker the file, target and arguments, and keeps the values of arguments out of the command it logs', async () => {
    using job = startJob();
    job.write(
      'docker/App.Dockerfile',
      'FROM scratch AS first\nARG WHO\nLABEL who=$WHO\nCOPY docker /\nFROM scratch AS second\nLABEL who=nobody\nCOPY docker /\n',
    );
    const { error, log } = await job.build('options', {
      build: {
        file: join(job.context, 'docker/App.Dockerfile'),
        target: 'first',
        args: ['WHO=me and = you', 'OTHER=$HOME'],
      },
    });
    expect(error).toBeUndefined();
    expect((await configOf('app', 'options')).config.Labels).toEqual({ who: 'me and = you' });
    expect(log).toContain('--build-arg WHO=… --build-arg OTHER=…');
  });

  it('hands secrets over, and their values are in no log, no layer and no command line', async () => {
    using job = startJob();
    copyFileSync(busybox, join(job.context, 'busybox'));
    writeFileSync(join(job.home, 'token'), buildSecret);
    job.write(
      'Dockerfile',
      [
        'FROM scratch',
        'COPY busybox /busybox',
        'RUN --mount=type=secret,id=one --mount=type=secret,id=two --network=none ["/busybox", "sh", "-c", "/busybox cat /run/secrets/one /run/secrets/two | /busybox wc -c > /length"]',
      ].join('\n'),
    );
    let seen = '';
    const { error, log } = await job.build('secrets', {
      build: { platform: ownPlatform, secrets: ['id=one,env=NPM_TOKEN', `id=two,src=${join(job.home, 'token')}`] },
      env: { NPM_TOKEN: buildSecret },
      onStart: async (child) => {
        seen = await commandLinesWhile(child);
      },
    });
    expect(error).toBeUndefined();
    const content = await contentOf('app', 'secrets');
    expect(content).toContain(`${2 * buildSecret.length}\n`);
    expect(content).not.toContain(buildSecret);
    expect(log).not.toContain(buildSecret);
    expect(seen).toContain('id=one,env=NPM_TOKEN');
    expect(seen).not.toContain(buildSecret);
  });

  it('keeps the password out of log, command lines and files', async () => {
    using job = startJob();
    let seen = '';
    const { error, log, masks, leftOver } = await job.build('password', {
      onStart: async (child) => {
        seen = await commandLinesWhile(child);
      },
    });
    expect(error).toBeUndefined();
    const encoded = Buffer.from(`AWS:${password}`).toString('base64');
    expect(masks).toEqual([password, encoded]);
    expect(seen).toContain('login --username AWS --password-stdin');
    for (const text of [password, encoded]) {
      expect(log).not.toContain(text);
      expect(seen).not.toContain(text);
    }
    expect(leftOver).toEqual([]);
    expect(existsSync(job.config)).toBe(false);
  });

  it('leaves the sign-ins of the user as they were, and pulls base images with them', async () => {
    using job = startJob();
    expect((await job.build('base', { repository: 'base' })).error).toBeUndefined();
    const auth = Buffer.from('me:my-own-password').toString('base64');
    const config = `{ "auths": {"${registry.localhost}": {"auth": "${auth}"} },\n\n "HttpHeaders": {} }\n`;
    writeFileSync(job.config, config);
    job.write('Dockerfile', `FROM ${registry.localhost}/base:base\nCOPY Dockerfile /again\n`);
    const { error } = await job.build('on-base');
    expect(error).toBeUndefined();
    expect(readFileSync(job.config, 'utf8')).toBe(config);
    expect(readdirSync(dirname(job.config)).filter((name) => name !== 'buildx')).toEqual([
      'cli-plugins',
      'config.json',
    ]);

    writeFileSync(job.config, '{}');
    job.write('Dockerfile', `FROM ${registry.localhost}/base:base\nCOPY Dockerfile /once-more\n`);
    const stranger = await job.build('on-base-again');
    expect(stranger.error?.hint).toContain('The base image could not be read');
  });

  it("asks the user's keychain for the other sign-ins, and stores nothing in it", async () => {
    using job = startJob();
    expect((await job.build('base', { repository: 'base' })).error).toBeUndefined();
    const asked = join(job.home, 'asked');
    writeFileSync(
      join(job.bin, 'docker-credential-keychain'),
      `#!/bin/sh
read -r line
echo "$1 $line" >> ${asked}
[ "$1 $line" = "get ${registry.localhost}" ] || { echo credentials not found in native keychain; exit 1; }
echo '{"ServerURL":"${registry.localhost}","Username":"me","Secret":"my-own-password"}'
`,
    );
    chmodSync(join(job.bin, 'docker-credential-keychain'), 0o755);
    writeFileSync(job.config, JSON.stringify({ credsStore: 'keychain' }));
    job.write('Dockerfile', `FROM ${registry.localhost}/base:base\nCOPY Dockerfile /again\n`);
    const { error } = await job.build('keychain');
    expect(error).toBeUndefined();
    const questions = readFileSync(asked, 'utf8');
    expect(questions).toContain(`get ${registry.localhost}\n`);
    expect(questions).not.toMatch(/^(store|erase)/m);
    expect(questions).not.toContain(registry.address);
  });

  it.each([
    { name: 'a configuration that is not JSON', config: '{ auths', said: true },
    { name: 'one that is empty', config: '', said: false },
    { name: 'a list', config: '[]', said: true },
  ])('works with $name', async ({ name, config, said }) => {
    using job = startJob();
    writeFileSync(job.config, config);
    const { error, log } = await job.build(`config-${name.length}`);
    expect(error).toBeUndefined();
    expect(log.includes('is not JSON, so its sign-ins are not used')).toBe(said);
    expect(readFileSync(job.config, 'utf8')).toBe(config);
  });

  it.each([
    { name: 'DOCKER_CONFIG', env: (job: Job) => ({ HOME: '/nonexistent', DOCKER_CONFIG: dirname(job.config) }) },
    { name: 'a relative DOCKER_CONFIG', env: (job: Job) => ({ DOCKER_CONFIG: `../../..${dirname(job.config)}` }) },
  ])('finds its plugins by $name', async ({ name, env }) => {
    using job = startJob();
    const { error, log } = await job.build(`home-${name.length}`, {
      env: env(job),
    });
    expect(error).toBeUndefined();
    expect(log).toContain('docker buildx build');
  });

  it('builds with the context and the builder that the user has chosen', async () => {
    using job = startJob();
    const env = { HOME: job.home };
    const { classic: engine } = engines;
    const port = await freePort();
    const endpoint = `tcp://127.0.0.1:${port}`;
    docker(engine?.host ?? '', ['buildx', 'create', '--name', 'mine', '--driver', 'remote', '--use', endpoint], env);
    await using builder = await startSilentServer(port);
    const byBuilder = await job.build('builder', {
      onStart: (child) => builder.onConnection(() => child.kill('SIGINT')),
    });
    expect(byBuilder.error?.code).toBe('cancelled');
    expect(byBuilder.log).toContain('building with "mine" instance using remote driver');

    rmSync(join(job.home, '.docker/buildx'), { recursive: true });
    docker(engine?.host ?? '', ['context', 'create', 'mine', '--docker', `host=${engine?.host}`], env);
    writeFileSync(job.config, JSON.stringify({ currentContext: 'mine' }));
    const byContext = await job.build('context', { env: { DOCKER_HOST: '' } });
    expect(byContext.error).toBeUndefined();
    expect(byContext.digest).toBe((await registry.manifest('app', 'context'))?.digest);
  });

  it('refuses a wrong password with a hint, and builds nothing', async () => {
    using job = startJob();
    const { error, log, leftOver } = await job.build('wrong', {
      signIn: { user: 'AWS', password: 'not-the-password' },
    });
    expect(error?.code).toBe('build-failed');
    expect(error?.message).toMatch(/^docker login to 127\.0\.0\.1:\d+ ended with exit code 1:\n.*401/);
    expect(error?.hint).toContain('refuses this user and password');
    expect(log).not.toContain('buildx build');
    expect(leftOver).toEqual([]);
  });

  const failures: { name: string; change: (job: Job) => Change | Promise<Change>; message: RegExp; hint: RegExp }[] = [
    {
      name: 'no docker',
      change: () => ({ env: { PATH: '/nonexistent' } }),
      message: /^There is no docker on this runner\.$/,
      hint: /ubuntu-latest/,
    },
    {
      name: 'podman as docker',
      change: ({ bin }) => {
        const answer = '#!/bin/sh\n[ "$1" = --version ] && echo "podman version 4.3.1"\n';
        writeFileSync(join(bin, 'docker'), answer, { mode: 0o755 });
        return {};
      },
      message: /not Docker but "podman version 4\.3\.1"/,
      hint: /needs Docker itself/,
    },
    {
      name: 'no daemon',
      change: () => ({ env: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' }, signIn }),
      message: /ended with exit code 1:\n(.*\n)*.*\/nonexistent\/docker\.sock/,
      hint: /Start the Docker daemon/,
    },
    {
      name: 'a Dockerfile that does not parse',
      change: ({ write }) => {
        write('Dockerfile', 'FROM scratch\nFRM scratch\n');
        return {};
      },
      message: /^The build of .* ended with exit code 1:\n(.*\n)*.*unknown instruction: FRM/,
      hint: /Correct the Dockerfile/,
    },
    {
      name: 'no context',
      change: ({ context }) => ({ build: { context: `${context}/nowhere` } }),
      message: /path ".*nowhere" not found/,
      hint: /build-context must be a directory/,
    },
    {
      name: 'a context that looks like an option',
      change: () => ({ build: { context: '--help' } }),
      message: /path "--help" not found/,
      hint: /build-context must be a directory/,
    },
    {
      name: 'no Dockerfile',
      change: ({ context }) => ({ build: { file: `${context}/Dokcerfile` } }),
      message: /failed to read dockerfile/,
      hint: /build-file must name/,
    },
    {
      name: 'no such target',
      change: () => ({ build: { target: 'nowhere' } }),
      message: /nowhere"? could not be found/,
      hint: /build-target must be/,
    },
    {
      name: 'a file to copy that is not there',
      change: ({ write }) => {
        write('Dockerfile', 'FROM scratch\nCOPY nothing /\n');
        return {};
      },
      message: /"\/nothing".* not found/,
      hint: /COPY or ADD wants/,
    },
    {
      name: 'a base image that is not there',
      change: ({ write }) => {
        write('Dockerfile', `FROM ${registry.address}/nothing:1\n`);
        return {};
      },
      message: /nothing:1: not found/,
      hint: /base image could not be read/,
    },
    {
      name: 'a secret whose file is not there',
      change: () => ({ build: { secrets: ['id=x,src=/nonexistent'] } }),
      message: /\/nonexistent: no such file/,
      hint: /build-secrets/,
    },
    {
      name: 'a command for the other processor',
      change: ({ write, context }) => {
        write('Dockerfile', 'FROM scratch\nCOPY foreign /foreign\nRUN --network=none ["/foreign"]\n');
        write('foreign', '\x7fELF\x02\x01\x01'.padEnd(64, '\0'));
        chmodSync(join(context, 'foreign'), 0o755);
        return {};
      },
      message: /exec \/foreign: exec format error/,
      hint: /setup-qemu-action/,
    },
    {
      name: 'an argument that is too long',
      change: () => ({ build: { args: [`LONG=${'x'.repeat(200_000)}`] } }),
      message: /longer than 128 KiB/,
      hint: /file of build-context/,
    },
  ];
  it.each(failures)('tells $name from all else', async ({ change, message, hint }) => {
    using job = startJob();
    const { error, exitCode, log, leftOver } = await job.build('failing', await change(job));
    expect(error?.code).toBe('build-failed');
    expect(error?.message).toMatch(message);
    expect(error?.message.split('\n').length).toBeLessThanOrEqual(16);
    expect(error?.hint).toMatch(hint);
    expect(exitCode).toBe(0);
    expect(log).not.toContain(password);
    expect(leftOver).toEqual([]);
  });

  it('tells a registry that is not there from all else', async () => {
    using job = startJob();
    for (const [store, engine] of Object.entries(engines)) {
      const port = await freePort();
      const { error } = await job.build('refused', {
        engine,
        build: {
          image: {
            text: '',
            registry: `127.0.0.1:${port}`,
            accountId: '',
            region: '',
            repository: 'app',
            tag: 'x',
            digest: '',
          },
        },
      });
      expect(error?.message, store).toMatch(/^docker login to .* ended with exit code 1:\n(.*\n)*.*refused/);
      expect(error?.hint).toContain(`whether there is a registry at 127.0.0.1:${port}`);
    }
  });

  const refusals = [
    {
      name: 'a user who may not push',
      on: /^POST .*\/blobs\/uploads/,
      status: 403,
      code: 'DENIED',
      message:
        'User: arn:aws:iam::123456789012:user/me is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:123456789012:repository/app',
      hint: /ecr:GetAuthorizationToken .*ecr:BatchGetImage on arn:aws:ecr:eu-west-1:123456789012:repository\/app;/,
    },
    {
      name: 'a repository that does not exist',
      on: /^POST .*\/blobs\/uploads/,
      status: 404,
      code: 'NAME_UNKNOWN',
      message: "The repository with name 'app' does not exist in the registry with id '123456789012'",
      hint: /Create the repository "app"/,
    },
    {
      name: 'a tag that may not be moved',
      on: /^PUT .*\/manifests\//,
      status: 400,
      code: 'TAG_INVALID',
      message:
        "The image tag 'x' already exists in the 'app' repository and cannot be overwritten because the repository is immutable.",
      hint: /a tag that is new in each run/,
    },
  ];
  it.each(refusals)('tells $name from all else, as ECR refuses it', async ({ on, status, code, message, hint }) => {
    using job = startJob();
    const body = JSON.stringify({ errors: [{ code, message }] });
    await using proxy = await startProxy(registry.address, (call) => (on.test(call) ? { status, body } : undefined));
    // A layer of its own, so that it is uploaded.
    job.write('Dockerfile', `FROM scratch\nCOPY Dockerfile /\nLABEL x=${code}\n`);
    for (const [store, engine] of Object.entries(engines)) {
      const image = {
        text: '',
        registry: proxy.address,
        accountId: '123456789012',
        region: 'eu-west-1',
        repository: 'app',
        tag: `refused-${store}`,
        digest: '',
      };
      const { error } = await job.build('refused', { engine, build: { image } });
      expect(error?.code, store).toBe('build-failed');
      expect(error?.message, store).toMatch(/^The build of .* ended with exit code 1:\n/);
      expect(error?.hint, `${store}: ${error?.message}`).toMatch(hint);
    }
  });

  it('prints nothing the runner takes for a command, whatever stands in a Dockerfile or is said in a build', async () => {
    using job = startJob();
    const hostile = '::error::forged ##[set-output name=x]y';
    job.write('Dockerfile', `FROM scratch\n${hostile}\n::add-mask::e\n`);
    const unparsable = await job.build('hostile-1');
    expect(unparsable.error?.message).toMatch(/exit code 1/);
    copyFileSync(busybox, join(job.context, 'busybox'));
    const say = `printf '\\n::error::forged\\r::add-mask::e\\n  ::stop-commands::x\\n##[error]red \\033[31mred\\n'; exit 3`;
    job.write(
      'Dockerfile',
      `FROM scratch\nCOPY busybox /\nRUN --network=none ["/busybox", "sh", "-c", ${JSON.stringify(say)}]\n`,
    );
    const saying = await job.build('hostile-2', { build: { platform: ownPlatform } });
    expect(saying.log).toMatch(/: :error: ?:forged|error.*forged/);
    expect(saying.log).not.toContain('\x1b');
    expect(saying.error?.message).toContain('ended with exit code 1');
    expect(saying.error?.hint).toContain('A command of the Dockerfile failed');
    for (const { log, error } of [unparsable, saying]) {
      expect(commandsIn(log)).toEqual([]);
      expect(commandsIn(error?.message ?? '')).toEqual([]);
    }
  });

  const clients = [
    { name: 'the docker of this machine', path: '' },
    { name: 'a docker that does not tell its plugins to end', path: classicDocker },
  ];
  it.for(clients)('ends at once when cancelled in the middle of a build: $name', async ({ path }, { skip }) => {
    if (path === undefined) {
      skip('no docker before version 23');
    }
    using job = startJob();
    if (path) {
      symlinkSync(path, join(job.bin, 'docker'));
    }
    await using server = await startSilentServer();
    job.write('Dockerfile', `FROM scratch\nADD http://127.0.0.1:${server.port}/ /x\n`);
    let cancelledAt = Number.NaN;
    const { error, exitCode, log, leftOver } = await job.build('cancelled', {
      onStart: (child) => {
        server.onConnection(async () => {
          await setTimeout(300);
          cancelledAt = performance.now();
          child.kill('SIGINT');
        });
      },
    });
    const tookMs = performance.now() - cancelledAt;
    const left = commandLines().filter((commandLine) => commandLine.includes(job.context));
    expect(error?.code).toBe('cancelled');
    expect(exitCode).toBe(0);
    expect(log).toContain('ADD http://');
    expect(tookMs).toBeLessThan(2500);
    expect(leftOver).toEqual([]);
    expect(left).toEqual([]);
  });
});
