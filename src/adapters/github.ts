import { readFileSync } from 'node:fs';
import * as core from '@actions/core';
import type { Runner } from '../main.ts';
import { inert } from '../plain.ts';
import type { Log } from '../world.ts';

/** The runner of GitHub Actions: inputs and facts from the environment, results to its files and to standard output. */
export function connectRunner(): Runner {
  const { env } = process;
  return {
    inputs: {
      text: (name) => core.getInput(name),
      file: (path) => readFileSync(path, 'utf8'),
    },
    run: {
      serverUrl: env.GITHUB_SERVER_URL ?? 'https://github.com',
      repository: env.GITHUB_REPOSITORY ?? '',
      runId: env.GITHUB_RUN_ID ?? '',
      runAttempt: env.GITHUB_RUN_ATTEMPT ?? '',
      job: env.GITHUB_JOB ?? '',
      step: env.GITHUB_ACTION ?? '',
      sha: env.GITHUB_SHA ?? '',
      awsRegion: env.AWS_REGION || env.AWS_DEFAULT_REGION || '',
    },
    async publish({ lines, annotations, outputs, summary, succeeded }) {
      for (const line of lines) {
        log.line(line);
      }
      for (const { level, title, text } of annotations) {
        log[level](title, text);
      }
      if (env.GITHUB_STEP_SUMMARY) {
        await core.summary.addRaw(summary).write();
      }
      for (const [name, value] of Object.entries(outputs)) {
        core.setOutput(name, value);
      }
      if (!succeeded) {
        process.exitCode = 1;
      }
    },
  };
}

/** `core.info` prints as it is what the runner would take for a command; `core.error` and `core.warning` escape it. */
export const log: Log = {
  line: (text) => core.info(inert(text)),
  warning: (title, text) => core.warning(text, { title: inert(title) }),
  error: (title, text) => core.error(text, { title: inert(title) }),
  group: (title, work) => core.group(inert(title), work),
};
