import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseMapping, pathsOfFiles } from '../../src/cloudfront/changed-files.ts';
import { parsePath, pathVariants } from '../../src/cloudfront/paths.ts';
import { planItems } from '../../src/cloudfront/planner.ts';

const text = readFileSync('docs/caching.md', 'utf8');

describe('docs/caching.md is right about', () => {
  it.each(tableOf('paths'))('how %s is cleared: %s', (written, cleared) => {
    const parsed = parsePath(codesIn(written)[0] ?? '');
    const [path] = codesIn(cleared);
    expect('path' in parsed ? parsed.path : `refused: ${parsed.problem}`).toBe(path ?? cleared);
  });

  it.each(tableOf('variants'))('what is cleared with %s: %s', (named, others) => {
    expect(codesIn(named).flatMap(pathVariants)).toEqual([...codesIn(named), ...codesIn(others)]);
  });

  it.each(tableOf('mappings'))('where %s takes %s: %s', (line, file, path) => {
    const mapping = parseMapping(codesIn(line)[0] ?? '');
    expect('problem' in mapping ? mapping.problem : pathsOfFiles([mapping], codesIn(file))).toEqual(codesIn(path));
  });

  it.each(tableOf('plans'))('what becomes of %s with max-paths %s: %s', (asked, most, cleared) => {
    expect(planItems(codesIn(asked), Number(most)).items).toEqual(codesIn(cleared));
  });
});

/** The rows of the table between two markers. */
function tableOf(name: string): [string, string, string][] {
  const [, between = ''] = text.split(new RegExp(`<!-- /?${name} -->`));
  const rows = between.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| --'));
  if (rows.length < 2) {
    throw new Error(`docs/caching.md has no table ${name}`);
  }
  return rows.slice(1).map((row) => {
    const [first = '', second = '', third = ''] = row.slice(2, -2).split(' | ');
    return [first.trim(), second.trim(), third.trim()];
  });
}

function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}
