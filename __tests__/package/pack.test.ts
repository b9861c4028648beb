import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectZips } from '../../src/adapters/zips.ts';
import type { Zip } from '../../src/world.ts';
import { isInstalled, type Node, plant, runProgram, runScript, source, temporary } from './trees.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

async function packing<T>(path: string, use: (zip: Zip) => T | Promise<T>): Promise<T> {
  const zips = connectZips();
  try {
    return await use(await zips.pack(path));
  } finally {
    await zips.clean();
  }
}

const tree: Record<string, Node> = {
  'index.mjs': 'export const handler = () => 1;\n',
  'bin/tool': { run: '#!/bin/sh\n' },
  'bin/latest': { link: 'tool' },
  'node_modules/.bin/tool': { link: '../../bin/latest' },
  'node_modules/all': { link: '..' },
  'data/empty': '',
  'data/one-piece': randomBytes(262_144),
  'data/pieces': randomBytes(600_001),
  'data/über 日本 😀.txt': 'x'.repeat(70_000),
};

describe('a directory', () => {
  it.skipIf(!isInstalled('unzip'))('comes out of unzip as it went in, with normal modes', async () => {
    using temp = temporary();
    const root = plant(join(temp.path, 'in'), tree);
    chmodSync(join(root, 'data/empty'), 0o604);
    const out = join(temp.path, 'out');
    await packing(root, ({ file }) =>
      execFileSync('unzip', ['-q', file, '-d', out], { env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } }),
    );
    for (const [path, node] of Object.entries(tree)) {
      const [before, after] = [join(root, path), join(out, path)];
      if (typeof node === 'object' && 'link' in node) {
        expect(readlinkSync(after), path).toBe(node.link);
      } else {
        expect(readFileSync(after).equals(readFileSync(before)), path).toBe(true);
        expect(lstatSync(after).mode & 0o777, path).toBe(path === 'bin/tool' ? 0o755 : 0o644);
      }
    }
  });

  it('says how long it is and what CodeSha256 will be', async () => {
    using temp = temporary();
    await packing(plant(temp.path, tree), (zip) => {
      const bytes = readFileSync(zip.file);
      expect(zip).toEqual({ file: zip.file, bytes: bytes.length, sha256: sha256(bytes) });
    });
  });

  it('is packed once for all functions that take it', async () => {
    using temp = temporary();
    const zips = connectZips();
    const [one, other] = await Promise.all([zips.pack(plant(temp.path, tree)), zips.pack(temp.path)]);
    expect(one).toBe(other);
    await zips.clean();
  });
});

describe('a .zip', () => {
  it('is taken as it is, and stays', async () => {
    using temp = temporary();
    const file = join(temp.path, 'code.jar');
    const bytes = Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(150_000)]);
    writeFileSync(file, bytes);
    await packing(file, (zip) => expect(zip).toEqual({ file, bytes: 150_004, sha256: sha256(bytes) }));
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

interface Refusal {
  name: string;
  tree: Record<string, Node>;
  /** Done to the directory that holds the tree. */
  change?: (root: string) => void;
  /** Below the directory; the directory itself by default. */
  path?: string;
  says: string[];
}

const megabyte = 1_048_576;
const links = (target: string): Record<string, Node> => ({ 'a/code.js': '1', 'a/link': { link: target } });

const refusals: Refusal[] = [
  { name: 'nothing there', tree: {}, path: 'dist', says: ['dist" does not exist', 'ENOENT'] },
  { name: 'a path through a file', tree: { f: '1' }, path: 'f/dist', says: ['f/dist" could not be read', 'ENOTDIR'] },
  { name: 'a directory without a file', tree: {}, change: emptyBelow, says: ['without any file'] },
  { name: 'an empty file', tree: { f: '' }, path: 'f', says: ['does not begin like a .zip'] },
  { name: 'a tarball', tree: { 'f.zip': '\x1f\x8b\b' }, path: 'f.zip', says: ['f.zip"', 'does not begin like a .zip'] },
  {
    name: 'a .zip without a file',
    tree: { 'f.zip': `PK\x05\x06${'\0'.repeat(18)}` },
    path: 'f.zip',
    says: ['a .zip without any file'],
  },
  {
    name: 'a .zip above 50 MB',
    tree: { 'f.zip': 'PK\x03\x04' },
    change: (root) => truncateSync(join(root, 'f.zip'), 52_428_801),
    path: 'f.zip',
    says: ['50.0 MB (52,428,801 bytes) zipped', '50.0 MB (52,428,800 bytes)', 's3-bucket and s3-key'],
  },
  {
    name: 'a directory above 50 MB zipped',
    tree: { noise: randomBytes(51 * megabyte) },
    says: ['51.0 MB (53,4', 's3-bucket and s3-key'],
  },
  {
    name: 'a directory above 250 MB',
    tree: { 'a/hole': '', hole: '1' },
    change: (root) => truncateSync(join(root, 'a/hole'), 262_144_000),
    says: ['holds 250.0 MB (262,144,001 bytes)', '250.0 MB (262,144,000 bytes) unzipped', 'image-uri'],
  },
  {
    name: 'a named pipe',
    tree: { f: '1' },
    change: (root) => runProgram('mkfifo', [join(root, 'pipe')]),
    says: ['"pipe" is a named pipe'],
  },
  {
    name: 'a name that is not UTF-8',
    tree: { f: '1' },
    change: (root) => writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), ''),
    says: ['"caf\ufffd" has a name that is not UTF-8'],
  },
  { name: 'a backslash in a name', tree: { 'a\\b': '1' }, says: ['"a\\b" has a backslash in its name'] },
  { name: 'a name like a drive', tree: { 'c:': '1' }, says: ['"c:" begins like a drive of Windows'] },
  {
    name: 'a link out of it',
    tree: links('../../x'),
    says: ['"a/link" is a link to "../../x"', 'out of the directory'],
  },
  { name: 'an absolute link', tree: links('/opt/nodejs'), says: ['link to "/opt/nodejs"', 'out of the directory'] },
  { name: 'a broken link', tree: links('gone'), says: ['link to "gone"', 'nothing that is in the zip'] },
  { name: 'a link through a file', tree: links('code.js/..'), says: ['nothing that is in the zip'] },
  { name: 'a link to itself', tree: links('link'), says: ['"a/link"', 'round in circles'] },
  {
    name: 'links to one another',
    tree: { x: { link: 'y' }, y: { link: './z/../x' }, 'z/f': '1' },
    says: ['"x" is a link', '"y" is a link', 'round in circles'],
  },
  {
    name: 'a link to an empty directory, which a zip does not hold',
    tree: links('../empty/below'),
    change: emptyBelow,
    says: ['nothing that is in the zip'],
  },
  {
    name: 'a link out and in again, which works only on the runner',
    tree: { 'top/f': '1', 'p/q/d': { link: '../../top' } },
    change: (root) => plant(root, { 'p/q/link': { link: `d/../../${root.split('/').at(-1)}/top/f` } }),
    says: ['"p/q/link" is a link', 'out of the directory'],
  },
  {
    name: 'a link through an absolute link',
    tree: { 'a/f': '1', b: { link: 'c/f' } },
    change: (root) => plant(root, { c: { link: `${root}/a` } }),
    says: ['"b" is a link', '"c" is a link'],
  },
  {
    name: 'more than can be listed',
    tree: Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`l${n}`, { link: '/x' }])),
    says: ['"l0"', '"l4"', 'and 2 more'],
  },
  {
    name: 'a command for the runner in a name',
    tree: { 'x\n::error::pwned': { link: '/x' } },
    says: ['"x [line of 14 characters left out]" is a link'],
  },
];

function emptyBelow(root: string): void {
  execFileSync('mkdir', ['-p', join(root, 'empty/below')]);
}

describe.skipIf(process.platform === 'win32')('refusals', () => {
  it.each(refusals)('refuses $name', async ({ tree, change, path = '.', says }) => {
    using temp = temporary();
    plant(temp.path, tree);
    change?.(temp.path);
    const error = await packing(join(temp.path, path), () => undefined).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'DeployError', code: 'invalid-input' });
    const text = `${error.message} ${error.hint}`;
    expect(text).toContain('zip-file');
    expect(text).not.toContain('\n');
    for (const part of says) {
      expect(text).toContain(part);
    }
  });

  it('refuses a socket', async () => {
    using temp = temporary();
    const server = createServer().listen(join(temp.path, 'app.sock'));
    await expect(packing(temp.path, () => undefined)).rejects.toThrow('"app.sock" is a socket');
    server.close();
  });

  it.skipIf(process.getuid?.() === 0)('refuses what may not be read', async () => {
    using temp = temporary();
    chmodSync(join(plant(temp.path, { secret: '1' }), 'secret'), 0);
    await expect(packing(temp.path, () => undefined)).rejects.toThrow('"secret" could not be read (EACCES)');
  });
});

describe('a file that changes while it is read', () => {
  const big = 'x'.repeat(300_000);
  it.each([
    {
      name: 'a small one grows',
      change: (file: string) => appendFileSync(file, '2'),
      small: true,
      says: 'is longer now',
    },
    { name: 'a small one shrinks', change: (file: string) => truncateSync(file), small: true, says: 'is 0 now' },
    {
      name: 'a big one grows',
      change: (file: string) => appendFileSync(file, '2'),
      small: false,
      says: 'is longer now',
    },
    { name: 'a big one shrinks', change: (file: string) => truncateSync(file, 9), small: false, says: 'is 9 now' },
    { name: 'one goes away', change: (file: string) => rmSync(file), small: true, says: 'does not exist (ENOENT)' },
  ])('is an error when $name', async ({ change, small, says }) => {
    using temp = temporary();
    plant(temp.path, { first: big, 'second.js': small ? '1' : big });
    const zips = connectZips();
    const packed = zips.pack(temp.path);
    change(join(temp.path, 'second.js'));
    await expect(packed).rejects.toMatchObject({ code: 'invalid-input', message: expect.stringContaining(says) });
    await expect(packed).rejects.toThrow('"second.js"');
    await zips.clean();
  });
});

describe('what is left behind', () => {
  const pack = (rest: string) => `
    import { readdirSync } from 'node:fs';
    const { connectZips } = await import(${source('zips.ts')});
    const [root] = process.argv.slice(1);
    const left = () => readdirSync(process.env.RUNNER_TEMP, { recursive: true });
    const zips = connectZips();
    ${rest}`;

  it.each([
    { name: 'is nothing after clean', rest: 'await zips.pack(root); await zips.clean();', during: [] },
    {
      name: 'is nothing when the process ends before clean',
      rest: 'await zips.pack(root); console.log(left().length); process.exit(0);',
      during: ['2'],
    },
    {
      name: 'is nothing when packing fails',
      rest: `import { rmSync } from 'node:fs';
        const packed = zips.pack(root).catch(({ code }) => console.log(code));
        rmSync(root + '/b'); await packed; await zips.clean(); console.log(left().length);`,
      during: ['invalid-input', '0'],
    },
    {
      name: 'is nothing when packing is cleaned away under way',
      rest: `const packed = zips.pack(root).catch(({ code }) => console.log(code));
        await zips.clean(); await packed; console.log(left().length);`,
      during: ['cancelled', '0'],
    },
    {
      name: 'is nothing when the run is cancelled',
      rest: `const cancel = new AbortController(); const stopped = connectZips(cancel.signal);
        const packed = stopped.pack(root).catch(({ code }) => console.log(code));
        cancel.abort(); await packed; await stopped.clean(); console.log(left().length);`,
      during: ['cancelled', '0'],
    },
  ])('$name', async ({ rest, during }) => {
    using temp = temporary();
    const root = plant(join(temp.path, 'in'), { a: randomBytes(megabyte), b: '1' });
    const runnerTemp = plant(join(temp.path, 'runner'), {});
    const printed = await runScript(pack(rest), [root], { RUNNER_TEMP: runnerTemp });
    expect(printed.split('\n').filter(Boolean)).toEqual(during);
    expect(readdirSync(runnerTemp)).toEqual([]);
    expect(existsSync(root)).toBe(true);
  });
});
