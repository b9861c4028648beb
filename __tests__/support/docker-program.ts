// Builds and pushes as the action does, in a process of its own: node docker-program.ts REQUEST.json ANSWER.json
import { readFileSync, writeFileSync } from 'node:fs';
import { setSecret } from '@actions/core';
import { connectDocker } from '../../src/adapters/docker.ts';
import { log } from '../../src/adapters/github.ts';
import { toDeployError } from '../../src/errors.ts';
import type { Build } from '../../src/world.ts';

export interface DockerRequest {
  build: Build;
  signIn: { user: string; password: string };
}

export interface DockerAnswer {
  digest?: string;
  error?: { code: string; message: string; hint: string | undefined };
}

const [, , requestFile = '', answerFile = ''] = process.argv;
const { build, signIn } = JSON.parse(readFileSync(requestFile, 'utf8')) as DockerRequest;
const cancel = new AbortController();
process.on('SIGINT', () => cancel.abort());

let answer: DockerAnswer;
try {
  const docker = connectDocker({ log, mask: setSecret, cancelled: cancel.signal });
  answer = { digest: await docker.buildAndPush(build, signIn) };
} catch (error) {
  const { code, message, hint } = toDeployError(error);
  answer = { error: { code, message, hint } };
}
writeFileSync(answerFile, JSON.stringify(answer));
