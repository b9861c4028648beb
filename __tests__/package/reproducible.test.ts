import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isInstalled, type Node, plant, runScript, source, temporary } from './trees.ts';

const pack = `
  import { copyFileSync } from 'node:fs';
  const { connectZips } = await import(${source('zips.ts')});
  const [root, file, umask] = process.argv.slice(1);
  process.umask(Number(umask));
  const zips = connectZips();
  copyFileSync((await zips.pack(root)).file, file);
  await zips.clean();`;

/** What Python, which wrote none of it, reads in a zip. */
const list = `
import json, sys, zipfile
zipped = zipfile.ZipFile(sys.argv[1])
assert zipped.testzip() is None
print(json.dumps([[i.filename, i.external_attr >> 16, zipped.read(i).hex(), len(i.extra), i.date_time] for i in zipped.infolist()]))`;

const python = (args: string[]) => promisify(execFile)('python3', args, { maxBuffer: 64 * 1_048_576 });

// Directories and files named apart, so that no path is both.
const word = fc.constantFrom('a', 'B', 'b', 'é', 'e\u0301', 'z z', '日本', '\uffee', '😀', '-', '_.', '0', "'");
const path = fc
  .tuple(fc.array(word, { maxLength: 3 }), fc.string({ unit: word, minLength: 1, maxLength: 3 }))
  .map(([directories, name]) => [...directories.map((one) => `${one}.d`), `${name}.f`].join('/'));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  // Around the size of a piece, and well above; of few letters, so that there is something to compress.
  fc
    .tuple(fc.constantFrom(262_143, 262_144, 262_145, 600_000), fc.integer({ min: 1, max: 2 ** 31 }))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, n) => (Math.imul(n ^ seed, 2_654_435_761) >>> 28) & 15)),
);
const files = fc.dictionary(path, fc.record({ bytes, isExecutable: fc.boolean(), isLinked: fc.boolean() }), {
  minKeys: 1,
  maxKeys: 12,
});

it('the same files give the same bytes, whatever else is different', { timeout: 180_000 }, async () => {
  const hasPython = isInstalled('python3');
  if (!hasPython) {
    console.log('There is no python3 on this machine, so nobody else reads the zips.');
  }
  await fc.assert(
    fc.asyncProperty(files, async (tree) => {
      using temp = temporary();
      const entries = Object.entries(tree).flatMap(([name, { bytes, isLinked }]): [string, Node][] => [
        [name, bytes],
        ...(isLinked ? [[`${name}.link`, { link: `./${name.split('/').at(-1)}` }] as [string, Node]] : []),
      ]);
      const one = plant(join(temp.path, 'one'), Object.fromEntries(entries));
      const other = plant(join(temp.path, 'a', 'longer', 'path'), Object.fromEntries(entries.reverse()));
      for (const [name, { isExecutable }] of Object.entries(tree)) {
        chmodSync(join(one, name), isExecutable ? 0o755 : 0o644);
        chmodSync(join(other, name), isExecutable ? 0o510 : 0o466);
        utimesSync(join(other, name), 1, 4_102_444_800);
      }
      mkdirSync(join(other, 'left behind', 'by an earlier step'), { recursive: true });

      const zips = [join(temp.path, 'one.zip'), join(temp.path, 'other.zip')] as const;
      await Promise.all([
        runScript(pack, [one, zips[0], '0'], { TZ: 'Pacific/Kiritimati', LC_ALL: 'C' }),
        runScript(pack, [other, zips[1], '63'], { TZ: 'America/Anchorage', LC_ALL: 'tr_TR.UTF-8' }),
      ]);
      expect(readFileSync(zips[0]).equals(readFileSync(zips[1]))).toBe(true);

      if (hasPython) {
        const expected = entries.map(([name, node]) => {
          const isLink = typeof node === 'object' && 'link' in node;
          const mode = isLink ? 0o120777 : tree[name]?.isExecutable ? 0o100755 : 0o100644;
          const contents = Buffer.from(isLink ? node.link : (node as Uint8Array)).toString('hex');
          return [name, mode, contents, 0, [1980, 1, 1, 12, 0, 0]] as const;
        });
        expected.sort(([first], [second]) => Buffer.compare(Buffer.from(first), Buffer.from(second)));
        const { stdout } = await python(['-c', list, zips[0]]);
        expect(JSON.parse(stdout)).toEqual(expected);
      }
    }),
    { numRuns: 12 },
  );
});
