/** Writes what is derived from action.yml: src/action.json. `npm run generate` */
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

if (import.meta.main) {
  writeFileSync('src/action.json', toDefaults(readAction()));
}
