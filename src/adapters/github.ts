import { readFileSync } from 'node:fs';
import * as core from '@actions/core';
import type { Runner } from '../main.ts';
import { inert, plain, printable } from '../plain.ts';
import type { Outputs } from '../report/outputs.ts';
import type { CommitRange, Log } from '../world.ts';
import { bytesOfFile, readWorkflowFile } from './workflow-file.ts';

/** The runner of GitHub Actions: inputs and facts from the environment, results to its files and to standard output. */
export function connectRunner(): Runner {
  const { env } = process;
  return {
    inputs: {
      text: (name) => core.getInput(name),
      file: readWorkflowFile,
      variable: (name) => env[name],
      fileBytes: bytesOfFile,
    },
    run: {
      serverUrl: env.GITHUB_SERVER_URL ?? 'https://github.com',
      repository: env.GITHUB_REPOSITORY ?? '',
      // act gives every run the same id, and a reference made of it would clear nothing from the second run on.
      runId: env.ACT ? '' : (env.GITHUB_RUN_ID ?? ''),
      runAttempt: env.GITHUB_RUN_ATTEMPT ?? '',
      // The legs of a matrix and the calls of a reusable workflow share the id of their job, but not this one.
      job: `${env.GITHUB_JOB ?? ''} ${env.RUNNER_TRACKING_ID ?? ''}`.trim(),
      step: env.GITHUB_ACTION ?? '',
      sha: env.GITHUB_SHA ?? '',
      push: readPush(),
      awsRegion: (env.AWS_REGION || env.AWS_DEFAULT_REGION || '').trim(),
    },
    async publish({ lines, annotations, outputs, summary, succeeded }) {
      for (const line of lines) {
        log.line(line);
      }
      for (const { level, title, text } of annotations) {
        log[level](title, text);
      }
      await writeSummary(summary);
      writeOutputs(outputs);
      if (!succeeded) {
        process.exitCode = 1;
      }
    },
  };
}

/** Of a push to a branch that was there before; what is not whole counts as no range. */
function readPush(): CommitRange | undefined {
  const { GITHUB_EVENT_NAME, GITHUB_EVENT_PATH } = process.env;
  if (GITHUB_EVENT_NAME !== 'push' || !GITHUB_EVENT_PATH) {
    return undefined;
  }
  try {
    const { before, after } = JSON.parse(readFileSync(GITHUB_EVENT_PATH, 'utf8')) as Partial<CommitRange>;
    return isCommit(before) && isCommit(after) ? { before, after } : undefined;
  } catch {
    return undefined;
  }
}

/** A new branch has zeros for what was before. */
function isCommit(hash: unknown): hash is string {
  return typeof hash === 'string' && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) && !/^0+$/.test(hash);
}

/** `core.info` prints as it is what the runner would take for a command; `core.error` and `core.warning` escape it. */
export const log: Log = {
  line: (text) => core.info(inert(text)),
  warning: (title, text) => core.warning(printable(text), { title: inert(title) }),
  error: (title, text) => core.error(printable(text), { title: inert(title) }),
  group: (title, work) => core.group(inert(title), work),
};

/** Makes the runner hide a text wherever it is printed. */
export function mask(text: string): void {
  core.setSecret(text);
}

/** The release is over and stands as it is: a summary that cannot be written changes nothing about it. */
async function writeSummary(summary: string): Promise<void> {
  if (!process.env.GITHUB_STEP_SUMMARY) {
    return;
  }
  try {
    await core.summary.addRaw(summary).write();
  } catch (error) {
    log.warning('lambda-cloudfront-deploy', `The job summary could not be written (${plain(String(error))}).`);
  }
}

/** Later steps would go on with empty outputs, so that they cannot be written is a failure. */
function writeOutputs(outputs: Outputs): void {
  try {
    for (const [name, value] of Object.entries(outputs)) {
      core.setOutput(name, value);
    }
  } catch (error) {
    process.exitCode = 1;
    log.error('lambda-cloudfront-deploy: unexpected', `The outputs could not be written (${plain(String(error))}).`);
  }
}
