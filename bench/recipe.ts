import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { LocalAws } from '../local-aws/local-aws.ts';

/** Runs a shell script of this folder, which uses the AWS CLI, to its end; returns how long it took. */
export async function runScript(
  name: string,
  args: readonly string[],
  aws: LocalAws,
  env: Record<string, string> = {},
): Promise<number> {
  const beganAt = performance.now();
  const child = spawn('bash', [resolve(import.meta.dirname, name), ...args], {
    env: {
      ...withoutAws(process.env),
      ...aws.env,
      // Version 1 of the CLI knows only this one.
      AWS_DEFAULT_REGION: aws.env.AWS_REGION,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exitCode = await new Promise((done, failed) => child.once('error', failed).once('close', done));
  if (exitCode !== 0) {
    throw new Error(`${name} ended with exit code ${exitCode}.`);
  }
  return performance.now() - beganAt;
}

/** Settings of the machine could lead the CLI to another endpoint. */
function withoutAws(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AWS_')));
}

export function isThere(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}
