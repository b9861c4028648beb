import { describe, expect, it } from 'vitest';
import { parseMapping, pathsOfFiles } from '../../src/cloudfront/changed-files.ts';
import { parsePath, pathVariants } from '../../src/cloudfront/paths.ts';
import { planItems } from '../../src/cloudfront/planner.ts';
import { codesIn, tableOf } from './tables.ts';

const file = 'docs/caching.md';

describe('docs/caching.md is right about', () => {
  it.each(tableOf(file, 'paths'))('how %s is cleared: %s', (written, cleared) => {
    const parsed = parsePath(codesIn(written)[0] ?? '');
    const [path] = codesIn(cleared);
    expect('path' in parsed ? parsed.path : `refused: ${parsed.problem}`).toBe(path ?? cleared);
  });

  it.each(tableOf(file, 'variants'))('what is cleared with %s: %s', (named, others) => {
    expect(codesIn(named).flatMap(pathVariants)).toEqual([...codesIn(named), ...codesIn(others)]);
  });

  it.each(tableOf(file, 'mappings'))('where %s takes %s: %s', (line, file, path) => {
    const mapping = parseMapping(codesIn(line)[0] ?? '');
    expect('problem' in mapping ? mapping.problem : pathsOfFiles([mapping], codesIn(file))).toEqual(codesIn(path));
  });

  it.each(tableOf(file, 'plans'))('what becomes of %s with max-paths %s: %s', (asked, most, cleared) => {
    expect(planItems(codesIn(asked), Number(most)).items).toEqual(codesIn(cleared));
  });
});
