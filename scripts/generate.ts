/** Writes what is derived from action.yml: src/action.json and the tables of README.md. `npm run generate` */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Action {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
}

export function readAction(): Action {
  return parse(readFileSync('action.yml', 'utf8')) as Action;
}

/** Name and default of every input, so that action.yml stays the only home of defaults. */
export function toDefaults({ inputs }: Action): string {
  return `${JSON.stringify(Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.default ?? ''])), null, 2)}\n`;
}

/** The README with the tables that action.yml asks for between its markers; the rest stays as it is. */
export function withTables(readme: string, { inputs, outputs }: Action): string {
  const inputTable = table(
    ['Input', 'Meaning', 'Default'],
    Object.entries(inputs).map(([name, input]) => [code(name), input.description, code(input.default ?? '')]),
  );
  const outputTable = table(
    ['Output', 'Meaning'],
    Object.entries(outputs).map(([name, output]) => [code(name), output.description]),
  );
  return between(between(readme, 'inputs', inputTable), 'outputs', outputTable);
}

/** As the formatter wants it: every column as wide as its widest cell. */
function table(head: string[], rows: string[][]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.trim().replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const [first = [], ...others] = cells;
  return [first, widths.map((width) => '-'.repeat(width)), ...others]
    .map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
    .join('\n');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function between(readme: string, name: string, text: string): string {
  const [before, rest] = cut(readme, `<!-- ${name} -->`);
  const [, after] = cut(rest, `<!-- /${name} -->`);
  return `${before}<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->${after}`;
}

function cut(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker);
  if (at === -1) {
    throw new Error(`README.md lacks the marker ${marker}.`);
  }
  return [text.slice(0, at), text.slice(at + marker.length)];
}

if (import.meta.main) {
  const action = readAction();
  writeFileSync('src/action.json', toDefaults(action));
  writeFileSync('README.md', withTables(readFileSync('README.md', 'utf8'), action));
}
