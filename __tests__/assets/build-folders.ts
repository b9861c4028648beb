import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A name, and what gave it its hash; the labels are explained in the file. */
interface LabelledName {
  label: string;
  path: string;
}

/** The names of each build folder. */
export function readBuildFolders(): LabelledName[][] {
  const folders: LabelledName[][] = [];
  let before = '';
  for (const line of readFileSync(join(import.meta.dirname, 'fixtures/build-folders.txt'), 'utf8').split('\n')) {
    if (line.startsWith('=')) {
      folders.push([]);
      before = '';
    }
    const [, label, shared, rest] = /^([A-Za-z])(\d+) (.*)$/s.exec(line) ?? [];
    if (label !== undefined && rest !== undefined) {
      before = before.slice(0, Number(shared)) + rest;
      folders.at(-1)?.push({ label, path: before });
    }
  }
  return folders;
}
