import { createHash } from 'node:crypto';
import {
  BatchGetDeploymentTargetsCommand,
  CreateDeploymentCommand,
  type CreateDeploymentCommandInput,
  GetApplicationCommand,
  GetDeploymentCommand,
  GetDeploymentConfigCommand,
  GetDeploymentGroupCommand,
  ListDeploymentsCommand,
  ListDeploymentTargetsCommand,
  StopDeploymentCommand,
} from '@aws-sdk/client-codedeploy';
import { describe, expect, it } from 'vitest';
import type { CodeDeployOptions } from '../../local-aws/codedeploy/deployments.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { cli, hasCli } from './cli.ts';
import { connect, startAws } from './clients.ts';

const GROUP = Object.freeze({ applicationName: 'site', deploymentGroupName: 'web' });
const CANARY = 'CodeDeployDefault.LambdaCanary10Percent5Minutes';
const LINEAR = 'CodeDeployDefault.LambdaLinear10PercentEvery1Minute';
const INVALID = 'INVALID_LAMBDA_CONFIGURATION';

/** Versions 1 to 3; `live` names the first. */
function site(group: Partial<CodeDeployOptions> = {}, options: LocalAwsOptions = {}) {
  return startAws({
    functions: [{ name: 'web', versions: 3, aliases: { live: '1' } }],
    codeDeploy: [{ application: 'site', group: 'web', ...group }],
    ...options,
    clocks: { deploymentMs: 4, codeDeployMinuteMs: 10, ...options.clocks },
  });
}

function appSpec(properties: object = {}, hooks?: object): string {
  const Properties = { Name: 'web', Alias: 'live', CurrentVersion: '1', TargetVersion: '2', ...properties };
  const Resources = [{ web: { Type: 'AWS::Lambda::Function', Properties } }];
  return JSON.stringify({ version: 0.0, Resources, ...(hooks && { Hooks: [hooks] }) });
}

const YAML = `version: 0.0
Resources:
  - web:
      Type: AWS::Lambda::Function
      Properties:
        Name: web
        Alias: live
        CurrentVersion: 1
        TargetVersion: 2
`;

function revisionOf(content: string) {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { revisionType: 'AppSpecContent' as const, appSpecContent: { content, sha256 } };
}

async function create(aws: LocalAws, content = appSpec(), more: Partial<CreateDeploymentCommandInput> = {}) {
  const input = { ...GROUP, revision: revisionOf(content), ...more };
  const { deploymentId = '' } = await connect(aws).codeDeploy.send(new CreateDeploymentCommand(input));
  return deploymentId;
}

async function look(aws: LocalAws, deploymentId: string) {
  const { deploymentInfo } = await connect(aws).codeDeploy.send(new GetDeploymentCommand({ deploymentId }));
  return deploymentInfo;
}

async function target(aws: LocalAws, deploymentId: string) {
  const { codeDeploy } = connect(aws);
  const { targetIds } = await codeDeploy.send(new ListDeploymentTargetsCommand({ deploymentId }));
  const answer = await codeDeploy.send(new BatchGetDeploymentTargetsCommand({ deploymentId, targetIds }));
  return answer.deploymentTargets?.[0]?.lambdaTarget;
}

function becomes(aws: LocalAws, id: string, status: string) {
  const read = () => aws.deployments().find((deployment) => deployment.id === id)?.status;
  return expect.poll(read, { interval: 5, timeout: 3000 }).toBe(status);
}

function live(aws: LocalAws) {
  const { version, weights } = aws.functionNamed('web').aliases.live ?? {};
  return { version, weights };
}

function percents(aws: LocalAws) {
  return aws.events.flatMap(({ detail }) => (detail.percent === undefined ? [] : [detail.percent]));
}

const MOVED = { version: '2', weights: {} };
const UNMOVED = { version: '1', weights: {} };
const SPLIT = { version: '1', weights: { '2': 0.1 } };

describe('a deployment', () => {
  it('is Created, Queued, moves the alias, and has Succeeded', async () => {
    const aws = await site({}, { clocks: { deploymentMs: 800 } });
    const id = await create(aws, appSpec(), { description: 'run 7' });
    expect(id).toMatch(/^d-[A-Z0-9]{9}$/);
    expect(await look(aws, id)).toMatchObject({
      status: 'Created',
      computePlatform: 'Lambda',
      createTime: expect.any(Date),
      description: 'run 7',
    });
    await expect(target(aws, id)).rejects.toMatchObject({ name: 'DeploymentNotStartedException' });
    await becomes(aws, id, 'Queued');
    expect(live(aws)).toEqual(UNMOVED);
    await becomes(aws, id, 'Succeeded');
    expect(live(aws)).toEqual(MOVED);
    expect(await look(aws, id)).toMatchObject({
      completeTime: expect.any(Date),
      deploymentOverview: { Succeeded: 1, Pending: 0 },
    });
    expect(await target(aws, id)).toMatchObject({
      status: 'Succeeded',
      targetArn: 'arn:aws:lambda:us-east-1:123456789012:function:web:live',
      lifecycleEvents: [
        { lifecycleEventName: 'BeforeAllowTraffic', status: 'Skipped' },
        { lifecycleEventName: 'AllowTraffic', status: 'Succeeded', endTime: expect.any(Date) },
        { lifecycleEventName: 'AfterAllowTraffic', status: 'Skipped' },
      ],
      lambdaFunctionInfo: { currentVersion: '1', targetVersion: '2', targetVersionWeight: 100 },
    });
  });

  it.each([
    { name: 'YAML', revision: revisionOf(YAML) },
    { name: 'the older type String', revision: { revisionType: 'String' as const, string: { content: appSpec() } } },
  ])('takes $name', async ({ revision }) => {
    const aws = await site();
    await becomes(aws, await create(aws, '', { revision }), 'Succeeded');
    expect(live(aws)).toEqual(MOVED);
  });

  it.each([
    { config: CANARY, expected: [10, 100] },
    { config: LINEAR, expected: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100] },
    { config: 'CodeDeployDefault.LambdaAllAtOnce', expected: [100] },
  ])('shifts as $config says', async ({ config, expected }) => {
    const aws = await site({ config });
    await becomes(aws, await create(aws), 'Succeeded');
    expect(percents(aws)).toEqual(expected);
    expect(live(aws)).toEqual(MOVED);
  });

  it('shows its weight on the way', async () => {
    const aws = await site({}, { clocks: { codeDeployMinuteMs: 60_000 } });
    const id = await create(aws, appSpec(), { deploymentConfigName: CANARY });
    await expect.poll(() => live(aws)).toEqual(SPLIT);
    expect(await target(aws, id)).toMatchObject({
      status: 'InProgress',
      lifecycleEvents: [{}, { status: 'InProgress' }, { status: 'Pending' }],
      lambdaFunctionInfo: { targetVersionWeight: 10 },
    });
  });

  it('runs hooks that exist, and fails before any traffic for one that does not', async () => {
    const aws = await site({}, { clocks: { deploymentMs: 1 } });
    const hooked = await create(aws, appSpec({}, { BeforeAllowTraffic: 'web' }));
    await becomes(aws, hooked, 'Succeeded');
    expect((await target(aws, hooked))?.lifecycleEvents?.[0]).toMatchObject({ status: 'Succeeded' });
    const back = { CurrentVersion: '2', TargetVersion: '3' };
    const broken = await create(aws, appSpec(back, { BeforeAllowTraffic: 'gone' }));
    await becomes(aws, broken, 'Failed');
    expect(await look(aws, broken)).toMatchObject({ errorInformation: { code: 'HOOK_EXECUTION_FAILURE' } });
    expect(live(aws)).toEqual(MOVED);
  });
});

describe('an AppSpec', () => {
  it.each([
    { name: 'another current version', content: appSpec({ CurrentVersion: '3' }), words: 'does not match' },
    { name: 'an unknown target', content: appSpec({ TargetVersion: '9' }), words: 'version 9' },
    { name: 'the current version as target', content: appSpec({ TargetVersion: '1' }), words: 'AppSpec file' },
    { name: 'an unknown function', content: appSpec({ Name: 'gone' }), words: 'gone' },
    { name: 'an unknown alias', content: appSpec({ Alias: 'gone' }), words: 'gone' },
    { name: 'nothing', content: '{"version":0}', words: 'AppSpec file' },
  ])('with $name fails when the deployment starts', async ({ content, words }) => {
    const aws = await site({ autoRollback: ['DEPLOYMENT_FAILURE'] });
    const id = await create(aws, content);
    await becomes(aws, id, 'Failed');
    expect(await look(aws, id)).toMatchObject({
      errorInformation: { code: INVALID, message: expect.stringContaining(words) },
      deploymentOverview: { Failed: 1 },
    });
    expect(live(aws)).toEqual(UNMOVED);
    expect(aws.deployments()).toHaveLength(1);
  });

  it('whose target is not Active fails, too', async () => {
    const versions = [{}, { state: 'Failed' }];
    const aws = await site({}, { functions: [{ name: 'web', versions, aliases: { live: '1' } }] });
    const id = await create(aws);
    await becomes(aws, id, 'Failed');
    expect(await look(aws, id)).toMatchObject({ errorInformation: { code: INVALID } });
  });

  it.each([
    { name: 'no revision', input: { revision: undefined }, error: 'RevisionRequiredException' },
    { name: 'no AppSpec', input: { revision: { revisionType: 'S3' as const } }, error: 'InvalidRevisionException' },
    { name: 'neither JSON nor YAML', input: { revision: revisionOf('{"') }, error: 'InvalidRevisionException' },
    {
      name: 'another hash',
      input: { revision: { ...revisionOf('{}'), appSpecContent: { content: '{}', sha256: 'f'.repeat(64) } } },
      error: 'InvalidRevisionException',
    },
    { name: 'an unknown group', input: { deploymentGroupName: 'x' }, error: 'DeploymentGroupDoesNotExistException' },
    { name: 'an unknown application', input: { applicationName: 'x' }, error: 'ApplicationDoesNotExistException' },
    {
      name: 'an unknown configuration',
      input: { deploymentConfigName: 'x' },
      error: 'DeploymentConfigDoesNotExistException',
    },
  ])('or rather $name is refused at once', async ({ input, error }) => {
    const aws = await site();
    await expect(create(aws, appSpec(), input as object)).rejects.toMatchObject({ name: error });
    expect(aws.deployments()).toEqual([]);
  });
});

describe('one at a time', () => {
  it('a second deployment of the group is refused and names the first', async () => {
    const aws = await site({}, { clocks: { deploymentMs: 400 } });
    const id = await create(aws);
    await expect(create(aws)).rejects.toMatchObject({
      name: 'DeploymentLimitExceededException',
      message: `The Deployment Group 'web' already has an active Deployment '${id}'`,
    });
    await becomes(aws, id, 'Succeeded');
    await create(aws, appSpec({ CurrentVersion: '2', TargetVersion: '3' }));
  });

  it('a deployment whose id was lost is found by the list', async () => {
    const aws = await site();
    aws.fault({ action: 'CreateDeployment', kind: 'reset-after' });
    await expect(create(aws)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const { codeDeploy } = connect(aws);
    const [id = ''] = (await codeDeploy.send(new ListDeploymentsCommand(GROUP))).deployments ?? [];
    await becomes(aws, id, 'Succeeded');
    const includeOnlyStatuses = ['Created', 'Queued', 'InProgress'] as const;
    const active = new ListDeploymentsCommand({ ...GROUP, includeOnlyStatuses: [...includeOnlyStatuses] });
    expect((await codeDeploy.send(active)).deployments).toEqual([]);
  });

  it('fails when somebody else moves the alias meanwhile', async () => {
    const aws = await site({ config: CANARY });
    const id = await create(aws);
    await expect.poll(() => live(aws), { interval: 2 }).toEqual(SPLIT);
    aws.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '3' });
    await becomes(aws, id, 'Failed');
    expect(live(aws)).toEqual({ ...SPLIT, version: '3' });
  });
});

describe('stopping', () => {
  const slow = { clocks: { codeDeployMinuteMs: 60_000 } };

  async function half(group: Partial<CodeDeployOptions> = {}) {
    const aws = await site({ config: CANARY, ...group }, slow);
    const id = await create(aws);
    await expect.poll(() => live(aws), { interval: 2 }).toEqual(SPLIT);
    const stop = (autoRollbackEnabled?: boolean) =>
      connect(aws).codeDeploy.send(new StopDeploymentCommand({ deploymentId: id, autoRollbackEnabled }));
    return { aws, id, stop };
  }

  it('leaves the alias split, which the next deployment refuses', async () => {
    const { aws, id, stop } = await half();
    expect(await stop()).toMatchObject({ status: 'Succeeded' });
    expect(await look(aws, id)).toMatchObject({ status: 'Stopped', errorInformation: { code: 'MANUAL_STOP' } });
    expect(live(aws)).toEqual(SPLIT);
    await expect(stop()).rejects.toMatchObject({ name: 'DeploymentAlreadyCompletedException' });
    const next = await create(aws);
    await becomes(aws, next, 'Failed');
    expect(await look(aws, next)).toMatchObject({ errorInformation: { code: INVALID } });
  });

  it('with a rollback gives all traffic back, by a deployment of its own', async () => {
    const { aws, id, stop } = await half();
    await stop(true);
    const rollbackId = (await look(aws, id))?.rollbackInfo?.rollbackDeploymentId ?? '';
    await becomes(aws, rollbackId, 'Succeeded');
    expect(live(aws)).toEqual(UNMOVED);
    expect(await look(aws, rollbackId)).toMatchObject({
      creator: 'codeDeployRollback',
      rollbackInfo: { rollbackTriggeringDeploymentId: id },
    });
  });

  it('can be told not to roll back although the group would', async () => {
    const { aws, stop } = await half({ autoRollback: ['DEPLOYMENT_STOP_ON_REQUEST'] });
    await stop(false);
    expect(aws.deployments()).toMatchObject([{ status: 'Stopped', rollbackId: undefined }]);
  });

  it('happens by itself when an alarm goes off', async () => {
    const alarms = [{ name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '2' }] }];
    const group = { config: CANARY, alarms: ['errors'], autoRollback: ['DEPLOYMENT_STOP_ON_ALARM' as const] };
    const aws = await site(group, { ...slow, alarms });
    const id = await create(aws);
    await becomes(aws, id, 'Stopped');
    const info = await look(aws, id);
    expect(info).toMatchObject({
      errorInformation: { code: 'ALARM_ACTIVE', message: expect.stringContaining('<errors>') },
    });
    await becomes(aws, info?.rollbackInfo?.rollbackDeploymentId ?? '', 'Succeeded');
    expect(live(aws)).toEqual(UNMOVED);
    expect(percents(aws)).toEqual([10, 100]);
  });

  it.each([
    { name: 'an alarm that is already in ALARM', alarms: [{ name: 'errors', state: 'ALARM' as const }] },
    { name: 'an alarm that is not there', alarms: [] },
  ])('happens before any traffic for $name', async ({ alarms }) => {
    const aws = await site({ alarms: ['errors'] }, { alarms });
    const id = await create(aws);
    await becomes(aws, id, 'Stopped');
    expect(await look(aws, id)).toMatchObject({ errorInformation: { code: 'ALARM_ACTIVE' } });
    expect(live(aws)).toEqual(UNMOVED);
  });

  it('does not happen for alarms that cannot be read when the group ignores that', async () => {
    const aws = await site({ alarms: ['gone'], ignorePollAlarmFailure: true });
    await becomes(aws, await create(aws), 'Succeeded');
  });
});

describe('what goes wrong', () => {
  it('can be scripted: an end, no end, another pace', async () => {
    const aws = await site({ config: CANARY, autoRollback: ['DEPLOYMENT_FAILURE'] });
    aws.fault({ action: 'CreateDeployment', kind: 'ends-failed', reasonCode: 'THROTTLED', reason: '::error::no' });
    const failed = await create(aws);
    await becomes(aws, failed, 'Failed');
    const info = await look(aws, failed);
    expect(info?.errorInformation).toEqual({ code: 'THROTTLED', message: '::error::no' });
    await becomes(aws, info?.rollbackInfo?.rollbackDeploymentId ?? '', 'Succeeded');
    expect(live(aws)).toEqual(UNMOVED);

    const quick = await site({ config: CANARY }, { clocks: { codeDeployMinuteMs: 60_000 } });
    quick.fault({ action: 'CreateDeployment', kind: 'takes', ms: 1 });
    await becomes(quick, await create(quick), 'Succeeded');
    quick.fault({ action: 'CreateDeployment', kind: 'stuck' });
    const stuck = await create(quick, appSpec({ CurrentVersion: '2', TargetVersion: '3' }));
    await expect.poll(() => live(quick)).toEqual({ version: '2', weights: { '3': 0.1 } });
    await becomes(quick, stuck, 'InProgress');
  });

  it('needs the rights that AWS asks for', async () => {
    const aws = await site({}, { deny: ['codedeploy:GetDeploymentConfig'] });
    await expect(create(aws)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('perform: codedeploy:GetDeploymentConfig on'),
    });
    expect(aws.calls).toMatchObject([
      { resource: 'web', arn: 'arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:site/web' },
    ]);
  });
});

it('applications, groups and configurations can be read', async () => {
  const { codeDeploy } = connect(await site({ alarms: ['errors'], autoRollback: ['DEPLOYMENT_FAILURE'] }));
  expect(await codeDeploy.send(new GetApplicationCommand({ applicationName: 'site' }))).toMatchObject({
    application: { computePlatform: 'Lambda' },
  });
  expect(await codeDeploy.send(new GetDeploymentGroupCommand(GROUP))).toMatchObject({
    deploymentGroupInfo: {
      computePlatform: 'Lambda',
      deploymentConfigName: 'CodeDeployDefault.LambdaAllAtOnce',
      alarmConfiguration: { enabled: true, alarms: [{ name: 'errors' }] },
      autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
    },
  });
  const read = (deploymentConfigName: string) =>
    codeDeploy.send(new GetDeploymentConfigCommand({ deploymentConfigName }));
  expect((await read(CANARY)).deploymentConfigInfo?.trafficRoutingConfig).toMatchObject({
    timeBasedCanary: { canaryPercentage: 10, canaryInterval: 5 },
  });
  expect((await read(LINEAR)).deploymentConfigInfo?.trafficRoutingConfig).toMatchObject({
    timeBasedLinear: { linearPercentage: 10, linearInterval: 1 },
  });
  await expect(codeDeploy.send(new GetDeploymentCommand({ deploymentId: 'd-GONE' }))).rejects.toMatchObject({
    name: 'DeploymentDoesNotExistException',
  });
});

it.skipIf(!hasCli)('the AWS CLI deploys, waits, looks and stops', { timeout: 180_000 }, async () => {
  const aws = await site();
  const group = '--application-name site --deployment-group-name web';
  const revision = `--revision ${JSON.stringify(revisionOf(appSpec()))}`;
  const { deploymentId } = await cli(aws, `deploy create-deployment ${group} ${revision}`);
  await becomes(aws, String(deploymentId), 'Succeeded');
  await cli(aws, `deploy wait deployment-successful --deployment-id ${deploymentId}`);
  const { targetIds } = await cli(aws, `deploy list-deployment-targets --deployment-id ${deploymentId}`);
  const targets = `--deployment-id ${deploymentId} --target-ids ${String(targetIds)}`;
  expect(await cli(aws, `deploy batch-get-deployment-targets ${targets}`)).toMatchObject({
    deploymentTargets: [{ lambdaTarget: { lambdaFunctionInfo: { targetVersion: '2' } } }],
  });
  await expect(cli(aws, `deploy stop-deployment --deployment-id ${deploymentId}`)).rejects.toThrow(
    'DeploymentAlreadyCompletedException',
  );
  expect(live(aws)).toEqual(MOVED);
});
