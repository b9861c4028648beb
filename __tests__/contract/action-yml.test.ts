import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readAction, toDefaults, withTables } from '../../scripts/generate.ts';
import { emptyOutcome } from '../../src/outcome.ts';
import { toOutputs } from '../../src/report/outputs.ts';

const action = readAction();

it('gives src/action.json its names and defaults', () => {
  expect(readFileSync('src/action.json', 'utf8'), 'run npm run generate').toBe(toDefaults(action));
});

it('gives the README its tables', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(readme, 'run npm run generate').toBe(withTables(readme, action));
});

it('declares the outputs that a run sets, in the same order', () => {
  expect(Object.keys(toOutputs(emptyOutcome(undefined)))).toEqual(Object.keys(action.outputs));
});
