import { type ChildProcess, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Figure } from './figure.ts';
import { onLocalAws, releaseWithAction } from './release.ts';
import { sideBySide } from './side-by-side.ts';

const RUNS = 3;

/** The most memory that the bundle ever held over a whole release. */
export async function measureMemory(): Promise<Figure[]> {
  const peaks = await sideBySide(Array.from({ length: RUNS }), RUNS, () =>
    onLocalAws({ clocks: { updateMs: 3000, versionMs: 1000 } }, async (aws) => {
      const peak = { bytes: 0 };
      await releaseWithAction(aws, {}, { onStart: (child) => watchPeak(child, peak) });
      return peak.bytes;
    }),
  );
  const worst = Math.max(...peaks);
  if (worst === 0) {
    throw new Error('this system does not tell the memory of a process.');
  }
  return [{ name: 'memory: peak resident', value: worst / 1e6, unit: 'MB', n: RUNS, goal: { below: 120 } }];
}

function watchPeak(child: ChildProcess, peak: { bytes: number }): void {
  const everyMs = process.platform === 'linux' ? 20 : 100;
  const timer = setInterval(() => {
    if (child.pid !== undefined) {
      peak.bytes = Math.max(peak.bytes, residentBytes(child.pid));
    }
  }, everyMs);
  child.once('exit', () => clearInterval(timer));
}

/**
 * Linux keeps the high-water mark of a process, so only what grows after the last look is missed. Its `maxRSS` would not
 * do: it begins with that of the parent.
 */
function residentBytes(pid: number): number {
  try {
    const kibibytes =
      process.platform === 'linux'
        ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}
