/** Bundles src/ into dist/, from scratch: `npm run build`. */
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';

// Swapped in when it is whole, so that whoever uses dist/ meanwhile finds one that works.
rmSync('build', { recursive: true, force: true });
bundle('index.ts', '../build');
bundle('s3-handler/index.ts', '../build/s3-handler');
// By this name Lambda takes it for a module without a package.json beside it.
renameSync('build/s3-handler/index.js', 'build/s3-handler/index.mjs');
rmSync('build/s3-handler/package.json');
rmSync('dist', { recursive: true, force: true });
renameSync('build', 'dist');

function bundle(entry: string, directory: string): void {
  // The cache does not see a license that was added, and types are checked by `npm run check`.
  const options = ['--no-cache', '--transpile-only', '--minify', '--license', 'LICENSES.txt'];
  execFileSync('ncc', ['build', entry, '--out', directory, ...options], {
    // Where its tsconfig.json is, which leaves the tests out.
    cwd: 'src',
    stdio: 'inherit',
  });
}
