import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocalAws } from '../../local-aws/local-aws.ts';

const run = promisify(execFile);

export const hasCli = spawnSync('aws', ['--version']).status === 0;
if (!hasCli) console.log('The AWS CLI is not installed: the tests with it as a client are skipped.');

/** A client that shares no code with the SDK the action uses; each start of it costs most of a second. */
export async function cliText(aws: LocalAws, command: string): Promise<string> {
  const { stdout } = await run('aws', command.split(' '), {
    env: { ...process.env, ...aws.env, AWS_DEFAULT_REGION: aws.env.AWS_REGION, AWS_PAGER: '' },
  });
  return stdout;
}

export async function cli(aws: LocalAws, command: string): Promise<Record<string, unknown>> {
  const stdout = await cliText(aws, command);
  return stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
}
