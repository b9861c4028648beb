import type { ChildProcess } from 'node:child_process';
import { runAction } from '../__tests__/support/run-action.ts';
import type { LocalAws } from '../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../local-aws/options.ts';
import { startLocalAws } from '../local-aws/server.ts';

export const DISTRIBUTION = 'E2EXAMPLE1';
export const NEW_IMAGE = '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v2';

/** What an answer of AWS takes on its way, drawn for every call. */
const API_MS = [0, 60] as const;

export interface Place {
  clocks?: LocalAwsOptions['clocks'];
  functionNames?: string[];
  architecture?: 'x86_64' | 'arm64';
  registry?: LocalAwsOptions['registry'];
  seed?: number;
}

/** Some work on a local-aws of its own, so that runs side by side share nothing but the machine. */
export async function onLocalAws<T>(place: Place, work: (aws: LocalAws) => Promise<T>): Promise<T> {
  const { clocks, functionNames = ['web'], architecture, registry, seed } = place;
  const aws = await startLocalAws({
    clocks: { apiMs: API_MS, invalidationMs: 500, ...clocks },
    seed,
    registry,
    functions: functionNames.map((name) => ({ name, architecture })),
    distributions: [{ id: DISTRIBUTION, functionName: functionNames[0] ?? '' }],
  });
  try {
    return await work(aws);
  } finally {
    await aws.stop();
  }
}

/** One release by the committed bundle in a process of its own; returns how long the process lived. */
export async function releaseWithAction(
  aws: LocalAws,
  inputs: Record<string, string> = {},
  { onStart, env }: { onStart?: (child: ChildProcess) => void; env?: Record<string, string> } = {},
): Promise<number> {
  const names = aws.functions().map(({ name }) => name);
  const all = {
    'function-name': names.join('\n'),
    'image-uri': NEW_IMAGE,
    'distribution-id': DISTRIBUTION,
    ...inputs,
  };
  const { exitCode, log, ms } = await runAction(all, { env: { ...aws.env, ...env }, ...(onStart && { onStart }) });
  if (exitCode !== 0) {
    throw new Error(`the action ended with exit code ${exitCode}:\n${log}`);
  }
  return ms;
}

/** From the event that made AWS ready to the first request that clears the cache; negative would be too early. */
export function latenessMs(aws: LocalAws, ready: 'update-finished' | 'version-active'): number {
  return callAt(aws, 'CreateInvalidation') - eventAt(aws, ready);
}

export function callAt(aws: LocalAws, action: string): number {
  return found(aws.calls.find((call) => call.action === action)?.at, action);
}

export function eventAt(aws: LocalAws, type: string): number {
  return found(aws.events.findLast((event) => event.type === type)?.at, type);
}

function found(at: number | undefined, what: string): number {
  if (at === undefined) {
    throw new Error(`there was no ${what}.`);
  }
  return at;
}

/** When each GetFunction came in. */
export function pollMoments(aws: LocalAws): number[] {
  return aws.calls.filter(({ action }) => action === 'GetFunction').map(({ at }) => at);
}
