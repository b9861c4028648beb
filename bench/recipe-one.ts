import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildx,
  type Engine,
  missingForDocker,
  type Registry,
  startEngine,
  startRegistry,
} from '../__tests__/support/docker-engine.ts';
import { startClock } from '../local-aws/clock.ts';
import type { LocalAws } from '../local-aws/local-aws.ts';
import type { Figure } from './figure.ts';
import { isThere, runScript } from './recipe.ts';
import { DISTRIBUTION, onLocalAws, releaseWithAction } from './release.ts';
import { sideBySide } from './side-by-side.ts';
import { median } from './statistics.ts';

const ROUNDS = 5;
/** As many as there are contenders, so that each has the same company. */
const AT_ONCE = 3;
const SEED = 2024;
const PASSWORD = '123456789012-auth-token';
/** What each build packs; new in every build, or there would be nothing to push. */
const APP_BYTES = 2_000_000;

/** What a run builds, and where docker finds its plugins and keeps its sign-in. */
interface Job {
  context: string;
  home: string;
  registry: string;
  image: string;
  env: Record<string, string>;
}

type Contender = (aws: LocalAws, job: Job) => Promise<number>;

const contenders = {
  recipe: (aws, { context, registry, image, env }) =>
    runScript('recipe-one.sh', [context, registry, image, 'web', DISTRIBUTION], aws, env),
  // Like the recipe it publishes and does not wait for the invalidation; unlike it, it waits for the version.
  alike: (aws, job) => build(aws, job, { 'wait-for-invalidation': 'false' }),
  asItIs: (aws, job) => build(aws, job, {}),
} satisfies Record<string, Contender>;

type Name = keyof typeof contenders;

function build(aws: LocalAws, { context, registry, image, env }: Job, inputs: Record<string, string>): Promise<number> {
  return releaseWithAction(aws, { 'build-context': context, 'image-uri': `${registry}/${image}`, ...inputs }, { env });
}

/** The whole first recipe, from `docker build` to the invalidation, beside this action in one step. */
export async function measureRecipe(): Promise<Figure[]> {
  const missing = [...missingForDocker(), ...['aws', 'bash'].filter((program) => !isThere(program))];
  if (missing.length > 0) {
    console.log(`recipe: left out, as there is no ${missing.join(', no ')}.`);
    return [];
  }
  await using registry = await startRegistry({ AWS: PASSWORD });
  await using engine = await startEngine('classic');
  const directory = mkdtempSync(join(tmpdir(), 'bench-recipe-'));
  try {
    const names = Object.keys(contenders) as Name[];
    const run = async (name: Name, updateMs: number, job: string) => {
      const place = {
        clocks: { updateMs, versionMs: 1000 },
        architecture: 'arm64' as const,
        registry: { host: registry.address, user: 'AWS', password: PASSWORD },
      };
      const ready = prepareJob(join(directory, job), job, registry, engine);
      const wholeMs = await onLocalAws(place, (aws) => contenders[name](aws, ready));
      return { name, wholeMs };
    };
    // The first of each only warms the caches of the file system.
    await sideBySide(names, AT_ONCE, (name) => run(name, 100, `warm-${name.toLowerCase()}`));
    const clock = startClock(SEED);
    const trials = Array.from({ length: ROUNDS }, () => clock.draw([4000, 12_000])).flatMap((updateMs) =>
      names.map((name) => ({ name, updateMs })),
    );
    const results = await sideBySide(trials, AT_ONCE, ({ name, updateMs }, index) =>
      run(name, updateMs, `run-${index}`),
    );
    return toFigures((name) => results.filter((result) => result.name === name).map(({ wholeMs }) => wholeMs / 1000));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function toFigures(secondsOf: (name: Name) => number[]): Figure[] {
  const recipe = secondsOf('recipe');
  // Round by round, as the updates of one round take equally long.
  const ratio = (seconds: number[]) => seconds.map((one, round) => one / (recipe[round] ?? Number.NaN));
  const [alike, asItIs] = [secondsOf('alike'), secondsOf('asItIs')];
  const n = recipe.length;
  return [
    { name: 'recipe 1, build to invalidation: Makefile', value: median(recipe), unit: 's', n },
    { name: '  this action, invalidation not waited for', value: median(alike), unit: 's', n },
    { name: '  this action, by default', value: median(asItIs), unit: 's', n },
    { name: '  not waited for / Makefile', value: median(ratio(alike)), unit: 'x', n, goal: { below: 1 } },
    { name: '  worst', value: Math.max(...ratio(alike)), unit: 'x', n },
    { name: '  by default / Makefile', value: median(ratio(asItIs)), unit: 'x', n, goal: { below: 1 } },
    { name: '  worst', value: Math.max(...ratio(asItIs)), unit: 'x', n },
  ];
}

function prepareJob(directory: string, tag: string, registry: Registry, { host }: Engine): Job {
  const [home, context] = [join(directory, 'home'), join(directory, 'context')];
  mkdirSync(join(home, '.docker/cli-plugins'), { recursive: true });
  mkdirSync(context);
  symlinkSync(buildx, join(home, '.docker/cli-plugins/docker-buildx'));
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY app /app\n');
  writeFileSync(join(context, 'app'), randomBytes(APP_BYTES));
  const env = { HOME: home, DOCKER_HOST: host, RUNNER_TEMP: directory };
  return { context, home, registry: registry.address, image: `web:${tag}`, env };
}
