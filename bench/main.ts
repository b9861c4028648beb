/**
 * `npm run bench -- [--only start,size,…] [--check] [results.json]`: the figures this project promises, measured.
 * Missed goals fail only with --check; what could not be measured always does.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAssets } from './assets.ts';
import { type Comparison, compare, toCells as toContestCells } from './beside.ts';
import { type Figure, isMet, table, toCells, verdict } from './figure.ts';
import { measureLateness } from './lateness.ts';
import { measureMany } from './many.ts';
import { measureMemory } from './memory.ts';
import { measurePlanner } from './planner.ts';
import { measureRecipe } from './recipe-one.ts';
import { measureRegenerate } from './regenerate.ts';
import { measureRollout } from './rollout.ts';
import { measureSize } from './size.ts';
import { measureStart } from './start.ts';

const measurements: Record<string, () => Promise<Figure[] | Comparison>> = {
  start: measureStart,
  size: measureSize,
  memory: measureMemory,
  lateness: measureLateness,
  many: measureMany,
  planner: measurePlanner,
  assets: measureAssets,
  beside: compare,
  recipe: measureRecipe,
  regenerate: measureRegenerate,
  rollout: measureRollout,
};

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false }, only: { type: 'string' } },
  allowPositionals: true,
});
const file = resolve(positionals[0] ?? resolve(import.meta.dirname, 'results.json'));
const names = values.only?.split(',') ?? Object.keys(measurements);

const figures: Figure[] = [];
const comparison: Comparison = { contests: [], notes: [] };
const failures: string[] = [];
for (const name of names) {
  await measure(name);
}

const head = ['measurement', 'measured', 'goal', '', 'n'];
console.log(`\n${table(head, figures.map(toCells))}`);
if (comparison.contests.length > 0) {
  const contestHead = ['updates of', 'released by', 'late: median', 'worst', 'whole time', 'n'];
  console.log(`\n${table(contestHead, comparison.contests.map(toContestCells))}`);
}
console.log(['', ...comparison.notes, ...failures].join('\n'));
const machine = { node: process.version, platform: process.platform, arch: process.arch, cpus: cpus().length };
const judged = figures.map((figure) => ({ ...figure, ...(figure.goal && { verdict: verdict(figure) }) }));
const results = { date: new Date().toISOString(), machine, figures: judged, ...comparison, failures };
writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
const isMissed = values.check && !figures.every(isMet);
process.exitCode = failures.length > 0 || isMissed ? 1 : 0;
console.log(`Results: ${file}`);

async function measure(name: string): Promise<void> {
  const work = measurements[name];
  const beganAt = performance.now();
  try {
    if (work === undefined) {
      throw new Error(`there are only ${Object.keys(measurements).join(', ')}.`);
    }
    const found = await work();
    if (Array.isArray(found)) {
      figures.push(...found);
    } else {
      comparison.contests.push(...found.contests);
      comparison.notes.push(...found.notes);
    }
    console.log(`${name}: measured in ${((performance.now() - beganAt) / 1000).toFixed(0)} s`);
  } catch (error) {
    failures.push(`${name} could not be measured: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`${name}: could not be measured`);
  }
}
