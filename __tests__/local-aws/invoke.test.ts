import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  type LambdaClient,
  PublishVersionCommand,
} from '@aws-sdk/client-lambda';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { cli, hasCli } from './cli.ts';
import { connect, startAws } from './clients.ts';

const WEB = Object.freeze({ FunctionName: 'web' });
const functions = [{ name: 'web', versions: 2, aliases: { live: '1' } }];

function invoke(lambda: LambdaClient, input: Partial<InvokeCommandInput> = {}) {
  return lambda.send(new InvokeCommand({ ...WEB, ...input }));
}

function coldStarts(aws: LocalAws): (boolean | undefined)[] {
  return aws.events.filter(({ type }) => type === 'invoked').map(({ detail }) => detail.cold as boolean);
}

function tailOf({ LogResult = '' }: { LogResult?: string | undefined }): string {
  return Buffer.from(LogResult, 'base64').toString();
}

describe('an invocation', () => {
  it.each([
    { Qualifier: undefined, version: '$LATEST' },
    { Qualifier: '$LATEST', version: '$LATEST' },
    { Qualifier: '2', version: '2' },
    { Qualifier: 'live', version: '1' },
  ])('of $Qualifier is answered by version $version', async ({ Qualifier, version }) => {
    const { lambda } = connect(await startAws({ functions }));
    const answer = await invoke(lambda, { Qualifier });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: version });
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toMatchObject({ functionName: 'web', version });
  });

  it('with DryRun runs nothing, with Event does not wait', async () => {
    const aws = await startAws({ functions, clocks: { invokeMs: 60_000 } });
    const { lambda } = connect(aws);
    expect(await invoke(lambda, { InvocationType: 'DryRun' })).toMatchObject({ StatusCode: 204 });
    expect(coldStarts(aws)).toEqual([]);
    expect(await invoke(lambda, { InvocationType: 'Event' })).toMatchObject({ StatusCode: 202 });
    expect(coldStarts(aws)).toEqual([true]);
  });

  it('shows the end of the log, with Init Duration after a cold start only', async () => {
    const { lambda } = connect(await startAws({ functions, clocks: { initMs: 5, invokeMs: 2 } }));
    const cold = await invoke(lambda, { LogType: 'Tail', Qualifier: '2' });
    const id = cold.$metadata.requestId;
    expect(tailOf(cold).split('\n')).toEqual([
      `START RequestId: ${id} Version: 2`,
      `END RequestId: ${id}`,
      `REPORT RequestId: ${id}\tDuration: 2.00 ms\tBilled Duration: 7 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 5.00 ms\t`,
      '',
    ]);
    const warm = await invoke(lambda, { LogType: 'Tail', Qualifier: '2' });
    expect(tailOf(warm)).toContain('Duration: 2.00 ms');
    expect(tailOf(warm)).not.toContain('Init Duration');
    expect((await invoke(lambda)).LogResult).toBeUndefined();
  });

  it('that fails is a 200 with FunctionError, its payload, and its log', async () => {
    const aws = await startAws({ functions });
    const { lambda } = connect(aws);
    const payload = { errorType: 'TypeError', errorMessage: 'no' };
    aws.fault({ action: 'Invoke', kind: 'function-error', payload, log: `${'x'.repeat(5000)}\n::error::printed` });
    const answer = await invoke(lambda, { LogType: 'Tail' });
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toEqual(payload);
    expect(tailOf(answer)).toContain('::error::printed');
    expect(tailOf(answer)).toContain('ERROR\tInvoke Error\t{"errorType":"TypeError"');
    expect(tailOf(answer)).toHaveLength(4096);
  });

  it('may have run although its answer was lost', async () => {
    const aws = await startAws({ functions });
    const { lambda } = connect(aws);
    aws.fault({ action: 'Invoke', kind: 'reset-after' });
    await expect(invoke(lambda)).rejects.toMatchObject({ code: 'ECONNRESET' });
    aws.fault({ action: 'Invoke', kind: 'reset-before' });
    await expect(invoke(lambda)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(coldStarts(aws)).toEqual([true]);
  });
});

describe('environments', () => {
  const clocks = { initMs: 60, invokeMs: 60 };

  it('are as many as there are invocations at once, and serve again', async () => {
    const aws = await startAws({ functions, clocks });
    const { lambda } = connect(aws);
    await Promise.all(Array.from({ length: 3 }, () => invoke(lambda, { Qualifier: '2' })));
    await Promise.all(Array.from({ length: 3 }, () => invoke(lambda, { Qualifier: '2' })));
    await invoke(lambda, { Qualifier: '2' });
    expect(coldStarts(aws)).toEqual([true, true, true, false, false, false, false]);
    expect(aws.functionNamed('web').environments).toEqual({ '2': 3 });
  });

  it('belong to one version, whichever way it is reached', async () => {
    const aws = await startAws({ functions, clocks });
    const { lambda } = connect(aws);
    for (const Qualifier of ['1', 'live', '2', '$LATEST']) await invoke(lambda, { Qualifier });
    expect(coldStarts(aws)).toEqual([true, false, true, true]);
    expect(aws.functionNamed('web').environments).toEqual({ '1': 1, '2': 1, $LATEST: 1 });
  });

  it('of $LATEST are gone after an update', async () => {
    const aws = await startAws({ functions, clocks: { ...clocks, updateMs: 1 } });
    const { lambda } = connect(aws);
    await invoke(lambda);
    aws.apply('UpdateFunctionConfiguration', { ...WEB, Timeout: 9 });
    await expect.poll(() => aws.functionNamed('web').lastUpdateStatus).toBe('Successful');
    await invoke(lambda);
    expect(coldStarts(aws)).toEqual([true, true]);
  });

  it('are no more than the reserved concurrency', async () => {
    const aws = await startAws({ functions: [{ name: 'web', reservedConcurrency: 2 }], clocks });
    const { lambda } = connect(aws);
    const results = await Promise.allSettled([invoke(lambda), invoke(lambda), invoke(lambda)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { name: 'TooManyRequestsException', Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
    });
  });
});

describe('who is not ready', () => {
  it.each([
    { name: 'an image', options: {}, error: 'CodeArtifactUserPendingException', status: 409 },
    {
      name: 'a function in a VPC',
      options: { vpc: { subnetIds: ['s'], securityGroupIds: ['g'] } },
      error: 'ResourceNotReadyException',
      status: 502,
    },
    { name: 'a zip', options: { packageType: 'Zip' as const }, error: 'ResourceNotReadyException', status: 502 },
  ])('$name that idled refuses once and wakes up', async ({ options, error, status }) => {
    const web = { name: 'web', state: 'Inactive', ...options };
    const aws = await startAws({ functions: [web], clocks: { createMs: 20 } });
    const { lambda } = connect(aws);
    await expect(invoke(lambda)).rejects.toMatchObject({ name: error, $metadata: { httpStatusCode: status } });
    expect(aws.functionNamed('web').state).toBe('Pending');
    await expect.poll(() => aws.functionNamed('web').state).toBe('Active');
    expect(await invoke(lambda)).toMatchObject({ StatusCode: 200 });
  });

  it('a version that idled does, too', async () => {
    const aws = await startAws({ functions: [{ name: 'web', versions: [{ state: 'Inactive' }] }] });
    const { lambda } = connect(aws);
    await expect(invoke(lambda, { Qualifier: '1' })).rejects.toMatchObject({
      name: 'CodeArtifactUserPendingException',
    });
    await expect.poll(() => aws.functionNamed('web').versions[0]?.state).toBe('Active');
    await invoke(lambda, { Qualifier: '1' });
  });

  it.each([
    ['SnapStartNotReadyException', 409],
    ['SnapStartTimeoutException', 408],
    ['EC2ThrottledException', 502],
    ['EFSMountConnectivityException', 408],
    ['EFSMountTimeoutException', 408],
    ['ENILimitReachedException', 502],
    ['CodeArtifactUserFailedException', 409],
  ])('can say %s, with the status %i', async (code, httpStatusCode) => {
    const aws = await startAws({ functions });
    aws.fault({ action: 'Invoke', kind: 'error', code });
    await expect(invoke(connect(aws).lambda)).rejects.toMatchObject({ name: code, $metadata: { httpStatusCode } });
    expect(coldStarts(aws)).toEqual([]);
  });

  it('can be throttled for a time that is said', async () => {
    const aws = await startAws({ functions });
    aws.fault({ action: 'Invoke', kind: 'throttle', retryAfterSeconds: 3 });
    await expect(invoke(connect(aws).lambda)).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      retryAfterSeconds: '3',
    });
  });
});

describe('SnapStart', () => {
  const options = {
    functions: [{ name: 'web', snapStart: 'PublishedVersions' as const }],
    clocks: { versionMs: 1, snapStartMs: 200, initMs: 3 },
  };

  async function optimisation(lambda: LambdaClient, Qualifier?: string) {
    const { State, SnapStart } = await lambda.send(new GetFunctionConfigurationCommand({ ...WEB, Qualifier }));
    return [State, SnapStart?.ApplyOn, SnapStart?.OptimizationStatus];
  }

  it('takes its own time until a version is optimised and can be invoked', async () => {
    const aws = await startAws(options);
    const { lambda } = connect(aws);
    await lambda.send(new PublishVersionCommand(WEB));
    expect(await optimisation(lambda, '1')).toEqual(['Pending', 'PublishedVersions', 'Off']);
    await expect(invoke(lambda, { Qualifier: '1' })).rejects.toMatchObject({ name: 'SnapStartNotReadyException' });
    await expect.poll(() => optimisation(lambda, '1')).toEqual(['Active', 'PublishedVersions', 'On']);
    expect(await optimisation(lambda)).toEqual(['Active', 'PublishedVersions', 'Off']);
    const answer = await invoke(lambda, { Qualifier: '1', LogType: 'Tail' });
    expect(tailOf(answer)).toContain('\tRestore Duration: 3.00 ms');
  });

  it('can fail, and then no alias may name the version', async () => {
    const aws = await startAws({ ...options, clocks: { snapStartMs: 1 } });
    const { lambda } = connect(aws);
    aws.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'FunctionError' });
    await lambda.send(new PublishVersionCommand(WEB));
    await expect.poll(() => optimisation(lambda, '1')).toEqual(['Failed', 'PublishedVersions', 'Off']);
    const create = () => aws.apply('CreateAlias', { ...WEB, Name: 'live', FunctionVersion: '1' });
    expect(create).toThrow('Failed');
  });
});

it.skipIf(!hasCli)('the AWS CLI invokes a version and reads its log', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'local-aws-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const aws = await startAws({ functions });
  const file = join(folder, 'payload.json');
  const answer = await cli(aws, `lambda invoke --function-name web --qualifier 2 --log-type Tail ${file}`);
  expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '2' });
  expect(tailOf(answer as { LogResult: string })).toContain('Init Duration');
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: '2' });
});
