// The lock file names only what the public npm registry serves, each with its checksum, and all of it for every platform.
import { readFileSync } from 'node:fs';

const registry = 'https://registry.npmjs.org/';
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const problems = Object.entries(packages).flatMap(([path, entry]) => [...problemsOf(path, entry)]);
for (const problem of problems) console.log(problem);
console.log(`${Object.keys(packages).length - 1} packages read, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function* problemsOf(path, { integrity, resolved, optionalDependencies = {} }) {
  if (path !== '' && !integrity?.startsWith('sha512-')) yield `${path} has no sha512 checksum`;
  if (resolved !== undefined && !resolved.startsWith(registry)) yield `${path} does not come from ${registry}`;
  for (const name of Object.keys(optionalDependencies)) {
    if (!isLocked(path, name)) yield `${path} wants ${name}, which is not in the lock file: npm ci fails elsewhere`;
  }
}

/** Whether `name` is installed beside, above or under the package at `path`. */
function isLocked(path, name) {
  const folder = path === '' ? '' : `${path}/`;
  if (packages[`${folder}node_modules/${name}`]) return true;
  return path !== '' && isLocked(path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), name);
}
