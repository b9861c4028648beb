import type { InvokeCommandOutput } from '@aws-sdk/client-lambda';
import { DeployError } from '../errors.ts';
import type { Invocation, Lambda } from '../world.ts';
import { awsText } from './aws-text.ts';
import type { LambdaCalls } from './lambda-calls.ts';

/** What the start of an execution environment may add to the function's own time. */
const startUpMs = 60_000;

export function invokeCall({ invoking, call }: LambdaCalls): Pick<Lambda, 'invoke'> {
  return {
    async invoke(FunctionName, { qualifier, payload, timeoutMs }, deadline) {
      const { sdk, client } = await invoking();
      return call(FunctionName, deadline, timeoutMs + startUpMs, {
        action: 'lambda:InvokeFunction',
        failure: 'warm-up-failed',
        send: (abortSignal) =>
          client.send(
            new sdk.InvokeCommand({
              FunctionName,
              Qualifier: qualifier,
              InvocationType: 'RequestResponse',
              LogType: 'Tail',
              Payload: Buffer.from(payload),
            }),
            { abortSignal },
          ),
        read: toInvocation,
        explain: (name, said) => explainInvocation(name, said, FunctionName),
      });
    },
  };
}

/** Conflicts that do not pass (Errors of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
const lastingConflicts: ReadonlySet<string> = new Set([
  'CodeArtifactUserDeletedException',
  'CodeArtifactUserFailedException',
  'DurableExecutionAlreadyStartedException',
  'RuntimeAliasDeletedException',
]);

function explainInvocation(name: string, said: string, functionName: string): DeployError | undefined {
  return lastingConflicts.has(name)
    ? new DeployError(
        'warm-up-failed',
        `Function ${functionName} could not be invoked (${name}).${said ? ` AWS says: ${said}` : ''}`,
        { hint: 'Check the function in the Lambda console: the same code will not start, deploy another.' },
      )
    : undefined;
}

function toInvocation(output: InvokeCommandOutput): Invocation | undefined {
  const { StatusCode, ExecutedVersion, FunctionError, LogResult, Payload } = output;
  // Without them it is the page of a proxy.
  if (StatusCode === undefined || !ExecutedVersion) {
    return undefined;
  }
  const log = Buffer.from(LogResult ?? '', 'base64').toString('utf8');
  return {
    version: awsText(ExecutedVersion),
    functionError: awsText(FunctionError),
    // What a function answers when it is well is its own business.
    payload: FunctionError ? Buffer.from(Payload ?? []).toString('utf8') : '',
    logTail: wholeTail(log),
    durationMs: reported(log, /\tDuration: ([\d.]+) ms/),
    initMs: reported(log, /\t(?:Init|Restore) Duration: ([\d.]+) ms/),
  };
}

/** Lambda gives out the last 4 KB of the log, so a longer one begins in the middle of a line, which may be a secret's. */
function wholeTail(log: string): string {
  return Buffer.byteLength(log) < 4000 ? log : log.replace(/^.*\n?/, '');
}

/** From the REPORT line that Lambda writes at the end of an invocation. */
function reported(log: string, pattern: RegExp): number | undefined {
  const value = pattern.exec(log)?.[1];
  return value === undefined ? undefined : Number(value);
}
