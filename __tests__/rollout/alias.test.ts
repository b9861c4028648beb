import { describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, effects, repository, startSite } from '../support/site.ts';
import { aliased, aliasOf, byRun, changesOf, onFirst, startRollout, tracesOf, web } from './rollout.ts';

const moved = { version: '3', weights: {} };

describe.concurrent('the alias', () => {
  it('is created when it is missing, and cleared after', async () => {
    await using site = await startSite({
      functions: [{ name: 'web', imageUri: `${repository}:v1` }],
      distributions: [{ id: distributionId, functionName: 'web' }],
    });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(aliasOf(site)).toEqual({ version: '1', weights: {} });
    expect(changesOf(site)).toEqual(['UpdateFunctionCode', 'PublishVersion', 'CreateAlias', 'CreateInvalidation']);
    expect(run.outputs['alias-arn']).toBe('arn:aws:lambda:us-east-1:123456789012:function:web:live');
    expect(run.log).toContain('has no alias live, it will be created');
  });

  it('is moved with its RevisionId and with weights cleared by name, and read back', async () => {
    await using site = await startRollout({
      functions: [{ ...web, aliases: { live: { version: '2', weights: { 1: 0.25 } } } }],
    });
    const { revisionId } = site.functionNamed('web').aliases.live ?? {};
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(aliasOf(site)).toEqual(moved);
    expect(callsTo(site, 'UpdateAlias').map(({ input }) => input)).toMatchObject([
      { FunctionVersion: '3', RevisionId: revisionId, RoutingConfig: { AdditionalVersionWeights: {} } },
    ]);
    expect(run.log).toContain('alias live points to version 2 (25 % to version 1), which an earlier run left split');
    expect(run.result.functions[0].alias).toEqual({
      name: 'live',
      arn: 'arn:aws:lambda:us-east-1:123456789012:function:web:live',
      moved: true,
      version: '3',
      weights: {},
      previousVersion: '2',
      previousWeights: { 1: 0.25 },
    });
    const updatedAt = callsTo(site, 'UpdateAlias')[0]?.at ?? Number.NaN;
    expect(callsTo(site, 'GetAlias').some(({ at }) => at > updatedAt)).toBe(true);
  });

  it('stays where it is when it points to the version already', async () => {
    await using site = await startRollout();
    await deploy(site, aliased);
    const run = await deploy(site, aliased, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(run.exitCode).toBe(0);
    expect(run.outputs).toMatchObject({ changed: 'false', 'previous-version': '3' });
    expect(effects(site, 'UpdateAlias')).toBe(1);
  });

  it.each(['reset-after', 'truncate', 'internal-error', 'throttle'] as const)(
    'is moved once when the answer is lost (%s)',
    async (kind) => {
      await using site = await startRollout();
      site.fault({ action: 'UpdateAlias', kind, apply: true });
      const run = await deploy(site, aliased);
      expect(run.log).not.toContain('::error');
      expect(run.exitCode).toBe(0);
      expect(tracesOf(site)).toEqual(['3']);
    },
  );

  it('is created once when the answer is lost', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateAlias', kind: 'reset-after' });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(tracesOf(site)).toEqual(['1']);
  });

  it('is moved when the calls around it fail for a while', async () => {
    await using site = await startRollout();
    for (const action of ['GetAlias', 'UpdateAlias']) {
      site.fault({ action, kind: 'service-unavailable', times: 3 });
      site.fault({ action, kind: 'throttle', times: 5 });
    }
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(tracesOf(site)).toEqual(['3']);
  });

  it('that somebody moves between look and move is not overwritten', async () => {
    await using site = await startRollout();
    onFirst(site, 'UpdateAlias', 'before', () => {
      site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '1' });
    });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('version 1') });
    expect(tracesOf(site)).toEqual(['1']);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('that an older run moves in between is taken over', async () => {
    await using site = await startRollout({
      functions: [
        { ...web, versions: [{ description: byRun(4700) }, { description: byRun(4701) }], aliases: { live: '1' } },
      ],
    });
    onFirst(site, 'UpdateAlias', 'before', () => {
      site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '2' });
    });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(tracesOf(site)).toEqual(['2', '3']);
    expect(effects(site, 'UpdateAlias')).toBe(1);
  });

  it('that a newer run moves in between stays where that run put it', async () => {
    await using site = await startRollout({
      functions: [
        { ...web, versions: [{ description: byRun(4700) }, { description: byRun(9000) }], aliases: { live: '1' } },
      ],
    });
    onFirst(site, 'UpdateAlias', 'before', () => {
      site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '2' });
    });
    const run = await deploy(site, aliased);
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('run 9000') });
    expect(tracesOf(site)).toEqual(['2']);
  });

  it('of a newer run is left alone by an older one, before anything is changed', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: [{}, { description: byRun(4712) }] }] });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('run 4712'),
      hint: expect.stringContaining('version-description'),
    });
    expect(changesOf(site)).toEqual([]);
  });

  it.each([
    { name: 'the run itself', description: byRun(4711) },
    { name: 'an older run with a longer number of attempts', description: `${byRun(4710)}/attempts/99` },
    { name: 'a newer run of another repository', description: byRun(9999).replace('octo/site', 'octo/other') },
    { name: 'nobody knows whom', description: 'by hand' },
  ])('of $name is moved', async ({ description }) => {
    await using site = await startRollout({ functions: [{ ...web, versions: [{}, { description }] }] });
    expect((await deploy(site, aliased)).exitCode).toBe(0);
    expect(aliasOf(site)).toEqual(moved);
  });

  it('of a newer run is moved all the same under a version-description of its own', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: [{}, { description: byRun(4712) }] }] });
    const run = await deploy(site, { ...aliased, 'version-description': 'back on purpose' });
    expect(run.exitCode).toBe(0);
    expect(aliasOf(site)).toEqual(moved);
  });

  it('is never moved when reading it is denied, and the right is named', async () => {
    await using site = await startRollout({ deny: ['lambda:GetAlias'] });
    const run = await deploy(site, aliased);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.log).toContain('lambda:GetAlias on arn:aws:lambda:us-east-1:123456789012:function:web');
    expect(changesOf(site)).toEqual([]);
  });

  it('is as it was when moving it is denied, and nothing says otherwise', async () => {
    await using site = await startRollout({ deny: ['lambda:UpdateAlias'] });
    const run = await deploy(site, aliased);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.outputs.status).toBe('failed');
    expect(run.result.functions[0].alias).toMatchObject({ moved: false, version: '2' });
    expect(run.result.rollback).toBeNull();
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

describe.concurrent('provisioned concurrency on the alias', () => {
  const functions = [{ ...web, aliases: { live: { version: '2', provisioned: 2 } } }];

  it('is ready before the cache is cleared, and the weight that AWS sets meanwhile is no drift', async () => {
    await using site = await startRollout({ functions, clocks: { provisionedMs: 1500 } });
    const run = await deploy(site, aliased);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(effects(site, 'UpdateAlias')).toBe(1);
    expect(aliasOf(site)).toEqual(moved);
    expect(run.result.functions[0].alias).toMatchObject({ version: '3', weights: {} });
    const readyAt = site.events.find(({ type }) => type === 'provisioned-ready')?.at ?? Number.NaN;
    expect(callsTo(site, 'CreateInvalidation')[0]?.at).toBeGreaterThan(readyAt);
    expect(run.log).toContain('provisioned concurrency IN_PROGRESS');
  });

  it('that fails takes the release back', async () => {
    await using site = await startRollout({ functions, clocks: { provisionedMs: 1000 } });
    site.fault({ action: 'UpdateAlias', kind: 'ends-failed', reason: 'not enough left' });
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error).toMatchObject({
      code: 'version-failed',
      message: expect.stringContaining('not enough left'),
    });
    expect(aliasOf(site)).toEqual({ version: '2', weights: {} });
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('that may not be looked at holds nobody up', async () => {
    await using site = await startRollout({ functions, deny: ['lambda:GetProvisionedConcurrencyConfig'] });
    const run = await deploy(site, aliased);
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('provisioned concurrency not looked at');
  });
});
