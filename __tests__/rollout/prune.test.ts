import { describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, repository, type Site, v2 } from '../support/site.ts';
import { aliased, onFirst, startRollout, web } from './rollout.ts';

const versionsOf = (site: Site) => site.functionNamed('web').versions.map(({ version }) => version);

describe.concurrent('keep-versions', () => {
  it('deletes the older ones after the cache is cleared, never one that an alias names, nor the one before', async () => {
    await using site = await startRollout({
      functions: [
        { ...web, versions: 9, aliases: { live: '4', beta: { version: '2', weights: { 6: 0.1 } }, edge: '$LATEST' } },
      ],
    });
    const run = await deploy(site, { ...aliased, 'keep-versions': '2' });
    expect(run.exitCode).toBe(0);
    // 10 and 9 are the newest; 4 was live, 2 and 6 are what beta names.
    expect(versionsOf(site)).toEqual(['2', '4', '6', '9', '10']);
    expect(run.log).toContain('web: version 8 deleted');
    const deleted = callsTo(site, 'DeleteFunction');
    expect(deleted.map(({ input }) => input.Qualifier).toSorted()).toEqual(['1', '3', '5', '7', '8']);
    const clearedAt = site.events.findLast(({ type }) => type === 'invalidation-completed')?.at ?? Number.NaN;
    expect(deleted[0]?.at).toBeGreaterThan(clearedAt);
    expect(site.functionNamed('web').state).toBe('Active');
  });

  it('never deletes $LATEST or the version from before without an alias either', async () => {
    await using site = await startRollout({
      functions: [{ name: 'web', imageUri: `${repository}:v1`, versions: 4 }],
      distributions: [{ id: distributionId, functionName: 'web' }],
    });
    const run = await deploy(site, { ...v2, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(versionsOf(site)).toEqual(['4', '5']);
    expect(callsTo(site, 'DeleteFunction').every(({ input }) => /^\d+$/.test(String(input.Qualifier)))).toBe(true);
  });

  it('deletes nothing after a release that failed, and nothing by default', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: 5 }] });
    site.fault({ action: 'CreateInvalidation', kind: 'denied' });
    const failed = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(failed.exitCode).toBe(1);
    await deploy(site, aliased, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(callsTo(site, 'DeleteFunction')).toEqual([]);
  });

  it('is a warning when versions cannot be deleted, and the others still are', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: 5, aliases: { live: '5' } }] });
    site.fault({ action: 'DeleteFunction', kind: 'denied' });
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(run.outputs.status).toBe('succeeded');
    expect(versionsOf(site)).toHaveLength(3);
    expect(run.log).toMatch(/^::warning .*version \d of web was not deleted.*lambda:DeleteFunction/m);
    expect(run.result.warnings).toHaveLength(1);
  });

  it.each(['lambda:ListAliases', 'lambda:ListVersionsByFunction'])('deletes nothing without %s', async (right) => {
    await using site = await startRollout({ functions: [{ ...web, versions: 5 }], deny: [right] });
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(run.log).toMatch(/^::warning .*no version of web was deleted/m);
    expect(callsTo(site, 'DeleteFunction')).toEqual([]);
  });

  it('never deletes a version that somebody moves an alias to meanwhile', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: 5, aliases: { live: '5', beta: '5' } }] });
    onFirst(site, 'DeleteFunction', 'after', () =>
      site.apply('UpdateAlias', { FunctionName: 'web', Name: 'beta', FunctionVersion: '2' }),
    );
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'DeleteFunction').map(({ input }) => input.Qualifier)).not.toContain('2');
    expect(versionsOf(site)).toContain('2');
    expect(run.result.warnings).toEqual([]);
  });

  it.each(['throttle', 'service-unavailable', 'reset-before', 'reset-after'] as const)(
    'tries again after %s',
    async (kind) => {
      await using site = await startRollout({ functions: [{ ...web, versions: 3, aliases: { live: '3' } }] });
      site.fault({ action: 'DeleteFunction', kind, times: 2 });
      const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
      expect(run.exitCode).toBe(0);
      expect(versionsOf(site)).toEqual(['3', '4']);
      expect(run.result.warnings).toEqual([]);
    },
  );

  it('says in one sentence of its own which versions Lambda@Edge still has replicas of', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: 4, aliases: { live: '4' } }] });
    const message =
      'Lambda was unable to delete arn:aws:lambda:us-east-1:123456789012:function:web:1 because it is a replicated function. Please see our documentation for Deleting Lambda@Edge Functions and Replicas.';
    site.fault({
      action: 'DeleteFunction',
      kind: 'error',
      code: 'InvalidParameterValueException',
      status: 400,
      message,
      times: 2,
    });
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(run.result.warnings).toMatchObject([
      {
        code: 'conflict',
        message: 'versions 3, 2 of web were not deleted, because Lambda@Edge has replicas.',
        hint: expect.stringContaining('distributions'),
      },
    ]);
    expect(versionsOf(site)).toEqual(['2', '3', '4', '5']);
  });

  it('names the right that is missing once, whatever the number of versions', async () => {
    await using site = await startRollout({
      functions: [{ ...web, versions: 5, aliases: { live: '5' } }],
      deny: ['lambda:DeleteFunction'],
    });
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(run.result.warnings).toMatchObject([
      { code: 'access-denied', hint: expect.stringContaining('Allow lambda:DeleteFunction on arn:aws:lambda') },
    ]);
    expect(run.result.warnings[0].message).toContain('versions 4, 3, 2, 1 of web were not deleted');
  });

  it('deletes nothing of a durable function, whose executions go on with their version', async () => {
    await using site = await startRollout({
      functions: [{ ...web, versions: 5, aliases: { live: '5' }, executionTimeout: 60 }],
    });
    const run = await deploy(site, { ...aliased, 'keep-versions': '1' });
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'DeleteFunction')).toEqual([]);
    expect(run.result.warnings).toMatchObject([{ message: expect.stringContaining('durable') }]);
  });
});
