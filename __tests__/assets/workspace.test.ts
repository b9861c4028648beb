import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findAssets, fingerprint } from '../../src/adapters/asset-files.ts';
import { connectDocker } from '../../src/adapters/docker.ts';
import { realPathOf } from '../../src/adapters/named-path.ts';
import { bytesOfFile } from '../../src/adapters/workflow-file.ts';
import { readTree } from '../../src/adapters/zip-tree.ts';
import { connectZips } from '../../src/adapters/zips.ts';
import { type ImageUri, parseImageUri } from '../../src/image/image-uri.ts';
import type { AssetFile } from '../../src/world.ts';
import { plant, temporary } from '../package/trees.ts';
import { deploy, startSite } from '../support/site.ts';

/** A workspace, what it must not reach, and a folder of the runner. */
function places() {
  const temp = temporary();
  onTestFinished(() => temp[Symbol.dispose]());
  const [workspace, outside, runnerTemp] = ['workspace', 'outside', 'runner'].map((name) => join(temp.path, name));
  plant(workspace as string, {
    'dist/index.mjs': 'export const handler = () => 1;',
    'dist/deep/a.txt': 'a',
    'paths.txt': '/a\n',
    out: { link: '../outside' },
    'out.txt': { link: '../outside/secret.txt' },
    within: { link: 'dist' },
    'sub/round': { link: '../within/deep' },
  });
  plant(outside as string, { 'secret.txt': '/secret-wJalrXUtnFEMI', 'deep/secret.txt': 'wJalrXUtnFEMI' });
  plant(runnerTemp as string, { 'made/a.txt': '/a' });
  symlinkSync('workspace', join(temp.path, 'also'));
  return { top: temp.path, workspace, outside, runnerTemp } as Record<
    'top' | 'workspace' | 'outside' | 'runnerTemp',
    string
  >;
}

describe.skipIf(process.platform === 'win32')('what an input may name', () => {
  const inputs = {
    'assets-dir': (path: string) => ({ 'assets-dir': path, 'assets-bucket': 'site' }),
    'zip-file': (path: string) => ({ 'function-name': 'zipped', 'zip-file': path }),
    'paths-file': (path: string) => ({ 'distribution-id': 'E2EXAMPLE1', 'paths-file': path }),
  };
  const directoryOf = { 'assets-dir': '', 'zip-file': '', 'paths-file': '/secret.txt' };

  it.each(Object.keys(inputs) as (keyof typeof inputs)[])(
    '%s: nothing behind a link out of the workspace',
    async (input) => {
      const { top, workspace, outside, runnerTemp } = places();
      await using site = await startSite({
        buckets: { site: {} },
        functions: [{ name: 'zipped', packageType: 'Zip' }],
      });
      const run = (path: string, home = workspace) =>
        deploy(site, inputs[input](path), {
          cwd: home,
          env: { GITHUB_WORKSPACE: home, RUNNER_TEMP: runnerTemp, TMPDIR: runnerTemp },
        });
      const file = directoryOf[input];
      const bad = [`out${file}`, `./out/deep/..${file}`, join(workspace, `out${file}`), `../outside${file}`];
      for (const path of [...bad, join(top, `also/out${file}`)]) {
        const { result, ...all } = await run(path, path.includes('also') ? join(top, 'also') : workspace);
        expect([path, result.error?.code]).toEqual([path, 'invalid-input']);
        expect(JSON.stringify(all)).not.toContain('wJalrXUtnFEMI');
      }
      expect(site.calls.filter(({ effect }) => effect)).toEqual([]);
      expect(site.buckets.keys('site')).toEqual([]);
      if (input !== 'assets-dir') {
        return;
      }
      // By both its names the workspace is the workspace, and what the workflow names outside is its own wish.
      const good = [
        ['within', join(top, 'also')],
        ['within', workspace],
        [join(top, 'also/dist'), workspace],
        [outside, workspace],
        [join(runnerTemp, 'made'), workspace],
        ['../runner/made', workspace],
      ] as const;
      for (const [path, home] of good) {
        expect([path, (await run(path, home)).exitCode]).toEqual([path, 0]);
      }
    },
  );

  it('is told apart step by step', () => {
    const { top, workspace, outside, runnerTemp } = places();
    const before = { ...process.env };
    onTestFinished(() => {
      process.env = before;
    });
    Object.assign(process.env, { GITHUB_WORKSPACE: join(top, 'also'), RUNNER_TEMP: runnerTemp });
    const at = (path: string) => join(workspace, path);
    expect(realPathOf(at('sub/round'))).toBe(at('dist/deep'));
    expect(realPathOf(join(top, 'also/sub/round/a.txt'))).toBe(at('dist/deep/a.txt'));
    expect(realPathOf(outside)).toBe(outside);
    mkdirSync(at('a'));
    symlinkSync(join(top, 'outside/back'), at('a/away'));
    symlinkSync(workspace, join(outside, 'back'));
    // Out and in again is out all the same.
    symlinkSync(outside, at('a/there'));
    for (const path of ['out', 'out/deep', 'a/there/back/dist']) {
      expect(() => realPathOf(at(path)), path).toThrow('a link to outside the workspace');
    }
    expect(() => realPathOf(at('gone'))).toThrow('ENOENT');
    expect(() => bytesOfFile(at('out.txt'))).toThrow('a link to outside the workspace');
  });

  it.each([
    { context: 'out', file: '' },
    { context: '.', file: 'out.txt' },
  ])('is not given to docker: %o', async ({ context, file }) => {
    const { workspace } = places();
    const before = { ...process.env };
    onTestFinished(() => {
      process.env = before;
    });
    Object.assign(process.env, { GITHUB_WORKSPACE: workspace, PATH: workspace });
    const image = parseImageUri('123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v1') as ImageUri;
    const log = { line: () => undefined, warning: () => undefined, error: () => undefined };
    const docker = connectDocker({
      log: { ...log, group: (_, work) => work() },
      mask: () => undefined,
      cancelled: new AbortController().signal,
    });
    const build = {
      image,
      context: join(workspace, context),
      file: file && join(workspace, file),
      target: '',
      platform: 'linux/amd64',
      args: [],
      secrets: [],
    };
    await expect(docker.buildAndPush(build, { user: 'AWS', password: 'p' })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('a link to outside the workspace'),
    });
  });
});

describe.skipIf(process.platform === 'win32')('a file that was found', () => {
  it.each([10, 400_000])('of %d bytes is not read when a link or another file has come in its place', async (bytes) => {
    const { workspace, outside } = places();
    writeFileSync(join(outside, 'big'), Buffer.alloc(bytes, 's'));
    writeFileSync(join(workspace, 'dist/a.js'), Buffer.alloc(bytes, 'a'));
    const found = () => findAssets(join(workspace, 'dist')).find(({ path }) => path === 'a.js') as AssetFile;
    const changed = { code: 'upload-failed', message: expect.stringContaining('"a.js" of assets-dir changed') };
    const file = found();
    rmSync(file.file);
    symlinkSync(join(outside, 'big'), file.file);
    await expect(fingerprint(file)).rejects.toMatchObject(changed);
    rmSync(file.file);
    writeFileSync(file.file, Buffer.alloc(bytes, 'a'));
    const other = found();
    renameSync(join(workspace, 'dist'), join(workspace, 'moved'));
    mkdirSync(join(outside, 'dist'));
    cpSync(join(outside, 'big'), join(outside, 'dist/a.js'));
    symlinkSync(join(outside, 'dist'), join(workspace, 'dist'));
    await expect(fingerprint({ ...other, modifiedMs: other.modifiedMs })).rejects.toMatchObject(changed);
  });

  it('is not packed when another has come in its place', async () => {
    const { workspace, outside } = places();
    const zips = connectZips();
    const tree = readTree(join(workspace, 'dist'));
    expect(tree.entries.map(({ path }) => path)).toEqual(['deep/a.txt', 'index.mjs']);
    rmSync(join(workspace, 'dist/deep/a.txt'));
    symlinkSync(join(outside, 'secret.txt'), join(workspace, 'dist/deep/a.txt'));
    await expect(zips.pack(join(workspace, 'dist'))).rejects.toMatchObject({ code: 'invalid-input' });
    await zips.clean();
  });
});

describe.skipIf(process.platform === 'win32')('a checkout that is zipped', () => {
  /** A repository as checkout leaves it, with a token in its configuration. */
  function checkout(): string {
    const temp = temporary();
    onTestFinished(() => temp[Symbol.dispose]());
    const git = (...args: string[]) => execFileSync('git', ['-C', temp.path, ...args], { stdio: 'ignore' });
    plant(temp.path, {
      'index.mjs': 'export const handler = () => 1;',
      'test/a.test.mjs': 't',
      'src/test/b.mjs': 't',
      'notes.md': 'n',
      'vendor/lib/.git': 'gitdir: ../../.git/modules/lib',
      'vendor/lib/a.mjs': 'a',
      '.env': 'KEY=1',
      '.env.example': 'KEY=',
    });
    git('init', '-q');
    git('config', 'http.https://github.com/.extraheader', 'AUTHORIZATION: basic c2VjcmV0');
    return temp.path;
  }

  it('has nothing of git, gives the same code from every clone, and says what was left out', async () => {
    await using site = await startSite({ functions: [{ name: 'zipped', packageType: 'Zip' }] });
    const shas = [];
    for (const exclude of ['test/\n*.md', 'test/\n*.md', '']) {
      const run = await deploy(
        site,
        { 'function-name': 'zipped', 'zip-file': '.', 'zip-exclude': exclude },
        { cwd: checkout() },
      );
      expect(run.exitCode).toBe(0);
      expect(run.log).toMatch(
        exclude === ''
          ? /left out "\.git", "vendor\/lib\/\.git"$/m
          : /left out "\.git", "notes\.md", "src\/test", "test", "vendor\/lib\/\.git"$/m,
      );
      expect(run.log).toMatch(/^::warning .*holds "\.env", which goes into the package/m);
      shas.push(run.outputs['code-sha256']);
    }
    expect(shas[1]).toBe(shas[0]);
    expect(shas[2]).not.toBe(shas[0]);
  });

  it('keeps no link to what was left out', async () => {
    const root = checkout();
    symlinkSync('../notes.md', join(root, 'src/notes.md'));
    const zips = connectZips();
    await expect(zips.pack(root, (path) => path === 'notes.md')).rejects.toThrow('leads to nothing that is in the zip');
    const { file } = await zips.pack(join(root, 'vendor'));
    expect(readFileSync(file).includes('gitdir')).toBe(false);
    await zips.clean();
  });
});
