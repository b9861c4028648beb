import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LocalAws } from '../local-aws/local-aws.ts';
import { startLocalAws } from '../local-aws/server.ts';
import type { Figure } from './figure.ts';
import { isThere } from './recipe.ts';
import { median } from './statistics.ts';

const FILES = 10_000;
const FILES_IN_DIRECTORY = 100;
const SECOND_RUNS = 5;
const BYTES = [200, 4000] as const;

interface Contender {
  name: string;
  bucket: string;
  command: (directory: string) => string[];
}

const ours: Contender = {
  name: 'ours',
  bucket: 'ours',
  command: (directory) => [process.execPath, fileURLToPath(import.meta.resolve('./assets-run.ts')), directory, 'ours'],
};
const sync: Contender = {
  name: '`aws s3 sync`',
  bucket: 'theirs',
  command: (directory) => ['aws', 's3', 'sync', '--only-show-errors', directory, 's3://theirs'],
};

/** Many small files to an S3 on this machine, then the same again with nothing changed. */
export async function measureAssets(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-assets-'));
  try {
    plantFiles(directory);
    const [own, theirs] = await measure(isThere('aws') ? [ours, sync] : [ours], directory);
    return [...(own === undefined ? [] : ownFigures(own)), ...(own && theirs ? besideFigures(own, theirs) : [])];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function plantFiles(directory: string): void {
  const [least, most] = BYTES;
  for (let index = 0; index < FILES; index += 1) {
    const folder = join(directory, `folder-${Math.floor(index / FILES_IN_DIRECTORY)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${index}.js`), randomBytes(least + ((index * 37) % (most - least))));
  }
}

interface Times {
  firstMs: number;
  secondMs: number;
  /** By a second run: what it asked for, and how often all of them changed something. */
  secondCalls: number;
  secondUploads: number;
}

/** The second runs take turns, so that a noisy moment hits both; each has an S3 of its own. */
async function measure(contenders: readonly Contender[], directory: string): Promise<Times[]> {
  const places = await Promise.all(
    contenders.map(async (contender) => ({
      contender,
      aws: await startLocalAws({ buckets: { [contender.bucket]: {} } }),
      firstMs: 0,
      secondMs: [] as number[],
    })),
  );
  try {
    for (const place of places) {
      const { contender, aws } = place;
      place.firstMs = await run(contender, directory, aws);
      if (aws.buckets.keys(contender.bucket).length !== FILES) {
        throw new Error(`${contender.name} did not upload every file.`);
      }
      aws.calls.length = 0;
    }
    for (let round = 0; round < SECOND_RUNS; round += 1) {
      for (const { contender, aws, secondMs } of places) {
        secondMs.push(await run(contender, directory, aws));
      }
    }
    return places.map(({ aws, firstMs, secondMs }) => ({
      firstMs,
      secondMs: median(secondMs),
      secondCalls: aws.calls.length / SECOND_RUNS,
      secondUploads: aws.calls.filter(({ effect }) => effect).length,
    }));
  } finally {
    await Promise.all(places.map(({ aws }) => aws.stop()));
  }
}

async function run({ name, command }: Contender, directory: string, aws: LocalAws): Promise<number> {
  const [program = '', ...args] = command(directory);
  const beganAt = performance.now();
  const child = spawn(program, args, {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...aws.env,
      AWS_DEFAULT_REGION: aws.env.AWS_REGION,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exitCode = await new Promise((done, failed) => child.once('error', failed).once('close', done));
  if (exitCode !== 0) {
    throw new Error(`${name} ended with exit code ${exitCode}.`);
  }
  return performance.now() - beganAt;
}

function ownFigures({ firstMs, secondMs, secondCalls, secondUploads }: Times): Figure[] {
  const n = SECOND_RUNS;
  return [
    { name: `assets: ${FILES} files, first run`, value: firstMs / 1000, unit: 's', n: 1 },
    { name: '  second run, nothing changed', value: secondMs / 1000, unit: 's', n },
    { name: '  second / first', value: secondMs / firstMs, unit: 'x', n, goal: { atMost: 0.5 } },
    { name: '  calls of a second run', value: secondCalls, unit: '', n, goal: { atMost: FILES / 1000 + 1 } },
    { name: '  uploads of the second runs', value: secondUploads, unit: '', n, goal: { atMost: 0 } },
  ];
}

function besideFigures(own: Times, theirs: Times): Figure[] {
  const n = SECOND_RUNS;
  const first = own.firstMs / theirs.firstMs;
  return [
    { name: '  `aws s3 sync`, first run', value: theirs.firstMs / 1000, unit: 's', n: 1 },
    { name: '  `aws s3 sync`, second run', value: theirs.secondMs / 1000, unit: 's', n },
    { name: '  first run / `aws s3 sync`', value: first, unit: 'x', n: 1, goal: { atMost: 1 } },
    {
      name: '  second run / `aws s3 sync`',
      value: own.secondMs / theirs.secondMs,
      unit: 'x',
      n,
      goal: { atMost: 0.5 },
    },
  ];
}
