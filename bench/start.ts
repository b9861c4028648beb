import { spawn } from 'node:child_process';
import type { Figure } from './figure.ts';
import { onLocalAws, releaseWithAction } from './release.ts';
import { median } from './statistics.ts';

const ROUNDS = 20;

/** How soon the bundle is at work, in starts of an empty Node: the same on a slow machine as on a fast one. */
export function measureStart(): Promise<Figure[]> {
  return onLocalAws({ clocks: { apiMs: 0 } }, async (aws) => {
    const rounds: { emptyMs: number; bundleMs: number }[] = [];
    // One round more, which only warms the file system's cache.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const emptyMs = await startEmptyNode();
      const before = aws.calls.length;
      const beganAt = performance.now();
      // A dry run begins with the same requests, and is soon over.
      await releaseWithAction(aws, { 'dry-run': 'true' });
      const firstAt = aws.calls[before]?.at ?? Number.NaN;
      if (round > 0) {
        rounds.push({ emptyMs, bundleMs: firstAt - beganAt });
      }
    }
    const n = rounds.length;
    const ratio = median(rounds.map(({ emptyMs, bundleMs }) => bundleMs / emptyMs));
    return [
      { name: 'start: first request / `node -e 0`', value: ratio, unit: 'x', n, goal: { atMost: 6 } },
      { name: '  first request', value: median(rounds.map(({ bundleMs }) => bundleMs)), unit: 'ms', n },
      { name: '  `node -e 0`', value: median(rounds.map(({ emptyMs }) => emptyMs)), unit: 'ms', n },
    ];
  });
}

async function startEmptyNode(): Promise<number> {
  const beganAt = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { env: {}, stdio: 'ignore' });
  await new Promise((done, failed) => child.once('error', failed).once('close', done));
  return performance.now() - beganAt;
}
