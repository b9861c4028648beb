import { spawn } from 'node:child_process';
import type { LocalAws } from '../local-aws/local-aws.ts';
import { evaluationsOf } from './evaluations.ts';
import type { Figure } from './figure.ts';
import { NEW_IMAGE, onLocalAws, releaseWithAction } from './release.ts';
import { median } from './statistics.ts';

const ROUNDS = 20;

/** The one run looks at its image in ECR after the first request, the other never needs ECR. */
const image = { 'function-name': 'web', 'image-uri': NEW_IMAGE };
const s3 = { 'function-name': 'zipped', 'image-uri': '', 's3-bucket': 'releases', 's3-key': 'web.zip' };
/** Stands in the bundle once, in ECR's client. */
const inEcrClient = 'AmazonEC2ContainerRegistry_V20150921';

/** How soon the bundle is at work, in starts of an empty Node: the same on a slow machine as on a fast one. */
export function measureStart(): Promise<Figure[]> {
  return onLocalAws({ clocks: { apiMs: 0 } }, async (aws) => {
    aws.addFunction({ name: 'zipped', packageType: 'Zip' });
    const rounds: { emptyMs: number; image: Start; s3: Start }[] = [];
    // One round more, which only warms the file system's cache.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const starts = { emptyMs: await startEmptyNode(), image: await start(aws, image), s3: await start(aws, s3) };
      if (round > 0) {
        rounds.push(starts);
      }
    }
    const n = rounds.length;
    const middle = (read: (round: (typeof rounds)[number]) => number) => median(rounds.map(read));
    const ratio = middle((round) => round.image.firstMs / round.emptyMs);
    const ratioWithoutEcr = middle((round) => round.s3.firstMs / round.emptyMs);
    return [
      { name: 'start: first request / `node -e 0`', value: ratio, unit: 'x', n, goal: { atMost: 6 } },
      { name: '  first request', value: middle((round) => round.image.firstMs), unit: 'ms', n },
      { name: '  `node -e 0`', value: middle(({ emptyMs }) => emptyMs), unit: 'ms', n },
      {
        name: 'start without ECR (code in S3) / `node -e 0`',
        value: ratioWithoutEcr,
        unit: 'x',
        n,
        goal: { atMost: 6 },
      },
      { name: '  with ECR / without', value: middle((round) => round.image.firstMs / round.s3.firstMs), unit: 'x', n },
      {
        name: '  first request to the second, one to ECR',
        value: middle((round) => round.image.nextMs),
        unit: 'ms',
        n,
      },
      { name: '  first request to the second, none to ECR', value: middle((round) => round.s3.nextMs), unit: 'ms', n },
      ...(await measureEcr(aws)),
    ];
  });
}

interface Start {
  firstMs: number;
  /** From the first request to the second. */
  nextMs: number;
}

/** A dry run begins with the same requests, and is soon over. */
async function start(aws: LocalAws, inputs: Record<string, string>): Promise<Start> {
  const before = aws.calls.length;
  const beganAt = performance.now();
  await releaseWithAction(aws, { ...inputs, 'dry-run': 'true' });
  const [first = Number.NaN, next = Number.NaN] = aws.calls.slice(before).map(({ at }) => at);
  return { firstMs: first - beganAt, nextMs: next - first };
}

/** Not by the clock but by V8's own count: whether ECR's client is evaluated where it is not needed, or not yet. */
async function measureEcr(aws: LocalAws): Promise<Figure[]> {
  const dryRun = { 'dry-run': 'true' };
  const needed = await evaluationsOf(inEcrClient, aws, { ...image, ...dryRun });
  const unneeded = await evaluationsOf(inEcrClient, aws, { ...s3, ...dryRun });
  aws.denied.add('lambda:GetFunction');
  const notYet = await evaluationsOf(inEcrClient, aws, { ...image, ...dryRun });
  aws.denied.delete('lambda:GetFunction');
  if (needed === 0) {
    throw new Error("V8 did not count ECR's client where it is needed.");
  }
  const goal = { atMost: 0 };
  return [
    { name: "ECR's client evaluated: code in S3", value: unneeded, unit: 'times', n: 1, goal },
    { name: '  image, run ended by its first request', value: notYet, unit: 'times', n: 1, goal },
    { name: '  image', value: needed, unit: 'times', n: 1 },
  ];
}

async function startEmptyNode(): Promise<number> {
  const beganAt = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { env: {}, stdio: 'ignore' });
  await new Promise((done, failed) => child.once('error', failed).once('close', done));
  return performance.now() - beganAt;
}
