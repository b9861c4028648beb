import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import defaults from '../../src/action.json' with { type: 'json' };

const bundle = resolve(import.meta.dirname, '../../dist/index.js');

export interface ActionRun {
  exitCode: number | null;
  /** Standard output and error, as the runner shows them. */
  log: string;
  outputs: Record<string, string>;
  /** The document of the `result` output. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read it as whoever parses the output does.
  result: any;
  summary: string;
  ms: number;
}

export interface ActionOptions {
  env?: Record<string, string>;
  /** The workspace, where it is not that of the tests. */
  cwd?: string;
  /** Other files of the runner than those that are made for the run. */
  files?: { GITHUB_OUTPUT?: string; GITHUB_STEP_SUMMARY?: string };
  /** Called once the process runs; for signals. */
  onStart?: (child: ChildProcess) => void;
}

/** Starts the committed bundle the way a runner does: inputs in the environment, files for outputs and summary. */
export async function runAction(
  inputs: Record<string, string>,
  { env = {}, cwd, files: otherFiles = {}, onStart }: ActionOptions = {},
): Promise<ActionRun> {
  const directory = mkdtempSync(join(tmpdir(), 'run-action-'));
  const files = { GITHUB_OUTPUT: join(directory, 'output'), GITHUB_STEP_SUMMARY: join(directory, 'summary.md') };
  for (const file of Object.values(files)) {
    writeFileSync(file, '');
  }
  // Defaults, too, as the runner passes them on.
  const inputEnv = Object.entries({ ...defaults, ...inputs }).map(([name, value]) => [
    `INPUT_${name.toUpperCase()}`,
    value,
  ]);
  const began = performance.now();
  const child = spawn(process.execPath, [bundle], {
    cwd,
    // Nothing of the machine's own AWS settings or of a workflow that runs these tests.
    env: {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
      ...files,
      ...otherFiles,
      ...Object.fromEntries(inputEnv),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  onStart?.(child);
  const exitCode = await new Promise<number | null>((done, failed) => {
    child.once('error', failed).once('close', done);
  });
  const ms = performance.now() - began;
  const outputs = parseOutputs(readFileSync(files.GITHUB_OUTPUT, 'utf8'));
  const summary = readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8');
  rmSync(directory, { recursive: true });
  return { exitCode, log, outputs, result: outputs.result ? JSON.parse(outputs.result) : undefined, summary, ms };
}

/** As the runner reads the file: `name<<delimiter`, lines, `delimiter`. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, name, delimiter] = /^([^<]+)<<(.+)$/.exec(lines[at] ?? '') ?? [];
    if (name !== undefined && delimiter !== undefined) {
      const end = lines.indexOf(delimiter, at + 1);
      outputs[name] = lines.slice(at + 1, end).join('\n');
      at = end;
    }
  }
  return outputs;
}
