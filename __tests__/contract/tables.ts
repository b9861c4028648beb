import { readFileSync } from 'node:fs';

/** The rows of the table between two markers, `<!-- name -->` and `<!-- /name -->`, of a page. */
export function tableOf(file: string, name: string): string[][] {
  const [, between = ''] = readFileSync(file, 'utf8').split(new RegExp(`<!-- /?${name} -->`));
  const rows = between.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| --'));
  if (rows.length < 2) {
    throw new Error(`${file} has no table ${name}`);
  }
  return rows.slice(1).map((row) =>
    row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** What stands between backquotes. */
export function codesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}
