import type { Change } from './moto.ts';

/** Names of files by what is special about them. */
const names = {
  plain: (n: number) => `page-${n}.html`,
  'in a directory': (n: number) => `docs/v${n % 7}/page-${n}.html`,
  'with a space': (n: number) => `my page ${n}.html`,
  'with +': (n: number) => `c++/lesson+${n}.html`,
  'not ASCII': (n: number) => `über/日本-${n}.html`,
  'with % or ?': (n: number) => (n % 2 === 0 ? `${n}%.html` : `what-${n}?.html`),
  'with ~': (n: number) => `~user/${n}.html`,
};

export type Kind = keyof typeof names;
export const kinds = Object.keys(names) as Kind[];

/** What is special about a key. */
export function kindOf(key: string): Kind {
  const special: [RegExp, Kind][] = [
    [/~/, 'with ~'],
    [/[%?]/, 'with % or ?'],
    [/[^\p{ASCII}]/u, 'not ASCII'],
    [/\+/, 'with +'],
    [/ /, 'with a space'],
    [/\//, 'in a directory'],
  ];
  return special.find(([pattern]) => pattern.test(key))?.[1] ?? 'plain';
}

/** So many changes in a bucket, always the same: files of every kind, of which each eighth is changed and each fifth deleted. */
export function history(length: number): Change[] {
  const changes: Change[] = [];
  for (let n = 0; changes.length < length; n += 1) {
    const key = names[kinds[n % kinds.length] ?? 'plain'](n);
    changes.push(['put', key]);
    if (n % 8 === 3) changes.push(['put', key]);
    if (n % 5 === 4) changes.push(['delete', key]);
  }
  return changes.slice(0, length);
}
