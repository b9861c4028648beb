import {
  CreateFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  type UpdateFunctionCodeCommandInput,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { connect, eventTypes, QUICK, REPOSITORY, startAws } from './clients.ts';

const V2 = `${REPOSITORY}:v2`;
const DIGEST = 'a'.repeat(64);
const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:web';

function update(lambda: LambdaClient, more: Partial<UpdateFunctionCodeCommandInput> = {}) {
  return lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ImageUri: V2, ...more }));
}

function updated(lambda: LambdaClient) {
  return waitUntilFunctionUpdatedV2({ client: lambda, ...QUICK }, { FunctionName: 'web' });
}

async function answerOf(lambda: LambdaClient): Promise<{ imageUri: string }> {
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: 'web' }));
  return JSON.parse(Payload?.transformToString() ?? '{}') as { imageUri: string };
}

describe('an update', () => {
  it('serves the previous code until it has ended', async () => {
    const aws = await startAws({ images: { [V2]: DIGEST } });
    const { lambda } = connect(aws);
    const answer = await update(lambda);
    expect(answer).toMatchObject({ LastUpdateStatus: 'InProgress', CodeSha256: DIGEST, Version: '$LATEST' });
    expect(await answerOf(lambda)).toMatchObject({ imageUri: `${REPOSITORY}:v1` });
    expect(aws.functionNamed('web').serving.imageUri).toBe(`${REPOSITORY}:v1`);
    await updated(lambda);
    expect(await answerOf(lambda)).toMatchObject({ imageUri: V2 });
    expect(aws.functionNamed('web')).toMatchObject({ codeSha256: DIGEST, serving: { codeSha256: DIGEST } });
    expect(eventTypes(aws)).toEqual(['update-started', 'invoked', 'update-finished', 'invoked']);
  });

  it.each([
    { name: 'another update', call: (lambda: LambdaClient) => update(lambda) },
    {
      name: 'a configuration',
      call: (lambda: LambdaClient) =>
        lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'web', Timeout: 9 })),
    },
    {
      name: 'a publication',
      call: (lambda: LambdaClient) => lambda.send(new PublishVersionCommand({ FunctionName: 'web' })),
    },
  ])('refuses $name meanwhile', async ({ call }) => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    await update(lambda);
    await expect(call(lambda)).rejects.toMatchObject({
      name: 'ResourceConflictException',
      message: `The operation cannot be performed at this time. An update is in progress for resource: ${ARN}`,
      $metadata: { httpStatusCode: 409 },
      Type: 'User',
    });
  });

  it('moves the revision when it starts and again when it ends', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    const first = aws.functionNamed('web').revisionId;
    const { RevisionId } = await update(lambda, { RevisionId: first });
    await updated(lambda);
    const last = aws.functionNamed('web').revisionId;
    expect(new Set([first, RevisionId, last]).size).toBe(3);
    await expect(update(lambda, { RevisionId: first })).rejects.toMatchObject({
      name: 'PreconditionFailedException',
      $metadata: { httpStatusCode: 412 },
    });
  });

  it('keeps the old code serving when it fails, shows the reason, and can be repaired', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    aws.fault({
      action: 'UpdateFunctionCode',
      kind: 'ends-failed',
      reasonCode: 'ImageAccessDenied',
      reason: '::error::hostile\ntext',
    });
    await update(lambda);
    await expect(updated(lambda)).rejects.toThrow();
    const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: 'web' }));
    expect(Configuration).toMatchObject({
      State: 'Active',
      LastUpdateStatus: 'Failed',
      LastUpdateStatusReasonCode: 'ImageAccessDenied',
      LastUpdateStatusReason: '::error::hostile\ntext',
    });
    expect(await answerOf(lambda)).toMatchObject({ imageUri: `${REPOSITORY}:v1` });
    await expect(lambda.send(new PublishVersionCommand({ FunctionName: 'web' }))).rejects.toThrow('state: Failed');
    await update(lambda);
    await updated(lambda);
    expect(await answerOf(lambda)).toMatchObject({ imageUri: V2 });
  });

  it('can be stuck, and can take its time', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    aws.fault({ action: 'UpdateFunctionCode', kind: 'stuck' });
    await update(lambda);
    const patience = { ...QUICK, maxWaitTime: 0.3 };
    await expect(
      waitUntilFunctionUpdatedV2({ client: lambda, ...patience }, { FunctionName: 'web' }),
    ).rejects.toThrow();
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('InProgress');

    const other = await startAws({ clocks: { updateMs: 60_000 } });
    const client = connect(other).lambda;
    other.fault({ action: 'UpdateFunctionCode', kind: 'takes', ms: 5 });
    await update(client);
    await updated(client);
  });

  it('resolves a tag when it is made, not later', async () => {
    const aws = await startAws({ images: { [V2]: DIGEST } });
    const { lambda } = connect(aws);
    await update(lambda);
    aws.images.push(V2, 'b'.repeat(64));
    await updated(lambda);
    const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'web' }));
    expect(Code).toEqual({
      RepositoryType: 'ECR',
      ImageUri: V2,
      ResolvedImageUri: `${REPOSITORY}@sha256:${DIGEST}`,
    });
  });

  it('with DryRun checks and changes nothing', async () => {
    const aws = await startAws({
      unknownImages: 'reject',
      images: { [V2]: DIGEST },
    });
    const { lambda } = connect(aws);
    const before = aws.functionNamed('web');
    expect(await update(lambda, { DryRun: true })).toMatchObject({ CodeSha256: DIGEST });
    await expect(update(lambda, { DryRun: true, ImageUri: `${REPOSITORY}:gone` })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: `Source image ${REPOSITORY}:gone does not exist. Provide a valid source image.`,
    });
    expect(aws.functionNamed('web')).toEqual(before);
    expect(aws.calls.map((call) => call.effect)).toEqual([false, false]);
  });

  it.each([
    {
      name: 'a package for an image function',
      input: { ImageUri: undefined, ZipFile: Buffer.from('PK') },
      message: 'Please provide ImageUri when updating a function with packageType Image.',
    },
    { name: 'no code', input: { ImageUri: undefined }, message: 'Please provide a source for function code.' },
    {
      name: 'an image index',
      input: { ImageUri: `${REPOSITORY}:index` },
      message: 'The image manifest, config or layer media type for the source image',
    },
    {
      name: 'a qualifier',
      input: { FunctionName: 'web:1' },
      message: 'This operation is permitted on Lambda functions only.',
    },
  ])('refuses $name', async ({ input, message }) => {
    const aws = await startAws({ images: { [`${REPOSITORY}:index`]: { digest: `sha256:${DIGEST}`, index: true } } });
    await expect(update(connect(aws).lambda, input as object)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining(message),
    });
  });

  it('of a package shows its hash and a place to load it from', async () => {
    const aws = await startAws({ functions: [{ name: 'web', packageType: 'Zip' }] });
    const { lambda } = connect(aws);
    const ZipFile = Buffer.from('PK\u0003\u0004 some code');
    const { CodeSha256 } = await update(lambda, { ImageUri: undefined, ZipFile });
    expect(CodeSha256).toBe(Buffer.from(await crypto.subtle.digest('SHA-256', ZipFile)).toString('base64'));
    const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'web' }));
    expect(Code).toMatchObject({ RepositoryType: 'S3', Location: expect.stringContaining('X-Amz-Signature') });
    await updated(lambda);
    await expect(update(lambda)).rejects.toThrow("Please don't provide ImageUri");
    await expect(update(lambda, { ImageUri: undefined, ZipFile: Buffer.from('no') })).rejects.toThrow(
      'Could not unzip',
    );
  });

  it('of the configuration keeps the code and shows the setting', async () => {
    const aws = await startAws({ functions: [{ name: 'web', environment: { SECRET: 'hunter2' } }] });
    const { lambda } = connect(aws);
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'web', MemorySize: 512 }));
    await updated(lambda);
    const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: 'web' }));
    expect(configuration).toMatchObject({ MemorySize: 512, Environment: { Variables: { SECRET: 'hunter2' } } });
  });
});

describe('states', () => {
  it('Pending refuses everything, then turns Active', async () => {
    const aws = await startAws({ functions: [{ name: 'web', state: 'Pending' }] });
    const { lambda } = connect(aws);
    const conflict = { name: 'ResourceConflictException', message: expect.stringContaining('state: Pending') };
    await expect(update(lambda)).rejects.toMatchObject(conflict);
    await expect(answerOf(lambda)).rejects.toMatchObject(conflict);
    await expect(lambda.send(new PublishVersionCommand({ FunctionName: 'web' }))).rejects.toMatchObject(conflict);
    await waitUntilFunctionActiveV2({ client: lambda, ...QUICK }, { FunctionName: 'web' });
    await update(lambda);
  });

  it('Inactive can be updated, which makes it Pending and then Active', async () => {
    const aws = await startAws({ functions: [{ name: 'web', state: 'Inactive' }] });
    const { lambda } = connect(aws);
    expect(await update(lambda)).toMatchObject({ State: 'Pending', LastUpdateStatus: 'InProgress' });
    await updated(lambda);
    expect(aws.functionNamed('web')).toMatchObject({ state: 'Active', serving: { imageUri: V2 } });
  });

  it('Inactive refuses the first invocation and wakes up', async () => {
    const aws = await startAws({ functions: [{ name: 'web', state: 'Inactive' }] });
    const { lambda } = connect(aws);
    await expect(answerOf(lambda)).rejects.toMatchObject({ name: 'CodeArtifactUserPendingException' });
    await waitUntilFunctionActiveV2({ client: lambda, ...QUICK }, { FunctionName: 'web' });
    expect(await answerOf(lambda)).toMatchObject({ version: '$LATEST' });
  });

  it('an update under way at the start ends by itself', async () => {
    const aws = await startAws({ functions: [{ name: 'web', imageUri: V2, lastUpdateStatus: 'InProgress' }] });
    const { lambda } = connect(aws);
    expect(aws.functionNamed('web').serving.imageUri).not.toBe(V2);
    await updated(lambda);
    expect(aws.functionNamed('web').serving.imageUri).toBe(V2);
  });

  it('a new function is Pending first', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    const input = { FunctionName: 'api', Role: 'arn:aws:iam::123456789012:role/api', Code: { ImageUri: V2 } };
    const created = await lambda.send(new CreateFunctionCommand({ ...input, PackageType: 'Image' }));
    expect(created).toMatchObject({ State: 'Pending', StateReasonCode: 'Creating' });
    await waitUntilFunctionActiveV2({ client: lambda, ...QUICK }, { FunctionName: 'api' });
    const { Functions } = await lambda.send(new ListFunctionsCommand({}));
    expect(Functions?.map((fn) => fn.FunctionName)).toEqual(['web', 'api']);
  });
});

describe('names', () => {
  it.each(['web', '123456789012:function:web', ARN, `${ARN}:$LATEST`])('finds %s', async (FunctionName) => {
    const { lambda } = connect(await startAws());
    const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }));
    expect(Configuration?.FunctionName).toBe('web');
  });

  it.each([
    {
      name: 'an unknown one',
      input: { FunctionName: 'gone' },
      error: 'ResourceNotFoundException',
      text: `Function not found: ${ARN.replace('web', 'gone')}`,
    },
    {
      name: 'an unknown version',
      input: { FunctionName: 'web', Qualifier: '9' },
      error: 'ResourceNotFoundException',
      text: `${ARN}:9`,
    },
    {
      name: 'another Region',
      input: { FunctionName: ARN.replace('us-east-1', 'eu-west-1') },
      error: 'ResourceNotFoundException',
      text: 'eu-west-1',
    },
    {
      name: 'another account',
      input: { FunctionName: ARN.replace('1234', '9999') },
      error: 'AccessDeniedException',
      text: 'not authorized',
    },
    {
      name: 'two qualifiers',
      input: { FunctionName: 'web:1', Qualifier: '2' },
      error: 'InvalidParameterValueException',
      text: 'derived qualifier',
    },
    {
      name: 'no name at all',
      input: { FunctionName: 'we b' },
      error: 'ValidationException',
      text: "Value 'we b' at 'functionName'",
    },
  ])('refuses $name', async ({ input, error, text }) => {
    const { lambda } = connect(await startAws());
    await expect(lambda.send(new GetFunctionCommand(input))).rejects.toMatchObject({
      name: error,
      message: expect.stringContaining(text),
    });
  });
});

describe('an invocation', () => {
  it('says which version ran and can be asked for its log', async () => {
    const { lambda } = connect(await startAws({ functions: [{ name: 'web', versions: 3 }] }));
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'web', Qualifier: '3', LogType: 'Tail' }));
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '3' });
    expect(Buffer.from(answer.LogResult ?? '', 'base64').toString()).toContain('Version: 3');
    expect(await lambda.send(new InvokeCommand({ FunctionName: 'web', InvocationType: 'Event' }))).toMatchObject({
      StatusCode: 202,
    });
    expect(await lambda.send(new InvokeCommand({ FunctionName: 'web', InvocationType: 'DryRun' }))).toMatchObject({
      StatusCode: 204,
    });
  });

  it('can fail inside an HTTP 200', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    aws.fault({ action: 'Invoke', kind: 'function-error', payload: { errorMessage: 'no database' } });
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'web' }));
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(answer.Payload?.transformToString()).toContain('no database');
  });

  it('shows an image of the wrong architecture only now', async () => {
    const aws = await startAws({ images: { [V2]: { digest: `sha256:${DIGEST}`, architecture: 'arm64' } } });
    const { lambda } = connect(aws);
    await update(lambda);
    await updated(lambda);
    const answer = await lambda.send(new InvokeCommand({ FunctionName: 'web' }));
    expect(answer.Payload?.transformToString()).toContain('exec format error');
  });
});
