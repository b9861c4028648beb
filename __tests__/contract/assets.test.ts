import { describe, expect, it } from 'vitest';
import { cacheControlOf, parseCacheRule } from '../../src/assets/headers.ts';
import { parsePrefix } from '../../src/assets/keys.ts';
import { codesIn, tableOf } from './tables.ts';

const file = 'docs/assets.md';

describe('docs/assets.md is right about', () => {
  it.each(tableOf(file, 'headers'))('the Cache-Control of %s: %s', (path, value) => {
    expect([cacheControlOf(codesIn(path)[0] ?? '', [])]).toEqual(codesIn(value));
  });

  it.each(tableOf(file, 'rules'))('what %s does to %s: %s', (line, path, value) => {
    const rule = parseCacheRule(codesIn(line)[0] ?? '');
    const found = 'problem' in rule ? rule.problem : cacheControlOf(codesIn(path)[0] ?? '', [rule]);
    expect([found]).toEqual(codesIn(value));
  });

  it.each(tableOf(file, 'prefixes'))('the prefix %s: %s', (prefix, key) => {
    const parsed = parsePrefix(codesIn(prefix)[0] ?? '');
    expect('problem' in parsed ? 'refused' : `${parsed.prefix}app.js`).toBe(codesIn(key)[0] ?? key);
  });
});
