import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { findAssets, fingerprint, readPart } from '../../src/adapters/asset-files.ts';
import type { AssetFile } from '../../src/world.ts';
import { type Node, plant, temporary } from '../package/trees.ts';

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const only = (directory: string) => findAssets(directory)[0] as AssetFile;

describe.skipIf(process.platform === 'win32')('a directory of assets', () => {
  it('is found with everything in it, hidden files too, and links are what they lead to', () => {
    using temp = temporary();
    const tree: Record<string, Node> = {
      'index.html': '<p>',
      '.well-known/security.txt': 'x',
      'v2/app.js': '12',
      latest: { link: 'v2' },
      'v2/home.html': { link: '../index.html' },
    };
    const files = findAssets(plant(temp.path, tree)).map(({ path, bytes }) => `${path} ${bytes}`);
    expect(files).toEqual([
      '.well-known/security.txt 1',
      'index.html 3',
      'latest/app.js 2',
      'latest/home.html 3',
      'v2/app.js 2',
      'v2/home.html 3',
    ]);
  });

  it.each<{ name: string; tree: Record<string, Node>; says: string }>([
    { name: 'a link out of it', tree: { a: { link: '/etc/hostname' } }, says: '"a" is a link that leads out of' },
    { name: 'a link to above', tree: { 'a/b': { link: '../..' } }, says: '"a/b" is a link that leads out of' },
    { name: 'a link to itself', tree: { a: { link: 'a' } }, says: '"a" is a link that leads round in circles' },
    {
      name: 'a link to the directory it is in',
      tree: { 'a/b': { link: '.' } },
      says: '"a/b" is a link that leads round',
    },
    {
      name: 'links to one another',
      tree: { 'a/to-b': { link: '../b' }, 'b/to-a': { link: '../a' } },
      says: '"a/to-b/to-a" is a link that leads round in circles',
    },
    { name: 'a broken link', tree: { a: { link: 'gone' } }, says: '"a" is a link that leads to nothing' },
    { name: 'a control character', tree: { 'a\tb': '' }, says: '"a\tb" has a control character in its name' },
    { name: 'a backslash', tree: { 'a\\b': '' }, says: 'has a backslash in its name' },
  ])('with $name is refused', ({ tree, says }) => {
    using temp = temporary();
    expect(() => findAssets(plant(temp.path, tree))).toThrow(says);
  });

  it('with a name that is not UTF-8, a pipe or a socket is refused, and all are named', () => {
    using temp = temporary();
    writeFileSync(Buffer.concat([Buffer.from(`${temp.path}/caf`), Buffer.from([0xe9])]), '');
    execFileSync('mkfifo', [join(temp.path, 'pipe')]);
    const server = createServer().listen(join(temp.path, 'socket'));
    expect(() => findAssets(temp.path)).toThrow(
      /"caf\ufffd" has a name that is not UTF-8; "pipe" is a named pipe, .*; "socket" is a socket/,
    );
    server.close();
  });

  it('that is not there or is a file is refused', () => {
    using temp = temporary();
    plant(temp.path, { file: '1' });
    expect(() => findAssets(join(temp.path, 'gone'))).toThrow('gone" does not exist (ENOENT)');
    expect(() => findAssets(join(temp.path, 'file'))).toThrow('file" is no directory');
  });
});

describe('a fingerprint', () => {
  it.each([0, 1, 262_144, 262_145, 3_000_000])('of %d bytes is their MD5', async (bytes) => {
    using temp = temporary();
    const content = Buffer.alloc(bytes, 'ab');
    plant(temp.path, { file: content });
    const sum = md5(content);
    expect(await fingerprint(only(temp.path))).toEqual({ etag: sum.toString('hex'), parts: [sum.toString('base64')] });
  });

  it('of a large file is that of its parts, as S3 has it', async () => {
    using temp = temporary();
    const part = 16 * 1_048_576;
    const content = Buffer.alloc(part * 2 + 5, 'abc');
    plant(temp.path, { file: content });
    const sums = [
      md5(content.subarray(0, part)),
      md5(content.subarray(part, 2 * part)),
      md5(content.subarray(2 * part)),
    ];
    expect(await fingerprint(only(temp.path))).toEqual({
      etag: `${md5(Buffer.concat(sums)).toString('hex')}-3`,
      parts: sums.map((sum) => sum.toString('base64')),
    });
  });
});

describe('a file that changes after it was found', () => {
  const contents = { small: 'x'.repeat(1000), large: 'x'.repeat(300_000) };
  const changes: Record<string, (file: string) => void> = {
    grows: (file) => appendFileSync(file, 'y'),
    shrinks: (file) => writeFileSync(file, 'x'),
    'keeps its length': (file) => {
      appendFileSync(file, '');
      utimesSync(file, 1, 1);
    },
  };
  const cases = Object.entries(contents).flatMap(([size, content]) =>
    Object.entries(changes).map(([how, change]) => ({ size, how, content, change })),
  );

  it.each(cases)('is an error that names it: a $size one $how', async ({ content, change }) => {
    using temp = temporary();
    mkdirSync(join(temp.path, 'a'));
    writeFileSync(join(temp.path, 'a/file.js'), content);
    const file = only(temp.path);
    change(file.file);
    const expected = { code: 'upload-failed', message: expect.stringContaining('"a/file.js" of assets-dir changed') };
    await expect(fingerprint(file)).rejects.toMatchObject(expected);
    const read = async () => {
      const body = readPart(file, { start: 0, end: file.bytes });
      return Buffer.isBuffer(body) ? body : buffer(body);
    };
    await expect(read()).rejects.toMatchObject(expected);
  });
});
