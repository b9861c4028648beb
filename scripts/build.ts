/** Bundles src/ into dist/, from scratch: `npm run build`. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('ncc', ['build', 'src/index.ts', '--out', 'dist', '--minify', '--license', 'LICENSES.txt'], {
  stdio: 'inherit',
});
