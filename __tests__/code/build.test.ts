import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import {
  buildx,
  type Engine,
  missingForDocker,
  type Registry,
  startEngine,
  startRegistry,
} from '../support/docker-engine.ts';
import type { ActionOptions, ActionRun } from '../support/run-action.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { callsTo, deploy, distributionId, earlyInvalidations, effects, startSite } from '../support/site.ts';

const missing = missingForDocker();
if (missing.length > 0) {
  console.log(`Skipped the builds by a real Docker engine, as there is no ${missing.join(', no ')}.`);
}

const password = 'the-password-of-the-registry';
const sha = '0123456789abcdef0123456789abcdef01234567';
const ownSettings = '{"auths":{"registry.example":{"auth":"bWU6bXktb3du"}}}';

/** A job with a context to build, and a `docker` on its PATH that notes how it is called. */
function startJob() {
  const directory = mkdtempSync(join(tmpdir(), 'build-job-'));
  const [home, context, temp, bin] = ['home', 'context', 'temp', 'bin'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [join(home, '.docker/cli-plugins'), context, temp, bin]) {
    mkdirSync(path, { recursive: true });
  }
  if (buildx !== '') {
    symlinkSync(buildx, join(home, '.docker/cli-plugins/docker-buildx'));
  }
  writeFileSync(join(home, '.docker/config.json'), ownSettings);
  const calls = join(directory, 'calls');
  writeFileSync(calls, '');

  const job = {
    context,
    /** What a cancel or a failure must not leave behind. */
    leftOver: () => readdirSync(temp),
    settings: () => readFileSync(join(home, '.docker/config.json'), 'utf8'),
    dockerCalls: () => readFileSync(calls, 'utf8').split('\n').filter(Boolean),
    dockerfile: (...lines: string[]) => writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`),
    /** What stands in place of docker, which is `real "$@"` here. */
    docker: (script: string) => {
      const lines = [
        '#!/bin/sh',
        `echo "$*" >> '${calls}'`,
        `real() { PATH='${process.env.PATH}' command docker "$@"; }`,
        script,
      ];
      writeFileSync(join(bin, 'docker'), `${lines.join('\n')}\n`, { mode: 0o755 });
    },
    deploy: (aws: LocalAws, inputs: Record<string, string>, { env = {}, ...options }: ActionOptions = {}) =>
      deploy(
        aws,
        { 'function-name': 'web', 'distribution-id': distributionId, 'build-context': context, ...inputs },
        {
          env: {
            PATH: `${bin}:${process.env.PATH}`,
            HOME: home,
            RUNNER_TEMP: temp,
            DOCKER_HOST: engine?.host ?? 'unix:///nonexistent',
            ...env,
          },
          ...options,
        },
      ),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
  job.docker(`PATH='${process.env.PATH}'; exec docker "$@"`);
  job.dockerfile('FROM scratch', 'COPY Dockerfile /');
  return job;
}

let registry: Registry;
let engine: Engine | undefined;

function startSiteAt(host: string, options: LocalAwsOptions = {}) {
  return startSite({ registry: { host, user: 'AWS', password }, ...options });
}

function expectNothingDone(aws: LocalAws, run: ActionRun, status = 'failed') {
  expect(run.outputs).toMatchObject({ status, changed: 'false', 'function-version': '', 'invalidation-id': '' });
  expect(Object.keys(run.outputs)).toHaveLength(13);
  expect(aws.calls.filter(({ effect }) => effect)).toEqual([]);
  expect(callsTo(aws, 'UpdateFunctionCode')).toEqual([]);
  expect(callsTo(aws, 'CreateInvalidation')).toEqual([]);
}

/** What of a run is shown or handed on, without the one line that makes the runner hide the password. */
function shown({ log, outputs, summary }: ActionRun): string {
  return [log.replace(/^::add-mask::.*$/gm, ''), summary, ...Object.values(outputs)].join('\n');
}

describe.concurrent('before a build', () => {
  const host = '127.0.0.1:5000';
  const image = `${host}/app:v2`;
  const arm = { functions: [{ name: 'web', architecture: 'arm64' as const }] };

  const refusals: { name: string; options: LocalAwsOptions; inputs: Record<string, string>; says: string[] }[] = [
    {
      name: 'build-platform that does not fit the function',
      options: arm,
      inputs: { 'build-platform': 'linux/amd64' },
      says: ['build-platform "linux/amd64"', 'function web', 'linux/arm64'],
    },
    {
      name: 'functions on different processors',
      options: { functions: [{ name: 'web' }, { name: 'api', architecture: 'arm64' }] },
      inputs: { 'function-name': 'web api' },
      says: ['"api" runs on linux/arm64', 'web on linux/amd64', 'one platform'],
    },
    {
      name: 'a function of zips',
      options: { functions: [{ name: 'web', packageType: 'Zip' }] },
      inputs: {},
      says: ['Zip', 'Image'],
    },
  ];
  it.each(refusals)('refuses $name, and asks neither docker nor ECR', async ({ options, inputs, says }) => {
    using job = startJob();
    await using aws = await startSiteAt(host, options);
    const run = await job.deploy(aws, { 'image-uri': image, rollback: 'false', ...inputs });
    expect(run.exitCode).toBe(1);
    expect(run.result.error.code).toBe('invalid-input');
    for (const words of says) {
      expect(run.result.error.message).toContain(words);
    }
    expect(job.dockerCalls()).toEqual([]);
    expect(aws.calls.filter(({ service }) => service === 'ecr')).toEqual([]);
    expectNothingDone(aws, run);
  });

  it('builds nothing in a dry run, and says what it would build', async () => {
    using job = startJob();
    await using aws = await startSiteAt(host);
    const run = await job.deploy(aws, { 'image-uri': `${host}/app`, 'dry-run': 'true' });
    expect(run.log).not.toContain('::error');
    expect(run.log).toContain(`- build ${host}/app:${sha} from ${job.context} and push it`);
    expect(run.log).not.toContain('::group::Build');
    expect(job.dockerCalls()).toEqual([]);
    expect(aws.calls.filter(({ service }) => service === 'ecr')).toEqual([]);
    expectNothingDone(aws, run, 'planned');
  });

  it('starts nothing when ECR lets nobody in', async () => {
    using job = startJob();
    await using aws = await startSiteAt(host, { deny: ['ecr:GetAuthorizationToken'] });
    const run = await job.deploy(aws, { 'image-uri': image });
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('ecr:GetAuthorizationToken'),
    });
    expect(job.dockerCalls()).toEqual([]);
    expectNothingDone(aws, run);
  });

  it('refuses what cannot be built or tagged with all its problems, before any call', async () => {
    using job = startJob();
    await using aws = await startSiteAt(host);
    const noCommit = await job.deploy(aws, { 'image-uri': `${host}/app` }, { env: { GITHUB_SHA: '' } });
    expect(noCommit.result.error.message).toContain('image-uri needs a tag');
    const byDigest = await job.deploy(aws, { 'image-uri': `${host}/app@sha256:${'a'.repeat(64)}` });
    expect(byDigest.result.error.message).toContain('image-uri must have a tag or nothing');
    const elsewhere = await job.deploy(aws, { 'image-uri': 'ghcr.io/octo/app:v2' });
    expect(elsewhere.result.error.message).toContain('private Amazon ECR registry, the only kind');
    const misfit = { 'image-uri': image, architecture: 'arm64', 'build-platform': 'linux/amd64' };
    const contradictory = await job.deploy(aws, misfit);
    expect(contradictory.result.error.message).toContain('does not fit architecture "arm64"');
    expect(aws.calls).toEqual([]);
    expect(job.dockerCalls()).toEqual([]);
  });
});

describe.skipIf(missing.length > 0)(
  'build-context, with a real Docker engine and registry',
  { concurrent: true },
  () => {
    beforeAll(async () => {
      [registry, engine] = await Promise.all([startRegistry({ AWS: password }), startEngine('classic')]);
    }, 60_000);
    afterAll(async () => {
      await Promise.all([engine, registry].map((one) => one?.[Symbol.asyncDispose]()));
    });

    const configOf = async (repository: string, reference: string) => {
      const { json } = (await registry.manifest(repository, reference)) ?? {};
      return JSON.parse((await registry.blob(repository, json.config.digest)).toString());
    };

    it('builds, pushes, updates by digest, publishes and clears, in this order', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/whole:v2` });
      expect(run.log).not.toContain('::error');
      expect(run.exitCode).toBe(0);

      const pushed = await registry.manifest('whole', 'v2');
      const byDigest = `${registry.address}/whole@${pushed?.digest}`;
      expect(callsTo(aws, 'UpdateFunctionCode').map(({ input }) => input.ImageUri)).toEqual([byDigest]);
      expect(aws.functionNamed('web').serving).toMatchObject({ imageUri: byDigest });
      expect(aws.calls.filter(({ effect }) => effect).map(({ action }) => action)).toEqual([
        'UpdateFunctionCode',
        'PublishVersion',
        'CreateInvalidation',
      ]);
      expect(earlyInvalidations(aws)).toEqual([]);
      expect(callsTo(aws, 'GetAuthorizationToken')).toHaveLength(1);
      expect(run.outputs).toMatchObject({
        status: 'succeeded',
        changed: 'true',
        'image-uri': byDigest,
        'code-sha256': pushed?.digest.replace('sha256:', ''),
        'function-version': '1',
        'invalidation-status': 'Completed',
      });
      expect(run.summary).toContain(pushed?.digest);
      expect(run.log).toContain(`${registry.address}/whole:v2: pushed as ${pushed?.digest}`);
    });

    it('shows the build in a group of its own, and the password nowhere', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/shown:v2` });
      const groups = [...run.log.matchAll(/^::group::(.*)\n([\s\S]*?)^::endgroup::/gm)];
      expect(groups.map(([, title]) => title)).toEqual([
        'Look',
        `Build ${registry.address}/shown:v2`,
        'Update 1 function',
        'Clear 1 distribution',
      ]);
      expect(groups[1]?.[2]).toMatch(/^#\d+ .*COPY Dockerfile/m);
      expect(groups[2]?.[2]).not.toContain('COPY Dockerfile');
      const secrets = [password, Buffer.from(`AWS:${password}`).toString('base64')];
      for (const secret of secrets) {
        expect(run.log.split('\n')).toContain(`::add-mask::${secret}`);
        expect(shown(run)).not.toContain(secret);
      }
      expect(job.dockerCalls().join('\n')).not.toContain(password);
      expect(job.leftOver()).toEqual([]);
      expect(job.settings()).toBe(ownSettings);
    });

    it.each([
      { name: 'an arm64 function', architecture: 'arm64', input: {}, built: 'arm64' },
      { name: 'an x86_64 function', architecture: 'x86_64', input: {}, built: 'amd64' },
      {
        name: 'a function that becomes arm64',
        architecture: 'x86_64',
        input: { architecture: 'arm64' },
        built: 'arm64',
      },
    ] as const)('builds for the processor of $name', async ({ name, architecture, input, built }) => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address, { functions: [{ name: 'web', architecture }] });
      const tag = name.replaceAll(' ', '-');
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/platform:${tag}`, ...input });
      expect(run.exitCode).toBe(0);
      expect(await configOf('platform', tag)).toMatchObject({ os: 'linux', architecture: built });
      expect(aws.functionNamed('web').architecture).toBe(built === 'arm64' ? 'arm64' : 'x86_64');
    });

    it('gives an image without a tag that of the commit', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/tagless` });
      const pushed = await registry.manifest('tagless', sha);
      expect(pushed?.digest).toMatch(/^sha256:/);
      expect(run.outputs['image-uri']).toBe(`${registry.address}/tagless@${pushed?.digest}`);
    });

    it('deploys what it built, though somebody pushes the same tag before the update', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const image = `${registry.address}/moved:latest`;
      job.dockerfile('FROM scratch', 'COPY Dockerfile /', 'LABEL by=us');
      const theirs = join(job.context, 'theirs');
      mkdirSync(theirs);
      writeFileSync(join(theirs, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\nLABEL by=them\n');
      job.docker(`real "$@" || exit
[ "$1 $2" = "buildx build" ] && real buildx build --quiet --push --tag ${image} ${theirs} > /dev/null 2>&1
exit 0`);
      const run = await job.deploy(aws, { 'image-uri': image });
      expect(run.log).not.toContain('::error');
      const { serving } = aws.functionNamed('web');
      const [, deployed = ''] = serving.imageUri?.split('@') ?? [];
      expect((await configOf('moved', 'latest')).config.Labels).toEqual({ by: 'them' });
      expect((await configOf('moved', deployed)).config.Labels).toEqual({ by: 'us' });
      expect(run.outputs['image-uri']).toBe(`${registry.address}/moved@${deployed}`);
      expect(deployed).not.toBe((await registry.manifest('moved', 'latest'))?.digest);
    });

    it('builds the same files to the same digest, so that the second run has nothing to update', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const inputs = { 'image-uri': `${registry.address}/again:v2`, invalidate: 'changed' };
      const first = await job.deploy(aws, inputs);
      const again = await job.deploy(aws, inputs, { env: { GITHUB_RUN_ATTEMPT: '2' } });
      expect(again.exitCode).toBe(0);
      expect(again.outputs).toMatchObject({
        status: 'succeeded',
        changed: 'false',
        'image-uri': first.outputs['image-uri'],
        'function-version': first.outputs['function-version'],
        'invalidation-id': '',
      });
      expect(again.log).toContain('web: holds this code already, nothing to update');
      expect(effects(aws, 'UpdateFunctionCode')).toBe(1);
      expect(effects(aws, 'PublishVersion')).toBe(1);
      expect(effects(aws, 'CreateInvalidation')).toBe(1);

      job.dockerfile('FROM scratch', 'COPY Dockerfile /', 'LABEL other=yes');
      const other = await job.deploy(aws, inputs);
      expect(other.outputs).toMatchObject({ changed: 'true', 'function-version': '2' });
    });

    it('builds once for all functions that have no image of their own', async () => {
      using job = startJob();
      const own = '123456789012.dkr.ecr.us-east-1.amazonaws.com/other:v7';
      await using aws = await startSiteAt(registry.address, {
        functions: [{ name: 'web' }, { name: 'api' }, { name: 'other', architecture: 'arm64' }],
        images: { [own]: { architecture: 'arm64' } },
      });
      const run = await job.deploy(aws, {
        'function-name': `web\napi\nother=${own}`,
        'image-uri': `${registry.address}/shared:v2`,
      });
      expect(run.log).not.toContain('::error');
      const built = `${registry.address}/shared@${(await registry.manifest('shared', 'v2'))?.digest}`;
      expect(
        run.result.functions.map(({ name }: { name: string }) => aws.functionNamed(name).serving.imageUri),
      ).toEqual([built, built, own]);
      expect(job.dockerCalls().filter((call) => call.startsWith('buildx build'))).toHaveLength(1);
    });

    it('gets over a sign-in that ECR does not answer at first', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      aws.fault({ action: 'GetAuthorizationToken', kind: 'throttle', times: 2 });
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/throttled:v2` });
      expect(run.exitCode).toBe(0);
      expect(callsTo(aws, 'GetAuthorizationToken')).toHaveLength(3);
    });

    it('after a build that failed changes nothing, clears nothing and says where all stands', async () => {
      using job = startJob();
      await using aws = await startSiteAt(registry.address);
      const before = aws.functionNamed('web').codeSha256;
      job.dockerfile('FROM scratch', 'COPY missing.js /');
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/broken:v2` });
      expect(run.exitCode).toBe(1);
      expect(run.result.error.code).toBe('build-failed');
      expect(run.result.error.message).toMatch(
        /^The build of .*\/broken:v2 ended with exit code 1:\n(.*\n)*.*missing\.js/,
      );
      expect(run.result.error.hint).toContain('COPY or ADD wants');
      expect(run.log).toMatch(/^::error title=[^:]*build-failed/m);
      expect(run.log).toContain('/broken:v2: was not pushed');
      expect(run.log).toContain('web: was not changed');
      expect(run.log).toContain(`${distributionId}: was not cleared`);
      expectNothingDone(aws, run);
      expect(aws.functionNamed('web').codeSha256).toBe(before);
      expect(shown(run)).not.toContain(password);
      expect(job.leftOver()).toEqual([]);
    });

    it('says what to do when the registry does not take the password of ECR', async () => {
      using job = startJob();
      await using aws = await startSite({ registry: { password: 'of-somebody-else' } });
      const run = await job.deploy(aws, { 'image-uri': `${registry.address}/denied:v2` });
      expect(run.result.error).toMatchObject({
        code: 'build-failed',
        message: expect.stringContaining('docker login'),
      });
      expect(shown(run)).not.toContain('of-somebody-else');
      expectNothingDone(aws, run);
    });

    it.each(['SIGINT', 'SIGTERM'] as const)(
      '%s in the middle of a build ends it and leaves nothing',
      async (signal) => {
        using job = startJob();
        await using aws = await startSiteAt(registry.address);
        await using server = await startSilentServer();
        job.dockerfile('FROM scratch', `ADD http://127.0.0.1:${server.port}/ /x`);
        let cancelledAt = Number.NaN;
        let privateSettings: string[] = [];
        const run = await job.deploy(
          aws,
          { 'image-uri': `${registry.address}/cancelled:v2` },
          {
            onStart: (child) =>
              server.onConnection(async () => {
                await setTimeout(200);
                privateSettings = job.leftOver();
                cancelledAt = performance.now();
                child.kill(signal);
              }),
          },
        );
        expect(performance.now() - cancelledAt).toBeLessThan(5000);
        expect(privateSettings).toEqual([expect.stringMatching(/^docker-config-/)]);
        expect(run.exitCode).toBe(1);
        expect(run.result).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
        expectNothingDone(aws, run, 'cancelled');
        expect(run.log).toContain('web: was not changed');
        expect(job.leftOver()).toEqual([]);
        expect(job.settings()).toBe(ownSettings);
        expect(processesWith(job.context)).toEqual([]);
      },
    );
  },
);

/** The command lines, of all processes of the machine, that say something. */
function processesWith(text: string): string[] {
  const commandLine = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // It has ended.
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes(text));
}
