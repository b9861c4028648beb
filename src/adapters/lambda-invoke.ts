import type { InvokeCommandOutput } from '@aws-sdk/client-lambda';
import type { Invocation, Lambda } from '../world.ts';
import { awsText } from './aws-text.ts';
import type { LambdaCalls } from './lambda-calls.ts';

/** The longest a function may run, and some time for its start. */
const patienceMs = 16 * 60_000;

const mostPayload = 2000;

export function invokeCall({ connection, call }: LambdaCalls): Pick<Lambda, 'invoke'> {
  return {
    async invoke(FunctionName, { qualifier, payload }, deadline) {
      const { sdk, client } = await connection();
      return call(FunctionName, deadline, patienceMs, {
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
      });
    },
  };
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
    payload: FunctionError
      ? Buffer.from(Payload ?? [])
          .toString('utf8')
          .slice(0, mostPayload)
      : '',
    logTail: log,
    durationMs: reported(log, /\tDuration: ([\d.]+) ms/),
    initMs: reported(log, /\t(?:Init|Restore) Duration: ([\d.]+) ms/),
  };
}

/** From the REPORT line that Lambda writes at the end of an invocation. */
function reported(log: string, pattern: RegExp): number | undefined {
  const value = pattern.exec(log)?.[1];
  return value === undefined ? undefined : Number(value);
}
