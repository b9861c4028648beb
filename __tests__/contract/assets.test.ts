import { describe, expect, it } from 'vitest';
import { findHashedNames } from '../../src/assets/hashed-names.ts';
import { headersOf, parseHeaderRule } from '../../src/assets/headers.ts';
import { parsePrefix } from '../../src/assets/keys.ts';
import { readBuildFolders } from '../assets/build-folders.ts';
import { codesIn, tableOf } from './tables.ts';

const file = 'docs/assets.md';

describe('docs/assets.md is right about', () => {
  const build = tableOf(file, 'headers').map(([path]) => codesIn(path)[0] ?? '');

  it.each(tableOf(file, 'headers'))('the Cache-Control of %s: %s', (cell, value) => {
    const path = codesIn(cell)[0] ?? '';
    expect([headersOf(path, findHashedNames(build).has(path), '', []).cacheControl]).toEqual(codesIn(value));
  });

  it.each(tableOf(file, 'rules'))('what %s does to %s: %s', (line, path, value) => {
    const rule = parseHeaderRule(codesIn(line)[0] ?? '');
    const isTaken = !('problem' in rule) && rule.matches(codesIn(path)[0] ?? '');
    expect(isTaken ? [rule.value] : 'nothing').toEqual(isTaken ? codesIn(value) : value);
  });

  const names = readBuildFolders().flatMap((folder) => {
    const hashed = findHashedNames(folder.map(({ path }) => path));
    return folder.map(({ label, path }) => ({ label, isHashed: hashed.has(path) }));
  });
  const counted = (labels: string) => {
    const of = names.filter(({ label }) => labels.includes(label));
    return [of.filter(({ isHashed }) => isHashed).length, of.length].map((count) => count.toLocaleString('en-US'));
  };

  it.each(tableOf(file, 'hashed'))('how many hashes of %s are found', (tool = '', found, total) => {
    expect([found, total]).toEqual(counted(labels[tool] ?? ''));
  });

  it.each(tableOf(file, 'plain'))('how many of %s are taken for hashes', (kind = '', wrong, total) => {
    expect(wrong).toBe('0');
    expect([wrong, total]).toEqual(counted(labels[kind] ?? ''));
  });

  it('and all labels are in its tables', () => {
    expect(names.length).toBeGreaterThan(20_000);
    const shown = [...tableOf(file, 'hashed'), ...tableOf(file, 'plain')].map(([name = '']) => labels[name] ?? '');
    expect([...new Set(names.map(({ label }) => label))].sort()).toEqual([...new Set([...shown.join('')])].sort());
  });

  it.each(tableOf(file, 'prefixes'))('the prefix %s: %s', (prefix, key) => {
    const parsed = parsePrefix(codesIn(prefix)[0] ?? '');
    expect('problem' in parsed ? 'refused' : `${parsed.prefix}app.js`).toBe(codesIn(key)[0] ?? key);
  });
});

/** Of `__tests__/assets/fixtures/build-folders.txt`. */
const labels: Record<string, string> = {
  'Vite, VitePress, Laravel': 'VL',
  'Next.js': 'N',
  Gatsby: 'G',
  Docusaurus: 'D',
  Nuxt: 'U',
  Pagefind: 'F',
  'Shakapacker, Propshaft (Rails), Ember': 'RPM',
  Qwik: 'Q',
  SvelteKit: 'S',
  Astro: 'A',
  'Create React App, Vue CLI, Webpack Encore': 'CYW',
  Angular: 'X',
  Expo: 'E',
  'Parcel, Material for MkDocs, mdBook': 'BHK',
  'All of them': 'VLNGDUFRPMQSACYWXEBHK',
  'ids, addresses, hashes of something else': 'i',
  'numbers, dates, sizes': 'd',
  'other names': 'p',
};
