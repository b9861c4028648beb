import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  InvokeCommand,
  type LambdaClient,
  ListAliasesCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  paginateListVersionsByFunction,
  UpdateAliasCommand,
  type UpdateAliasCommandInput,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { connect, QUICK, REPOSITORY, startAws } from './clients.ts';

const WEB = Object.freeze({ FunctionName: 'web' });
const LIVE = { ...WEB, Name: 'live' };

async function deploy(lambda: LambdaClient, tag: string): Promise<string> {
  await lambda.send(new UpdateFunctionCodeCommand({ ...WEB, ImageUri: `${REPOSITORY}:${tag}` }));
  await waitUntilFunctionUpdatedV2({ client: lambda, ...QUICK }, WEB);
  const { Version = '' } = await lambda.send(new PublishVersionCommand(WEB));
  return Version;
}

function invokeVersion(lambda: LambdaClient, Qualifier: string) {
  return lambda.send(new InvokeCommand({ ...WEB, Qualifier }));
}

describe('a version', () => {
  it('serves once it is Active', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    const version = await lambda.send(new PublishVersionCommand({ ...WEB, Description: 'abc1234' }));
    expect(version).toMatchObject({
      Version: '1',
      State: 'Pending',
      Description: 'abc1234',
      $metadata: { httpStatusCode: 201 },
    });
    expect(version.FunctionArn).toBe('arn:aws:lambda:us-east-1:123456789012:function:web:1');
    await expect(invokeVersion(lambda, '1')).rejects.toMatchObject({ name: 'ResourceConflictException' });
    await waitUntilPublishedVersionActive({ client: lambda, ...QUICK }, { ...WEB, Qualifier: '1' });
    expect(await invokeVersion(lambda, '1')).toMatchObject({ ExecutedVersion: '1' });
    expect(aws.functionNamed('web').versions).toMatchObject([
      { version: '1', description: 'abc1234', state: 'Active' },
    ]);
  });

  it('is the earlier one when nothing changed', async () => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 3 }] });
    const { lambda } = connect(aws);
    const again = await lambda.send(new PublishVersionCommand({ ...WEB, Description: 'other' }));
    expect(again).toMatchObject({ Version: '3', State: 'Active', Description: '' });
    expect(aws.calls.at(-1)).toMatchObject({ action: 'PublishVersion', status: 201, effect: false });
    expect(await deploy(lambda, 'v2')).toBe('4');
    expect(await deploy(lambda, 'v2')).toBe('4');
  });

  it('can be guarded by the hash and the revision', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    await expect(lambda.send(new PublishVersionCommand({ ...WEB, CodeSha256: 'f'.repeat(64) }))).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      $metadata: { httpStatusCode: 400 },
    });
    await expect(lambda.send(new PublishVersionCommand({ ...WEB, RevisionId: 'old' }))).rejects.toMatchObject({
      name: 'PreconditionFailedException',
    });
    const { codeSha256, revisionId } = aws.functionNamed('web');
    await lambda.send(new PublishVersionCommand({ ...WEB, CodeSha256: codeSha256, RevisionId: revisionId }));
  });

  it('can fail, and then no alias may name it', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    aws.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'FunctionError', reason: 'init crashed' });
    await lambda.send(new PublishVersionCommand(WEB));
    await expect(
      waitUntilPublishedVersionActive({ client: lambda, ...QUICK }, { ...WEB, Qualifier: '1' }),
    ).rejects.toThrow();
    const { Configuration } = await lambda.send(new GetFunctionCommand({ ...WEB, Qualifier: '1' }));
    expect(Configuration).toMatchObject({
      State: 'Failed',
      StateReasonCode: 'FunctionError',
      StateReason: 'init crashed',
    });
    await expect(lambda.send(new CreateAliasCommand({ ...LIVE, FunctionVersion: '1' }))).rejects.toMatchObject({
      name: 'ResourceConflictException',
    });
  });

  it('published with the update becomes Active after it', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    const ImageUri = `${REPOSITORY}:v2`;
    const version = await lambda.send(new UpdateFunctionCodeCommand({ ...WEB, ImageUri, Publish: true }));
    expect(version).toMatchObject({ Version: '1', State: 'Pending' });
    await waitUntilPublishedVersionActive({ client: lambda, ...QUICK }, { ...WEB, Qualifier: '1' });
    const types = aws.events.map((event) => event.type);
    expect(types).toEqual(['update-started', 'version-published', 'update-finished', 'version-active']);
  });

  it('is listed in pages, $LATEST first', async () => {
    const { lambda } = connect(await startAws({ functions: [{ name: 'web', versions: 60 }] }));
    const sizes: number[] = [];
    const names: (string | undefined)[] = [];
    for await (const page of paginateListVersionsByFunction({ client: lambda }, { ...WEB })) {
      sizes.push(page.Versions?.length ?? 0);
      names.push(...(page.Versions ?? []).map((version) => version.Version));
    }
    expect(sizes).toEqual([50, 11]);
    expect(names).toEqual(['$LATEST', ...Array.from({ length: 60 }, (_, index) => String(index + 1))]);
    const { Versions } = await lambda.send(new ListVersionsByFunctionCommand({ ...WEB, MaxItems: 2 }));
    expect(Versions?.map((version) => version.FunctionArn?.split(':').at(-1))).toEqual(['$LATEST', '1']);
  });

  it('can be deleted unless an alias names it', async () => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 3, aliases: { live: '2' } }] });
    const { lambda } = connect(aws);
    await lambda.send(new DeleteFunctionCommand({ ...WEB, Qualifier: '1' }));
    await expect(lambda.send(new DeleteFunctionCommand({ ...WEB, Qualifier: '2' }))).rejects.toMatchObject({
      name: 'ResourceConflictException',
    });
    expect(aws.functionNamed('web').versions.map((version) => version.version)).toEqual(['2', '3']);
    await lambda.send(new DeleteFunctionCommand(WEB));
    await expect(lambda.send(new GetFunctionCommand(WEB))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('an alias', () => {
  it('is created, read, moved, listed and deleted', async () => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 2 }] });
    const { lambda } = connect(aws);
    await expect(lambda.send(new GetAliasCommand(LIVE))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Cannot find alias arn: arn:aws:lambda:us-east-1:123456789012:function:web:live',
    });
    const created = await lambda.send(
      new CreateAliasCommand({ ...LIVE, FunctionVersion: '1', Description: 'for users' }),
    );
    expect(created).toMatchObject({ FunctionVersion: '1', $metadata: { httpStatusCode: 201 } });
    await expect(lambda.send(new CreateAliasCommand({ ...LIVE, FunctionVersion: '1' }))).rejects.toMatchObject({
      name: 'ResourceConflictException',
    });
    expect(await lambda.send(new InvokeCommand({ ...WEB, Qualifier: 'live' }))).toMatchObject({ ExecutedVersion: '1' });
    const moved = await lambda.send(
      new UpdateAliasCommand({ ...LIVE, FunctionVersion: '2', RevisionId: created.RevisionId }),
    );
    expect(moved).toMatchObject({ FunctionVersion: '2', Description: 'for users' });
    expect(await lambda.send(new InvokeCommand({ ...WEB, Qualifier: 'live' }))).toMatchObject({ ExecutedVersion: '2' });
    await expect(
      lambda.send(new UpdateAliasCommand({ ...LIVE, FunctionVersion: '1', RevisionId: created.RevisionId })),
    ).rejects.toMatchObject({ name: 'PreconditionFailedException', $metadata: { httpStatusCode: 412 } });
    expect((await lambda.send(new ListAliasesCommand(WEB))).Aliases).toMatchObject([{ Name: 'live' }]);
    await lambda.send(new DeleteAliasCommand(LIVE));
    expect((await lambda.send(new ListAliasesCommand(WEB))).Aliases).toEqual([]);
  });

  it('keeps the weights of a shift until they are cleared', async () => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 3, aliases: { live: '1' } }] });
    const { lambda } = connect(aws);
    const move = (input: Partial<UpdateAliasCommandInput>) =>
      lambda.send(new UpdateAliasCommand({ ...LIVE, ...input }));
    const weights = { AdditionalVersionWeights: { '2': 0.5 } };
    await move({ RoutingConfig: weights });
    expect(await move({ FunctionVersion: '3' })).toMatchObject({ FunctionVersion: '3', RoutingConfig: weights });
    const answers = await Promise.all(Array.from({ length: 40 }, () => invokeVersion(lambda, 'live')));
    expect(new Set(answers.map((answer) => answer.ExecutedVersion))).toEqual(new Set(['2', '3']));
    const cleared = await move({ RoutingConfig: { AdditionalVersionWeights: {} } });
    expect(cleared.RoutingConfig).toBeUndefined();
  });

  it.each([
    { name: 'an unknown version', input: { FunctionVersion: '9' }, error: 'ResourceNotFoundException' },
    {
      name: 'weights with $LATEST',
      input: { RoutingConfig: { AdditionalVersionWeights: { $LATEST: 0.1 } } },
      error: 'InvalidParameterValueException',
    },
    {
      name: 'itself as weight',
      input: { RoutingConfig: { AdditionalVersionWeights: { '1': 0.1 } } },
      error: 'InvalidParameterValueException',
    },
    {
      name: 'two further versions',
      input: { RoutingConfig: { AdditionalVersionWeights: { '2': 0.1, '3': 0.1 } } },
      error: 'InvalidParameterValueException',
    },
    {
      name: 'more than everything',
      input: { RoutingConfig: { AdditionalVersionWeights: { '2': 1.1 } } },
      error: 'ValidationException',
    },
    { name: 'a name of digits', input: { Name: '12' }, error: 'ValidationException' },
  ])('refuses $name', async ({ input, error }) => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 3, aliases: { live: '1' } }] });
    const { lambda } = connect(aws);
    await expect(lambda.send(new UpdateAliasCommand({ ...LIVE, ...(input as object) }))).rejects.toMatchObject({
      name: error,
    });
  });
});
