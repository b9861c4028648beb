import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { listen, readRequest } from '../../local-aws/listener.ts';

const bundle = resolve(import.meta.dirname, '../../dist/s3-handler/index.mjs');

/** Where a program of the PATH really is. */
export function find(program: string): string | undefined {
  const found = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, program));
  return found.filter((file) => existsSync(file)).map((file) => realpathSync(file))[0];
}

const runtimeClient = find('aws-lambda-ric');
/** AWS's own client of the Runtime API, or ours where that is not installed. */
export const runtime = runtimeClient === undefined ? 'bootstrap.ts' : 'aws-lambda-ric';

export type Answer = { kind: 'response'; value: unknown } | { kind: 'error'; type: string; message: string };

/** A function, running; stops by itself at the end of the block that declares it with `await using`. */
export interface RunningFunction extends AsyncDisposable {
  invoke(event: unknown, options?: { timeoutMs?: number }): Promise<Answer>;
  /** Lines of standard output that are JSON. */
  log(): Record<string, unknown>[];
  /** All that was printed. */
  output(): string;
}

interface Invocation {
  event: string;
  timeoutMs: number;
  done(answer: Answer): void;
}

/**
 * Runs the bundle the way Lambda does: alone in a directory, in a process that asks the Runtime API for events
 * (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). An error at its start answers every invocation.
 */
export async function startFunction(env: Record<string, string>): Promise<RunningFunction> {
  const waiting: Invocation[] = [];
  const running = new Map<string, Invocation>();
  let idle: ServerResponse | undefined;
  let failure: Answer | undefined;

  const api = await listen(async (request, response) => {
    const { path, body } = await readRequest(request);
    const [, id = '', result] =
      /^\/2018-06-01\/runtime\/(?:invocation\/)?([\w-]+)(?:\/(response|error))?$/.exec(path) ?? [];
    if (id === 'next') {
      idle = response;
      hand();
      return;
    }
    const answer = toAnswer(result === 'response' ? 'response' : 'error', body);
    running.get(id)?.done(answer);
    running.delete(id);
    if (id === 'init') {
      fail(answer);
    }
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}');
  });

  function hand(): void {
    const invocation = waiting[0];
    if (idle === undefined || invocation === undefined) {
      return;
    }
    waiting.shift();
    const id = randomUUID();
    running.set(id, invocation);
    idle.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(Date.now() + invocation.timeoutMs),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:s3-handler',
    });
    idle.end(invocation.event);
    idle = undefined;
  }

  function fail(answer: Answer): void {
    failure ??= answer;
    for (const { done } of [...waiting.splice(0), ...running.values()]) {
      done(failure);
    }
  }

  const directory = mkdtempSync(join(tmpdir(), 's3-handler-'));
  copyFileSync(bundle, join(directory, 'index.mjs'));
  const child = spawn(process.execPath, [runtimeClient ?? join(import.meta.dirname, 'bootstrap.ts'), 'index.handler'], {
    cwd: directory,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_LAMBDA_RUNTIME_API: new URL(api.url).host,
      LAMBDA_TASK_ROOT: directory,
      _HANDLER: 'index.handler',
      AWS_LAMBDA_FUNCTION_NAME: 's3-handler',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/s3-handler',
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/01/[$LATEST]0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let lines = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    lines += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = new Promise<void>((done) => {
    child.once('close', () => {
      fail({ kind: 'error', type: 'Runtime.ExitError', message: `the function has ended: ${printed}` });
      done();
    });
  });

  return {
    invoke: (event, { timeoutMs = 30_000 } = {}) =>
      new Promise<Answer>((done) => {
        if (failure !== undefined) {
          done(failure);
          return;
        }
        waiting.push({ event: JSON.stringify(event), timeoutMs, done });
        hand();
      }),
    log: () =>
      lines
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    output: () => printed,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await api.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function toAnswer(kind: Answer['kind'], body: Buffer): Answer {
  const value = JSON.parse(body.toString());
  return kind === 'response' ? { kind, value } : { kind, type: value.errorType, message: value.errorMessage };
}
