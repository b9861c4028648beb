import { describe, expect, it } from 'vitest';
import type { CodeDeployOptions } from '../../local-aws/codedeploy/deployments.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { callsTo, deploy, effects, type Site } from '../support/site.ts';
import { aliased, aliasOf, byRun, changesOf, onFirst, startRollout, tracesOf, web } from './rollout.ts';

const handed = { ...aliased, 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' };
const canary = 'CodeDeployDefault.LambdaCanary10Percent5Minutes';
const rollbacks: CodeDeployOptions['autoRollback'] = ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'];

function startGroup(group: Partial<CodeDeployOptions> = {}, { clocks, ...options }: LocalAwsOptions = {}) {
  return startRollout({
    codeDeploy: [{ application: 'site', group: 'web', config: canary, ...group }],
    ...options,
    clocks: { deploymentMs: 100, codeDeployMinuteMs: 100, ...clocks },
  });
}

/** The deployment of another run, from version 1 to version 2. */
function startOther(site: Site): void {
  const Properties = { Name: 'web', Alias: 'live', CurrentVersion: '1', TargetVersion: '2' };
  const content = JSON.stringify({ version: 0, Resources: [{ web: { Type: 'AWS::Lambda::Function', Properties } }] });
  site.apply('CreateDeployment', {
    applicationName: 'site',
    deploymentGroupName: 'web',
    revision: { revisionType: 'AppSpecContent', appSpecContent: { content } },
  });
}

const moved = { version: '3', weights: {} };
const back = { version: '2', weights: {} };

describe.concurrent('CodeDeploy', () => {
  it('gets an AppSpec for the version, and the cache is cleared when it has succeeded', async () => {
    await using site = await startGroup();
    const run = await deploy(site, { ...handed, 'warm-up': '2' });
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    const [created] = callsTo(site, 'CreateDeployment');
    const { revision } = (created?.input ?? {}) as {
      revision: { revisionType: string; appSpecContent: { content: string } };
    };
    expect(revision.revisionType).toBe('AppSpecContent');
    expect(JSON.parse(revision.appSpecContent.content)).toEqual({
      version: 0,
      Resources: [
        {
          function: {
            Type: 'AWS::Lambda::Function',
            Properties: { Name: 'web', Alias: 'live', CurrentVersion: '2', TargetVersion: '3' },
          },
        },
      ],
    });
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '3']);
    expect(effects(site, 'UpdateAlias')).toBe(0);
    expect(site.deployments()).toMatchObject([{ status: 'Succeeded' }]);
    const endedAt = site.events.findLast(({ type }) => type === 'deployment-changed')?.at ?? Number.NaN;
    expect(callsTo(site, 'CreateInvalidation')[0]?.at).toBeGreaterThan(endedAt);
    expect(run.log).toContain(`deployment ${site.deployments()[0]?.id}`);
    expect(run.log).toMatch(/CodeDeploy Succeeded \(.*AllowTraffic Succeeded.*\), 100 % of the traffic/);
    expect(run.result.functions[0].alias).toMatchObject({ version: '3', previousVersion: '2', moved: true });
  });

  it('shows its events and its part of the traffic as they change', async () => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 1200 } });
    const run = await deploy(site, handed);
    expect(run.exitCode).toBe(0);
    expect(run.log).toMatch(/CodeDeploy InProgress \(.*AllowTraffic InProgress.*\), 10 % of the traffic/);
  });

  it('by a rollback of its own is a failure here, and everything is as it was', async () => {
    await using site = await startGroup(
      { alarms: ['errors'], autoRollback: rollbacks },
      {
        alarms: [{ name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3', afterMs: 100 }] }],
        clocks: { deploymentMs: 800 },
      },
    );
    const run = await deploy(site, handed);
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error).toMatchObject({ code: 'rolled-back', message: expect.stringContaining('ALARM_ACTIVE') });
    expect(aliasOf(site)).toEqual(back);
    expect(run.result.functions[0].alias).toMatchObject({ version: '2', weights: {}, moved: false });
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2']);
    expect(effects(site, 'UpdateAlias')).toBe(0);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    expect(site.deployments()).toHaveLength(2);
  });

  it('that stops without a rollback leaves the alias split, which is put back here', async () => {
    await using site = await startGroup(
      { alarms: ['errors'] },
      { alarms: [{ name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3' }] }] },
    );
    const run = await deploy(site, handed);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.message).toContain('ALARM_ACTIVE');
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2']);
    expect(run.log).toContain('web: alias live points to version 2 again');
  });

  it('that stops without a rollback is left so by rollback: false, and the split is named', async () => {
    await using site = await startGroup(
      { alarms: ['errors'] },
      { alarms: [{ name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3' }] }] },
    );
    const run = await deploy(site, { ...handed, rollback: 'false' });
    expect(run.exitCode).toBe(1);
    expect(aliasOf(site)).toEqual({ version: '2', weights: { 3: 0.1 } });
    expect(run.outputs.status).toBe('failed');
    expect(run.log).toContain('alias live points to version 2 (10 % to version 3)');
  });

  it('is told of a failure in its own words', async () => {
    await using site = await startGroup({ autoRollback: rollbacks });
    site.fault({
      action: 'CreateDeployment',
      kind: 'ends-failed',
      reasonCode: 'HOOK_EXECUTION_FAILURE',
      reason: 'bad\n::error::hook',
    });
    const run = await deploy(site, handed);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.message).toContain('HOOK_EXECUTION_FAILURE');
    expect(run.log).not.toMatch(/^::error::/m);
  });

  it('that is busy with an older run is waited for, and shifts from where that has left the alias', async () => {
    await using site = await startGroup(
      {},
      {
        functions: [
          { ...web, versions: [{ description: byRun(4700) }, { description: byRun(4701) }], aliases: { live: '1' } },
        ],
        clocks: { codeDeployMinuteMs: 700 },
      },
    );
    onFirst(site, 'PublishVersion', 'after', () => startOther(site));
    const run = await deploy(site, handed);
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('another deployment of the group is in progress');
    expect(tracesOf(site)).toEqual(['1 {"2":0.1}', '2', '2 {"3":0.1}', '3']);
  });

  it.each(['reset-after', 'truncate', 'internal-error'] as const)(
    'is not asked twice when the answer is lost (%s)',
    async (kind) => {
      await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 40 } });
      site.fault({ action: 'CreateDeployment', kind, apply: true });
      const run = await deploy(site, handed);
      expect(run.exitCode).toBe(0);
      expect(site.deployments()).toHaveLength(1);
      expect(aliasOf(site)).toEqual(moved);
    },
  );

  it('that has failed before its lost answer was missed is not asked again', async () => {
    await using site = await startGroup({ autoRollback: rollbacks }, { clocks: { deploymentMs: 5 } });
    site.fault({ action: 'CreateDeployment', kind: 'ends-failed', reasonCode: 'INTERNAL_ERROR' });
    site.on('CreateDeployment', ({ when }) => {
      if (when === 'before') {
        // The answer breaks off, the deployment goes on.
        site.fault({ action: 'GetDeployment', kind: 'throttle' });
      }
    });
    const run = await deploy(site, handed);
    expect(run.result.error).toMatchObject({ code: 'rolled-back', message: expect.stringContaining('INTERNAL_ERROR') });
    expect(site.deployments().filter(({ creator }) => creator === 'user')).toHaveLength(1);
  });

  it('that does not end in time is left to itself, and the report says where the alias is', async () => {
    await using site = await startGroup();
    site.fault({ action: 'CreateDeployment', kind: 'stuck' });
    site.fault({ action: 'GetDeploymentConfig', kind: 'denied', times: 9 });
    const run = await deploy(site, { ...handed, 'update-timeout': '4s' });
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('InProgress') });
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}']);
    expect(run.log).toContain('alias live points to version 2 (10 % to version 3)');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it.each([
    {
      name: 'a group that is not there',
      inputs: { 'codedeploy-deployment-group': 'other' },
      options: {},
      code: 'not-found',
      says: 'site/other',
    },
    { name: 'an alias that is not there', inputs: { alias: 'blue' }, options: {}, code: 'not-found', says: 'blue' },
    {
      name: 'the right to look',
      inputs: {},
      options: { deny: ['codedeploy:ListDeployments'] },
      code: 'access-denied',
      says: 'codedeploy:ListDeployments',
    },
  ])('is missing $name before anything is changed', async ({ inputs, options, code, says }) => {
    await using site = await startGroup({}, options);
    const run = await deploy(site, { ...handed, ...inputs });
    expect(run.result.error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(changesOf(site)).toEqual([]);
  });

  it('that may not be asked leaves all as it was', async () => {
    await using site = await startGroup({}, { deny: ['codedeploy:CreateDeployment'] });
    const run = await deploy(site, handed);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.outputs.status).toBe('failed');
    expect(tracesOf(site)).toEqual([]);
  });

  it('is asked for nothing when the alias is there already', async () => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 10 } });
    await deploy(site, handed);
    const again = await deploy(site, handed, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(again.exitCode).toBe(0);
    expect(callsTo(site, 'CreateDeployment')).toHaveLength(1);
  });

  it('goes on from an alias that a killed run left split', async () => {
    await using site = await startGroup(
      {},
      {
        functions: [{ ...web, aliases: { live: { version: '2', weights: { 1: 0.3 } } } }],
        clocks: { codeDeployMinuteMs: 10 },
      },
    );
    const run = await deploy(site, handed);
    expect(run.exitCode).toBe(0);
    expect(tracesOf(site)).toEqual(['2', '2 {"3":0.1}', '3']);
  });

  it('is taken back by the release when the clearing fails after it', async () => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 10 } });
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const run = await deploy(site, handed);
    expect(run.outputs.status).toBe('rolled-back');
    expect(aliasOf(site)).toEqual(back);
  });

  it.each([
    { name: 'an ARN', ref: 'arn:aws:lambda:us-east-1:123456789012:function:web' },
    { name: 'a partial ARN', ref: '123456789012:function:web' },
  ])('is told the bare name of a function that is given as $name', async ({ ref }) => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 10 } });
    const run = await deploy(site, { ...handed, 'function-name': ref });
    expect(run.outputs.status).toBe('succeeded');
    expect(JSON.stringify(callsTo(site, 'CreateDeployment')[0]?.input)).toContain('\\"Name\\":\\"web\\"');
    expect(aliasOf(site)).toEqual(moved);
  });

  it('has the time of its configuration, and update-timeout besides', async () => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 1600 } });
    const run = await deploy(site, { ...handed, 'update-timeout': '5s' });
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toContain(`CodeDeploy site/web: ${canary}, at most 5 min 0 s of shifting`);
    expect(aliasOf(site)).toEqual(moved);
  });

  it('has its time also while that of somebody else takes longer than update-timeout', async () => {
    await using site = await startGroup(
      {},
      {
        functions: [
          { ...web, versions: [{ description: byRun(4700) }, { description: byRun(4701) }], aliases: { live: '1' } },
        ],
        clocks: { codeDeployMinuteMs: 1600 },
      },
    );
    onFirst(site, 'PublishVersion', 'after', () => startOther(site));
    const run = await deploy(site, { ...handed, 'update-timeout': '5s' });
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toMatch(/waiting for deployment d-/);
    expect(tracesOf(site)).toEqual(['1 {"2":0.1}', '2', '2 {"3":0.1}', '3']);
  });

  it.each(['GetDeploymentGroup', 'GetDeploymentConfig'])(
    'whose time may not be read (%s) is a warning that names the actions',
    async (action) => {
      await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 10 } });
      site.fault({ action, kind: 'denied', times: 9 });
      const run = await deploy(site, handed);
      expect(run.outputs.status).toBe('succeeded');
      expect(run.result.warnings).toMatchObject([
        {
          code: 'access-denied',
          message: expect.stringContaining(`codedeploy:${action}`),
          hint: expect.stringMatching(/codedeploy:GetDeploymentGroup.*codedeploy:GetDeploymentConfig.*update-timeout/),
        },
      ]);
      expect(run.log).toMatch(/^::warning .*access-denied/m);
    },
  );

  it('whose group is not for Lambda is refused before anything changes', async () => {
    await using site = await startGroup({ computePlatform: 'ECS' });
    const run = await deploy(site, handed);
    expect(run.result.error).toMatchObject({
      code: 'invalid-input',
      message: 'Deployment group site/web is for ECS, not for Lambda.',
    });
    expect(changesOf(site)).toEqual([]);
  });

  it.each(['ListDeploymentTargets', 'BatchGetDeploymentTargets'])(
    'says once that it cannot show events (%s is denied)',
    async (action) => {
      await using site = await startGroup({}, { deny: [`codedeploy:${action}`], clocks: { codeDeployMinuteMs: 900 } });
      const run = await deploy(site, handed);
      expect(run.outputs.status).toBe('succeeded');
      expect(run.log.match(new RegExp(`events are not shown: .*codedeploy:${action} was denied.*`, 'g'))).toHaveLength(
        1,
      );
      expect(callsTo(site, action)).toHaveLength(1);
    },
  );
});

const conflict = { status: 'failed', code: 'conflict' };

/** The traffic is moved by hand. */
function moveTo(site: Site, version: string, weights: Record<string, number> = {}): void {
  const RoutingConfig = { AdditionalVersionWeights: weights };
  site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: version, RoutingConfig });
}

/** Once the deployment has shifted its first part. */
function onCanary(site: Site, work: (id: string) => void): void {
  let isDone = false;
  site.on('GetDeployment', ({ when }) => {
    const [deployment] = site.deployments();
    if (when === 'after' && !isDone && deployment?.weight === 10) {
      isDone = true;
      work(deployment.id);
    }
  });
}

describe.concurrent('CodeDeploy, and somebody else who moves the alias', () => {
  const slow = { clocks: { codeDeployMinuteMs: 1200 } };

  it.each([
    { name: 'back', version: '2' },
    { name: 'to an older version', version: '1' },
    { name: 'to a version of an older run', version: '1', description: byRun(4700) },
    { name: 'on, wholly', version: '3' },
    { name: 'to other weights', version: '2', weights: { 3: 0.4 } },
  ])('$name during the canary: it stays so', async ({ version, weights = {}, description = '' }) => {
    await using site = await startGroup({}, { ...slow, functions: [{ ...web, versions: [{ description }, {}] }] });
    onCanary(site, () => moveTo(site, version, weights));
    const run = await deploy(site, handed);
    expect({ status: run.outputs.status, code: run.result.error.code }).toEqual(conflict);
    expect(aliasOf(site)).toEqual({ version, weights });
    expect(effects(site, 'UpdateAlias')).toBe(0);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    expect(run.result.functions[0].alias).toMatchObject({ version, weights, moved: false });
  });

  it('back right after it has succeeded: it stays so, and nothing is cleared', async () => {
    await using site = await startGroup({}, { clocks: { codeDeployMinuteMs: 10 } });
    let isDone = false;
    site.on('GetDeployment', ({ when }) => {
      if (when === 'after' && !isDone && site.deployments()[0]?.status === 'Succeeded') {
        isDone = true;
        moveTo(site, '2');
      }
    });
    const run = await deploy(site, handed);
    expect({ status: run.outputs.status, code: run.result.error.code }).toEqual(conflict);
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '3', '2']);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('after stopping the deployment: it stays where they moved it', async () => {
    await using site = await startGroup({}, slow);
    onCanary(site, (deploymentId) => {
      site.apply('StopDeployment', { deploymentId });
      moveTo(site, '1');
    });
    const run = await deploy(site, handed);
    expect({ status: run.outputs.status, code: run.result.error.code }).toEqual(conflict);
    expect(aliasOf(site)).toEqual({ version: '1', weights: {} });
  });

  it('not at all, and only stops the deployment: the split is put back', async () => {
    await using site = await startGroup({}, slow);
    onCanary(site, (deploymentId) => site.apply('StopDeployment', { deploymentId }));
    const run = await deploy(site, handed);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.message).toContain('was stopped: MANUAL_STOP');
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2']);
  });

  it('not at all, and stops it with a rollback: CodeDeploy puts the split back, once', async () => {
    await using site = await startGroup({}, slow);
    onCanary(site, (deploymentId) => site.apply('StopDeployment', { deploymentId, autoRollbackEnabled: true }));
    const run = await deploy(site, handed);
    expect(run.outputs.status).toBe('rolled-back');
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2']);
    expect(effects(site, 'UpdateAlias')).toBe(0);
  });
});
