import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** What is at a path: the bytes of a file, of an executable one, or where a link leads. */
export type Node = string | Uint8Array | { run: string } | { link: string };

/** A directory of its own, removed at the end of the block that declares it with `using`. */
export function temporary(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'package-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function plant(root: string, tree: Record<string, Node>): string {
  mkdirSync(root, { recursive: true });
  for (const [path, node] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof node === 'object' && 'link' in node) {
      symlinkSync(node.link, file);
    } else if (typeof node === 'object' && 'run' in node) {
      writeFileSync(file, node.run);
      chmodSync(file, 0o700);
    } else {
      writeFileSync(file, node);
    }
  }
  return root;
}

export const source = (name: string) => JSON.stringify(resolve(import.meta.dirname, '../../src/adapters', name));

/** Runs a piece of a program in a process of its own and returns what it prints. */
export async function runScript(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, '--', ...args], {
    env: { PATH: process.env.PATH, ...env },
  });
  return stdout;
}

export function runProgram(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'ignore' });
}

export function isInstalled(command: string): boolean {
  try {
    runProgram(command, ['-h']);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
