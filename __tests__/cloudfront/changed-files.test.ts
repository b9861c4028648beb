import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseMapping, pathsOfAnyFile, pathsOfFiles } from '../../src/cloudfront/changed-files.ts';
import { callsTo, deploy, distributionId, type Site, startSite } from '../support/site.ts';

const directory = mkdtempSync(join(tmpdir(), 'changed-files-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const inputs = { 'distribution-id': distributionId, 'changed-files': 'public/** -> /**\ntemplates/** -> /shop/*' };

describe('a push', () => {
  it('clears just the pages of the files that it changed, added, renamed and deleted', async () => {
    await using site = await startSite();
    const repository = startRepository({ 'public/old.html': '1', 'public/kept.html': '1', 'public/gone.html': '1' });
    renameSync(join(repository.path, 'public/old.html'), join(repository.path, 'public/new.html'));
    rmSync(join(repository.path, 'public/gone.html'));
    const after = repository.commit({ 'public/a b/größe ~1%.html': '2', 'README.md': '2' });
    const run = await deploy(site, inputs, repository.push(after));
    expect(run.outputs.status).toBe('succeeded');
    expect(clearedItems(site)).toEqual(['/a%20b/gr%C3%B6%C3%9Fe%20*', '/gone.html', '/new.html', '/old.html']);
    expect(run.log).toContain('changed-files: 5 files changed, which show in 4 paths');
  });

  it('clears nothing when no changed file shows in a path', async () => {
    await using site = await startSite();
    const repository = startRepository({ 'public/index.html': '1' });
    const after = repository.commit({ 'src/index.ts': '2' });
    const run = await deploy(site, inputs, repository.push(after));
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toContain('nothing to clear, no changed file shows in a path');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('is compared in a checkout that has one commit only', async () => {
    await using site = await startSite();
    const repository = startRepository({ 'public/index.html': '1' });
    const after = repository.commit({ 'public/index.html': '2' });
    const run = await deploy(site, inputs, repository.shallow().push(after));
    expect(run.outputs.status).toBe('succeeded');
    expect(clearedItems(site)).toEqual(['/index.html']);
  });

  it('whose commits are unknown clears all that the mappings can name, and says so', async () => {
    await using site = await startSite();
    const repository = startRepository({ 'public/index.html': '1' });
    const run = await deploy(site, inputs, repository.push('f'.repeat(40)));
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toContain('changed-files: clearing all that the mappings can name, because git cannot compare');
    expect(clearedItems(site)).toEqual(['/*']);
  });

  it('to a new branch, and any other event, clears all that the mappings can name', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...inputs, 'changed-files': 'posts/*.md -> /blog/*/' });
    expect(run.log).toContain('because this is no push to a branch that was there before');
    expect(clearedItems(site)).toEqual(['/blog/*']);
  });
});

describe('a mapping', () => {
  it.each([
    { line: 'public/** -> /**', file: 'public/x/y.html', path: '/x/y.html' },
    { line: 'public/** -> /**', file: 'public/.well-known/a', path: '/.well-known/a' },
    { line: 'public/** -> /static/**', file: 'public/a.css', path: '/static/a.css' },
    { line: 'posts/*.md -> /blog/*/', file: 'posts/hello.md', path: '/blog/hello/' },
    { line: 'content/**/*.md -> /**/*.html', file: 'content/a.md', path: '/a.html' },
    { line: 'content/**/*.md -> /**/*.html', file: 'content/b/c/a.md', path: '/b/c/a.html' },
    { line: 'templates/** -> /*', file: 'templates/page.html', path: '/*' },
    { line: 'menu.json -> /', file: 'menu.json', path: '/' },
    { line: '{en,de}/*.md -> /pages/*', file: 'de/home.md', path: '/pages/home' },
    { line: 'data/[a-c].json -> /api/data?v=1', file: 'data/b.json', path: '/api/data?v=1' },
    { line: 'public/** -> /**', file: 'public/100%#?.html', path: '/100%25%23%3F.html' },
    { line: 'public/** -> /**', file: 'public/a*b.html', path: '/a*' },
  ])('$line takes $file to $path', ({ line, file, path }) => {
    expect(pathsOfFiles([mapping(line)], [file])).toEqual([path]);
  });

  it.each([
    { line: 'public/**', problem: 'must be a glob, "->" and a path' },
    { line: 'public/** -> x', problem: 'has a path that must start with "/"' },
    { line: 'public/* -> /**', problem: 'must not have a "*" or "**" in its path that is not in its glob' },
    { line: 'a/b -> /*/x', problem: 'must not have a "*"' },
    { line: '!(a)/* -> /*', problem: 'must have a glob of' },
    { line: '{a,{b,c}}/* -> /*', problem: 'must have a glob of' },
  ])('$line is wrong', ({ line, problem }) => {
    expect(parseMapping(line)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('names no path for a file that it does not match', () => {
    expect(pathsOfFiles([mapping('public/*.html -> /*.html')], ['public/a/b.html', 'x/public/a.html'])).toEqual([]);
  });

  it('never throws, whatever it reads', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.string(), (glob, path, file) => {
        const parsed = parseMapping(`${glob}**->/${path}`);
        if (!('problem' in parsed)) {
          expect([...pathsOfFiles([parsed], [file]), ...pathsOfAnyFile([parsed])]).toEqual(
            expect.arrayContaining([expect.stringMatching(/^\//)]),
          );
        }
      }),
    );
  });
});

function mapping(line: string) {
  const parsed = parseMapping(line);
  if ('problem' in parsed) {
    throw new Error(parsed.problem);
  }
  return parsed;
}

function clearedItems(site: Site): string[] {
  return callsTo(site, 'CreateInvalidation').flatMap(
    ({ input }) => (input.InvalidationBatch as { Paths: { Items: string[] } }).Paths.Items,
  );
}

/** Nobody's settings, such as signing every commit, and no repository that a hook runs these tests in. */
const bare = { PATH: process.env.PATH, HOME: directory, GIT_CONFIG_NOSYSTEM: '1' };

/** A real repository with one commit; what the runner says about a push comes with it. */
function startRepository(files: Record<string, string>) {
  const path = mkdtempSync(join(directory, 'repository-'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
      cwd: path,
      encoding: 'utf8',
      env: bare,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const commit = (changes: Record<string, string>) => {
    for (const [name, text] of Object.entries(changes)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    git('add', '--all');
    git('commit', '--quiet', '--message', 'change');
    return git('rev-parse', 'HEAD');
  };
  git('init', '--quiet', '--initial-branch', 'main');
  git('config', 'uploadpack.allowAnySHA1InWant', 'true');
  const before = commit(files);
  const push = (workspace: string) => (after: string) => {
    const event = join(mkdtempSync(join(directory, 'event-')), 'event.json');
    writeFileSync(event, JSON.stringify({ ref: 'refs/heads/main', before, after, forced: false }));
    return { env: { GITHUB_EVENT_NAME: 'push', GITHUB_EVENT_PATH: event, GITHUB_WORKSPACE: workspace } };
  };
  return {
    path,
    commit,
    push: push(path),
    /** As actions/checkout leaves it. */
    shallow() {
      const clone = mkdtempSync(join(directory, 'shallow-'));
      execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${path}`, clone], { env: bare, stdio: 'ignore' });
      return { push: push(clone) };
    },
  };
}
