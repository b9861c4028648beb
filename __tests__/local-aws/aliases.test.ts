import {
  DeleteFunctionCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAliasCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  type LambdaClient,
  ListAliasesCommand,
  ListProvisionedConcurrencyConfigsCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  type UpdateAliasCommandInput,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { cli, hasCli } from './cli.ts';
import { connect, startAws } from './clients.ts';

const WEB = Object.freeze({ FunctionName: 'web' });
const LIVE = { ...WEB, Name: 'live' };
const QUALIFIED = { ...WEB, Qualifier: 'live' };

/** Versions 1 to 3; `live` names the first. */
function site(options: Partial<LocalAwsOptions> = {}) {
  return startAws({ functions: [{ name: 'web', versions: 3, aliases: { live: '1' } }], ...options });
}

function move(lambda: LambdaClient, input: Partial<UpdateAliasCommandInput>) {
  return lambda.send(new UpdateAliasCommand({ ...LIVE, ...input }));
}

function weigh(weights: Record<string, number>) {
  return { RoutingConfig: { AdditionalVersionWeights: weights } };
}

async function executed(lambda: LambdaClient, times: number): Promise<(string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (let count = 0; count < times; count += 1) {
    answers.push((await lambda.send(new InvokeCommand(QUALIFIED))).ExecutedVersion);
  }
  return answers;
}

describe('weights', () => {
  it('split the traffic as they say, and the same seed draws the same', async () => {
    const functions = [{ name: 'web', versions: 2, aliases: { live: { version: '1', weights: { '2': 0.25 } } } }];
    const runs = [7, 7, 8].map(async (seed) => executed(connect(await startAws({ functions, seed })).lambda, 60));
    const [first = [], again, other] = await Promise.all(runs);
    const share = first.filter((version) => version === '2').length / first.length;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.4);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('of 0 and 1 send nothing and everything', async () => {
    const { lambda } = connect(await site());
    await move(lambda, weigh({ '2': 0 }));
    expect(new Set(await executed(lambda, 10))).toEqual(new Set(['1']));
    await move(lambda, weigh({ '2': 1 }));
    expect(new Set(await executed(lambda, 10))).toEqual(new Set(['2']));
  });

  it('count as naming a version: for ListAliases and against its deletion', async () => {
    const { lambda } = connect(await site());
    await move(lambda, weigh({ '2': 0.1 }));
    const named = async (FunctionVersion: string) =>
      (await lambda.send(new ListAliasesCommand({ ...WEB, FunctionVersion }))).Aliases?.map((alias) => alias.Name);
    expect([await named('1'), await named('2'), await named('3')]).toEqual([['live'], ['live'], []]);
    const remove = (Qualifier: string) => lambda.send(new DeleteFunctionCommand({ ...WEB, Qualifier }));
    await expect(remove('2')).rejects.toMatchObject({ name: 'ResourceConflictException' });
    await remove('3');
  });

  it.each([
    { setting: 'role', Configuration: { Role: 'arn:aws:iam::123456789012:role/other' } },
    { setting: 'dead letter', Configuration: { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:1:q' } } },
  ])('are refused between versions that differ in their $setting', async ({ setting, Configuration }) => {
    const aws = await site({ clocks: { updateMs: 1, versionMs: 1 } });
    const { lambda } = connect(aws);
    aws.apply('UpdateFunctionConfiguration', { ...WEB, ...Configuration });
    await expect.poll(() => aws.functionNamed('web').lastUpdateStatus).toBe('Successful');
    aws.apply('PublishVersion', WEB);
    await expect(move(lambda, weigh({ '4': 0.1 }))).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining(setting),
    });
    await move(lambda, { FunctionVersion: '4' });
  });
});

describe('an update', () => {
  it('of any kind changes the RevisionId, and only the newest is accepted', async () => {
    const aws = await site();
    const { lambda } = connect(aws);
    const revisions = [aws.functionNamed('web').aliases.live?.revisionId];
    for (const change of [{ FunctionVersion: '2' }, weigh({ '3': 0.1 }), { Description: 'x' }, weigh({}), {}]) {
      const RevisionId = revisions.at(-1);
      revisions.push((await move(lambda, { ...change, RevisionId })).RevisionId);
      await expect(move(lambda, { ...change, RevisionId })).rejects.toMatchObject({
        name: 'PreconditionFailedException',
        $metadata: { httpStatusCode: 412 },
      });
    }
    expect(new Set(revisions).size).toBe(6);
  });

  it('is in the timeline with version and weights', async () => {
    const aws = await site();
    const { lambda } = connect(aws);
    await move(lambda, weigh({ '2': 0.1 }));
    await move(lambda, { FunctionVersion: '2', ...weigh({}) });
    expect(aws.events.map(({ type, detail }) => [type, detail])).toEqual([
      ['alias-changed', { alias: 'live', version: '1', weights: '{"2":0.1}' }],
      ['alias-changed', { alias: 'live', version: '2', weights: '{}' }],
    ]);
  });

  it('is accepted for a Pending version, which then cannot be invoked, and refused for a Failed one', async () => {
    const versions = [{}, { state: 'Pending' }, { state: 'Failed' }];
    const { lambda } = connect(await site({ functions: [{ name: 'web', versions, aliases: { live: '1' } }] }));
    await expect(move(lambda, { FunctionVersion: '3' })).rejects.toMatchObject({ name: 'ResourceConflictException' });
    await expect(move(lambda, weigh({ '3': 0.1 }))).rejects.toMatchObject({ name: 'ResourceConflictException' });
    await move(lambda, { FunctionVersion: '2' });
    await expect(executed(lambda, 1)).rejects.toMatchObject({ name: 'ResourceConflictException' });
  });
});

describe('provisioned concurrency', () => {
  const clocks = { provisionedMs: 150, initMs: 1 };

  function provisioned(options: Partial<LocalAwsOptions> = {}) {
    const aliases = { live: { version: '1', provisioned: 2 } };
    return site({ functions: [{ name: 'web', versions: 3, aliases }], clocks, ...options });
  }

  function look(lambda: LambdaClient, Qualifier = 'live') {
    return lambda.send(new GetProvisionedConcurrencyConfigCommand({ ...WEB, Qualifier }));
  }

  function provision(lambda: LambdaClient, Qualifier: string, ProvisionedConcurrentExecutions = 2) {
    return lambda.send(
      new PutProvisionedConcurrencyConfigCommand({ ...WEB, Qualifier, ProvisionedConcurrentExecutions }),
    );
  }

  function becomes(aws: LocalAws, status: string, qualifier = 'live') {
    return expect.poll(() => aws.functionNamed('web').provisioned[qualifier]?.status).toBe(status);
  }

  it('is set up, becomes READY, and starts nothing cold', async () => {
    const aws = await site({ clocks });
    const { lambda } = connect(aws);
    await expect(look(lambda)).rejects.toMatchObject({
      name: 'ProvisionedConcurrencyConfigNotFoundException',
      $metadata: { httpStatusCode: 404 },
    });
    expect(await provision(lambda, 'live')).toMatchObject({
      Status: 'IN_PROGRESS',
      RequestedProvisionedConcurrentExecutions: 2,
      AvailableProvisionedConcurrentExecutions: 0,
      $metadata: { httpStatusCode: 202 },
    });
    await becomes(aws, 'READY');
    expect(await look(lambda)).toMatchObject({
      Status: 'READY',
      AvailableProvisionedConcurrentExecutions: 2,
      AllocatedProvisionedConcurrentExecutions: 2,
    });
    expect(aws.functionNamed('web').environments).toEqual({ '1': 2 });
    await executed(lambda, 1);
    expect(aws.events.at(-1)).toMatchObject({ type: 'invoked', detail: { cold: false } });
    const { ProvisionedConcurrencyConfigs } = await lambda.send(new ListProvisionedConcurrencyConfigsCommand(WEB));
    expect(ProvisionedConcurrencyConfigs).toMatchObject([
      { FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:web:live', Status: 'READY' },
    ]);
    await lambda.send(new DeleteProvisionedConcurrencyConfigCommand(QUALIFIED));
    expect(aws.functionNamed('web')).toMatchObject({ provisioned: {}, environments: { '1': 0 } });
  });

  it('is moved with the alias, which serves the previous version by a weight of its own until it is ready', async () => {
    const aws = await provisioned();
    const { lambda } = connect(aws);
    const moved = await move(lambda, { FunctionVersion: '2', ...weigh({}) });
    expect(moved).toMatchObject({ FunctionVersion: '2', RoutingConfig: { AdditionalVersionWeights: { '1': 1 } } });
    expect(await look(lambda)).toMatchObject({ Status: 'IN_PROGRESS' });
    expect(await executed(lambda, 3)).toEqual(['1', '1', '1']);
    await expect(provision(lambda, 'live', 5)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Alias with weights can not be used with Provisioned Concurrency',
    });
    await becomes(aws, 'READY');
    const after = await lambda.send(new GetAliasCommand(LIVE));
    expect(after.RoutingConfig).toBeUndefined();
    expect(after.RevisionId).not.toBe(moved.RevisionId);
    expect(await executed(lambda, 1)).toEqual(['2']);
    expect(aws.functionNamed('web').environments).toEqual({ '1': 0, '2': 2 });
  });

  it('ends where it began when the alias is moved back meanwhile', async () => {
    const aws = await provisioned();
    const { lambda } = connect(aws);
    await move(lambda, { FunctionVersion: '2' });
    expect((await move(lambda, { FunctionVersion: '1' })).RoutingConfig).toBeUndefined();
    await becomes(aws, 'READY');
    expect(aws.functionNamed('web')).toMatchObject({ aliases: { live: { version: '1', weights: {} } } });
    expect(aws.events.filter(({ type }) => type === 'provisioned-ready')).toHaveLength(1);
  });

  it('can fail', async () => {
    const aws = await provisioned();
    const { lambda } = connect(aws);
    aws.fault({ action: 'UpdateAlias', kind: 'ends-failed', reason: 'No capacity.' });
    await move(lambda, { FunctionVersion: '2' });
    await becomes(aws, 'FAILED');
    expect(await look(lambda)).toMatchObject({ Status: 'FAILED', StatusReason: 'No capacity.' });
    expect(aws.functionNamed('web').environments).toEqual({ '1': 0 });
  });

  it('is for one of alias and version, and never for $LATEST', async () => {
    const aws = await provisioned();
    const { lambda } = connect(aws);
    for (const qualifier of ['$LATEST', '1']) {
      await expect(provision(lambda, qualifier)).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    }
    await expect(provision(lambda, 'gone')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await provision(lambda, '2');
    await becomes(aws, 'READY', '2');
    expect(aws.functionNamed('web').provisioned).toMatchObject({ live: { requested: 2 }, '2': { requested: 2 } });
  });
});

it.skipIf(!hasCli)('the AWS CLI provisions, splits, clears and moves', { timeout: 120_000 }, async () => {
  const aws = await site({ clocks: { provisionedMs: 1 } });
  const alias = '--function-name web --name live';
  const weights = '--routing-config {"AdditionalVersionWeights":{"2":0.1}}';
  await cli(aws, `lambda update-alias ${alias} ${weights}`);
  const listed = await cli(aws, 'lambda list-aliases --function-name web --function-version 2');
  expect(listed).toMatchObject({ Aliases: [{ RoutingConfig: { AdditionalVersionWeights: { '2': 0.1 } } }] });
  await cli(aws, `lambda update-alias ${alias} --routing-config {"AdditionalVersionWeights":{}} --function-version 2`);
  const qualified = '--function-name web --qualifier live';
  await cli(aws, `lambda put-provisioned-concurrency-config ${qualified} --provisioned-concurrent-executions 3`);
  expect(await cli(aws, `lambda get-provisioned-concurrency-config ${qualified}`)).toMatchObject({ Status: 'READY' });
  const all = await cli(aws, 'lambda list-provisioned-concurrency-configs --function-name web');
  expect(all).toMatchObject({ ProvisionedConcurrencyConfigs: [{ RequestedProvisionedConcurrentExecutions: 3 }] });
  expect(aws.functionNamed('web').aliases.live).toMatchObject({ version: '2', weights: {} });
});
