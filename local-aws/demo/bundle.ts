import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const BUNDLE = resolve(import.meta.dirname, '../../dist/index.js');

export interface BundleRun {
  exitCode: number | null;
  /** They stay, to be looked at. */
  files: { outputs: string; summary: string };
}

/** Runs the committed bundle as a runner does: inputs in the environment, a file for outputs and one for the summary. */
export async function runBundle(
  inputs: Record<string, string>,
  awsEnv: Record<string, string>,
  onLine: (line: string) => void,
): Promise<BundleRun> {
  const directory = mkdtempSync(join(tmpdir(), 'lambda-cloudfront-deploy-'));
  const files = { outputs: join(directory, 'outputs.txt'), summary: join(directory, 'summary.md') };
  for (const file of Object.values(files)) {
    writeFileSync(file, '');
  }
  const child = spawn(process.execPath, [BUNDLE], {
    // Nothing of the machine's own AWS settings: an endpoint or a profile in them could lead elsewhere.
    env: {
      ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...awsEnv,
      AWS_EC2_METADATA_DISABLED: 'true',
      GITHUB_OUTPUT: files.outputs,
      GITHUB_STEP_SUMMARY: files.summary,
      HOME: directory,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done, failed) => {
    child.once('error', failed).once('close', done);
  });
  createInterface({ input: child.stdout }).on('line', onLine);
  return { exitCode: await ended, files };
}
