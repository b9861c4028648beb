import { describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, repository, type Site } from '../support/site.ts';
import { aliased, aliasOf, changesOf, onFirst, startRollout, tracesOf, web } from './rollout.ts';

const plain = {
  functions: [{ name: 'web', imageUri: `${repository}:v1` }],
  distributions: [{ id: distributionId, functionName: 'web' }],
};
const { alias: _, ...unaliased } = aliased;
const refused = (site: Site) => site.fault({ action: 'CreateInvalidation', kind: 'denied', times: 9 });
const moveBy = (site: Site, version: string) => () =>
  void site.apply('UpdateAlias', {
    FunctionName: 'web',
    Name: 'live',
    FunctionVersion: version,
    RoutingConfig: { AdditionalVersionWeights: {} },
  });
const deployBy = (site: Site, tag: string) => () =>
  void site.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: `${repository}:${tag}` });

const codeOf = (site: Site) => site.functionNamed('web').serving.codeSha256;
/** Whether an update went out after the first one, which would be a way back. */
const updatesOf = (site: Site) => callsTo(site, 'UpdateFunctionCode').filter(({ effect }) => effect);

describe.concurrent('what somebody else does meanwhile', () => {
  it('to the code is not overwritten by the way back', async () => {
    await using site = await startRollout({ ...plain });
    onFirst(site, 'CreateInvalidation', 'after', deployBy(site, 'theirs'));
    const run = await deploy(site, {
      ...unaliased,
      'regenerate-urls': `${site.cdnUrl(distributionId)}/a`,
      'expect-body': 'never-on-this-page',
    });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.rollback.errors).toMatchObject([
      { code: 'conflict', message: expect.stringContaining('another deployment came since') },
    ]);
    expect(site.functionNamed('web').imageUri).toBe(`${repository}:theirs`);
    // Ours, and theirs.
    expect(updatesOf(site)).toHaveLength(1);
  });

  it('to the code right before the update is what a way back puts in again', async () => {
    await using site = await startRollout({ ...plain });
    refused(site);
    let theirs = '';
    onFirst(site, 'UpdateFunctionCode', 'before', () => {
      deployBy(site, 'theirs')();
      theirs = site.functionNamed('web').codeSha256;
    });
    const run = await deploy(site, unaliased);
    expect(run.outputs.status).toBe('rolled-back');
    expect(codeOf(site)).toBe(theirs);
    expect(run.result.functions[0].previousCodeSha256).toBe(theirs);
  });

  it('to the code while the invalidation is waited for ends as a conflict, and stays', async () => {
    await using site = await startRollout({ ...plain });
    onFirst(site, 'CreateInvalidation', 'after', deployBy(site, 'theirs'));
    const run = await deploy(site, unaliased);
    expect(run.outputs.status).toBe('failed');
    const theirs = site.functionNamed('web').codeSha256;
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining(theirs) });
    expect(run.result.rollback).toBeNull();
    expect(updatesOf(site)).toHaveLength(1);
  });

  it.each([
    { when: 'between two steps', inputs: { 'traffic-shift': '10% 1s, 50% 1s' }, traces: ['2 {"3":0.1}', '2'] },
    { when: 'in the last step', inputs: { 'traffic-shift': '10% 1s' }, traces: ['2 {"3":0.1}', '2'] },
    { when: 'while it bakes', inputs: { alarms: 'errors', 'bake-seconds': '2' }, traces: ['3', '2'] },
  ])('to the alias $when stops the release, and stays', async ({ inputs, traces }) => {
    await using site = await startRollout({ alarms: [{ name: 'errors' }] });
    onFirst(site, 'UpdateAlias', 'after', () => setTimeout(moveBy(site, '2'), 300));
    const run = await deploy(site, { ...aliased, ...inputs });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.code).toBe('conflict');
    // Told once, and nothing is left open.
    expect(run.log.match(/^::error/gm)).toHaveLength(1);
    expect(run.log).not.toContain('its end was not seen');
    expect(tracesOf(site)).toEqual(traces);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('to the alias while the invalidation is waited for is reported, and stays', async () => {
    await using site = await startRollout();
    onFirst(site, 'CreateInvalidation', 'after', moveBy(site, '1'));
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('version 1') });
    expect(run.result.functions[0].alias.version).toBe('1');
    expect(tracesOf(site)).toEqual(['3', '1']);
  });

  it('to one of two aliases leaves the other to be rolled back', async () => {
    await using site = await startRollout({
      functions: [web, { ...web, name: 'api' }],
      alarms: [{ name: 'errors' }],
    });
    const stop = site.on('UpdateAlias', () => {
      if (tracesOf(site).length === 1) {
        stop();
        setTimeout(moveBy(site, '1'), 300);
      }
    });
    const run = await deploy(site, { ...aliased, 'function-name': 'web api', 'traffic-shift': '10% 2s' });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.code).toBe('conflict');
    expect(aliasOf(site)).toEqual({ version: '1', weights: {} });
    expect(aliasOf(site, 'api')).toEqual({ version: '2', weights: {} });
  });

  it('to an alias, by deleting it, is theirs, and the other one is rolled back', async () => {
    await using site = await startRollout({ functions: [web, { ...web, name: 'api' }] });
    const stop = site.on('UpdateAlias', ({ when }) => {
      if (when === 'after' && tracesOf(site, 'web').length === 1) {
        stop();
        site.apply('DeleteAlias', { FunctionName: 'web', Name: 'live' });
      }
    });
    const run = await deploy(site, { ...aliased, 'function-name': 'web api', 'traffic-shift': '10% 1s, 50% 1s' });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('was deleted') });
    expect(site.functionNamed('web').aliases).toEqual({});
    expect(aliasOf(site, 'api')).toEqual({ version: '2', weights: {} });
  });

  it('to an alias, by deleting it right before it is moved, is a conflict, too', async () => {
    await using site = await startRollout();
    onFirst(site, 'UpdateAlias', 'before', () => void site.apply('DeleteAlias', { FunctionName: 'web', Name: 'live' }));
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error.code).toBe('conflict');
    expect(site.functionNamed('web').aliases).toEqual({});
  });
});

describe.concurrent('an alias on $LATEST', () => {
  const latest = { functions: [{ name: 'web', imageUri: `${repository}:v1`, aliases: { live: '$LATEST' } }] };

  it('is fixed to a version of what serves before anything is updated', async () => {
    await using site = await startRollout(latest);
    const before = codeOf(site);
    const run = await deploy(site, { ...aliased, 'traffic-shift': '10% 1s' });
    expect(run.exitCode).toBe(0);
    expect(changesOf(site).slice(0, 3)).toEqual(['PublishVersion', 'UpdateAlias', 'UpdateFunctionCode']);
    const [pinned, shifted] = tracesOf(site);
    expect(shifted).toMatch(new RegExp(`^${pinned} \\{"\\d+":0.1\\}$`));
    const version = site.functionNamed('web').versions.find((one) => one.version === pinned);
    expect(version?.codeSha256).toBe(before);
    expect(run.outputs['previous-version']).toBe(pinned);
    expect(run.log).toMatch(/::warning .*fixed to version/);
    expect(run.log).toContain('ignore_changes');
  });

  it('is rolled back to that version', async () => {
    await using site = await startRollout(latest);
    site.fault({ action: 'Invoke', kind: 'function-error' });
    const run = await deploy(site, { ...aliased, 'warm-up': '1' });
    expect(run.result.error.code).toBe('warm-up-failed');
    expect(tracesOf(site)).toHaveLength(1);
    expect(aliasOf(site).version).not.toBe('$LATEST');
    await using other = await startRollout(latest);
    refused(other);
    const failed = await deploy(other, aliased);
    expect(failed.outputs.status).toBe('rolled-back');
    const traces = tracesOf(other);
    expect(traces.at(-1)).toBe(traces[0]);
  });

  it.each(['PublishVersion', 'UpdateAlias'])(
    'that cannot be fixed by %s stops the release, with nothing updated',
    async (action) => {
      await using site = await startRollout(latest);
      site.fault({ action, kind: 'denied', times: 9 });
      const run = await deploy(site, aliased);
      expect(run.outputs.status).toBe('failed');
      expect(run.result.error.code).toBe('access-denied');
      expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
      expect(aliasOf(site).version).toBe('$LATEST');
    },
  );

  it('gets the code that somebody deploys while it is fixed', async () => {
    await using site = await startRollout(latest);
    onFirst(site, 'PublishVersion', 'after', deployBy(site, 'theirs'));
    refused(site);
    const run = await deploy(site, aliased);
    expect(run.outputs.status).toBe('rolled-back');
    const { version } = aliasOf(site);
    const { versions } = site.functionNamed('web');
    expect(versions.find((one) => one.version === version)?.imageUri).toBe(`${repository}:theirs`);
  });

  it('goes with a revision-id all the same', async () => {
    await using site = await startRollout(latest);
    const { revisionId } = site.functionNamed('web');
    const run = await deploy(site, { ...aliased, 'revision-id': revisionId });
    expect(run.exitCode).toBe(0);
  });

  it('is only named by a dry run', async () => {
    await using site = await startRollout(latest);
    const run = await deploy(site, { ...aliased, 'dry-run': 'true' });
    expect(changesOf(site)).toEqual([]);
    expect(run.log).toContain('fix alias live to a version of the code it serves');
  });
});
