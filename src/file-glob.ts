import picomatch from 'picomatch';

/**
 * Whether a path matches a glob as it stands in a .gitignore: without a slash it means that name in any directory, with
 * one a path from the top; what matches a directory, or ends in a slash, means everything below it.
 */
export function fileGlob(glob: string): (path: string) => boolean {
  const bare = glob.replace(/^\//, '').replace(/\/+$/, '');
  const matches = picomatch(bare, { dot: true, basename: !/\/(?=.)/.test(glob) });
  const isBelow = (path: string) =>
    [...path.matchAll(/\//g)].some(({ index }) => index > 0 && matches(path.slice(0, index)));
  return (path) => (!glob.endsWith('/') && matches(path)) || isBelow(path);
}

/**
 * What git keeps of a repository, with the token of a checkout in its configuration; in a submodule or a worktree a file.
 * Never uploaded and never in a package, at any depth, whatever the inputs say.
 */
export function isOfGit(path: string): boolean {
  return /(?:^|\/)\.git(?:\/|$)/.test(path);
}
