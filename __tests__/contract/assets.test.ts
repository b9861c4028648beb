import { describe, expect, it } from 'vitest';
import { findHashedNames } from '../../src/assets/hashed-names.ts';
import { headersOf, parseHeaderRule } from '../../src/assets/headers.ts';
import { parsePrefix } from '../../src/assets/keys.ts';
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

  it.each(tableOf(file, 'prefixes'))('the prefix %s: %s', (prefix, key) => {
    const parsed = parsePrefix(codesIn(prefix)[0] ?? '');
    expect('problem' in parsed ? 'refused' : `${parsed.prefix}app.js`).toBe(codesIn(key)[0] ?? key);
  });
});
