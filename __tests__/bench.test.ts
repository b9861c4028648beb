import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isMet } from '../bench/figure.ts';
import { simulateSdkLateness } from '../bench/sdk-waiter.ts';
import { sideBySide } from '../bench/side-by-side.ts';
import { busiestWindow, median, quantile } from '../bench/statistics.ts';

const bench = resolve(import.meta.dirname, '../bench/main.ts');

describe('statistics', () => {
  it.each([
    { name: 'nothing', moments: [], most: 0 },
    { name: 'moments out of order', moments: [900, 0, 400], most: 3 },
    { name: 'moments exactly a window apart', moments: [0, 1000, 2000], most: 1 },
    { name: 'a burst between quiet times', moments: [0, 5000, 5100, 5200, 9000], most: 3 },
  ])('finds the busiest second of $name', ({ moments, most }) => {
    expect(busiestWindow(moments, 1000)).toBe(most);
  });

  it('takes medians and quantiles between values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 1)).toBe(5);
    expect(() => median([])).toThrow('no value');
  });
});

describe('a goal', () => {
  const figure = { name: 'x', unit: 's', n: 1 };
  it.each([
    { name: 'at the most allowed', value: 6, goal: { atMost: 6 }, met: true },
    { name: 'above the most allowed', value: 6.01, goal: { atMost: 6 }, met: false },
    { name: 'at the limit to stay below', value: 120, goal: { below: 120 }, met: false },
    { name: 'that could not be counted', value: Number.NaN, goal: { below: 120 }, met: false },
  ])('$name is met: $met', ({ value, goal, met }) => {
    expect(isMet({ ...figure, value, goal })).toBe(met);
  });
});

it('simulates the delays of the SDK: the second look comes after exactly one second', () => {
  for (const lateness of simulateSdkLateness(999, 20, 1)) {
    expect(lateness).toBeCloseTo(1);
  }
  expect(Math.max(...simulateSdkLateness(40_000, 1000, 1))).toBeGreaterThan(10_000);
});

it('works on no more at once than asked for, and keeps the order', async () => {
  let running = 0;
  let most = 0;
  const results = await sideBySide([30, 1, 20, 1], 2, async (ms) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((done) => setTimeout(done, ms));
    running -= 1;
    return ms;
  });
  expect(results).toEqual([30, 1, 20, 1]);
  expect(most).toBe(2);
});

describe('npm run bench', () => {
  it('writes what it measured to the file it names last', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'results.json');
    const { stdout } = await promisify(execFile)(process.execPath, [bench, '--only', 'size', '--check', file]);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`Results: ${file}`);
    expect(JSON.parse(readFileSync(file, 'utf8')).figures).toEqual([expect.objectContaining({ verdict: 'met' })]);
  });

  it('fails when something could not be measured', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const run = promisify(execFile)(process.execPath, [bench, '--only', 'speed', join(directory, 'results.json')]);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('speed could not be measured'),
    });
  });
});
