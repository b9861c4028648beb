/** Bundles src/ into dist/, from scratch: `npm run build`. */
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';

// Swapped in when it is whole, so that whoever uses dist/ meanwhile finds one that works.
rmSync('build', { recursive: true, force: true });
execFileSync('ncc', ['build', 'index.ts', '--out', '../build', '--minify', '--license', 'LICENSES.txt'], {
  // Where its tsconfig.json is, which leaves the tests out.
  cwd: 'src',
  stdio: 'inherit',
});
rmSync('dist', { recursive: true, force: true });
renameSync('build', 'dist');
