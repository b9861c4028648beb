import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { deploy, distributionId, repository, startSite, v2 } from '../support/site.ts';

const schema = JSON.parse(readFileSync('docs/result.schema.json', 'utf8'));
const validate = new Ajv2020({ allErrors: true }).compile(schema);

function violationsOf(result: unknown) {
  validate(result);
  return validate.errors ?? [];
}

describe.concurrent('the result is what docs/result.schema.json says', () => {
  it('of a release', async () => {
    await using site = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:v1`, versions: 2 }] });
    const { result } = await deploy(site);
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'succeeded',
      error: null,
      functions: [{ stage: 'ready', version: '3', previousVersion: '2' }],
      build: null,
      distributions: [{ invalidationStatus: 'Completed', warning: null }],
      paths: ['/*'],
      pathCount: 1,
    });
  });

  it('of a release of a zip, and of one that finds nothing to do', async () => {
    await using site = await startSite({ functions: [{ name: 'web', packageType: 'Zip' }] });
    const inputs = { 'function-name': 'web', 'zip-file': 'docs', 'distribution-id': distributionId };
    const first = (await deploy(site, inputs)).result;
    expect(violationsOf(first)).toEqual([]);
    expect(first).toMatchObject({ status: 'succeeded', changed: true, functions: [{ stage: 'ready', imageUri: '' }] });
    const again = (await deploy(site, { ...inputs, invalidate: 'changed' })).result;
    expect(violationsOf(again)).toEqual([]);
    expect(again).toMatchObject({
      status: 'succeeded',
      changed: false,
      functions: [{ stage: 'ready', changed: false, version: '1', codeSha256: first.functions[0].codeSha256 }],
      distributions: [{ invalidationId: '', callerReference: '', error: null }],
    });
  });

  it('of a release with more paths than it lists', async () => {
    await using site = await startSite();
    const paths = Array.from({ length: 101 }, (_, index) => `/${index}`);
    const { result } = await deploy(site, { 'distribution-id': distributionId, paths: paths.join('\n') });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({ status: 'succeeded', functions: [], pathCount: 101 });
    expect(result.paths).toHaveLength(100);
  });

  it('of a build that failed', async () => {
    await using site = await startSite();
    // There is no docker on its PATH.
    const { result } = await deploy(site, { ...v2, 'build-context': '.' }, { env: { PATH: '' } });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'failed',
      build: { image: `${repository}:v2`, digest: '', error: { code: 'build-failed' } },
      functions: [{ stage: 'untouched', error: null }],
    });
  });

  it('of a run that was cancelled before a version was answered', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'hang', apply: true });
    const { result } = await deploy(site, v2, {
      onStart: (child) => site.on('PublishVersion', () => child.kill('SIGINT')),
    });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({ status: 'cancelled', functions: [{ stage: 'publish-sent' }] });
  });

  it('of a dry run', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { ...v2, 'dry-run': 'true' });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({ status: 'planned', dryRun: true, functions: [{ stage: 'untouched' }] });
  });

  it('of a run with wrong inputs', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { ...v2, publish: 'perhaps' });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'invalid-input' }, functions: [] });
  });

  it('of a run that failed half-way', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'FunctionError.InitTimeout' });
    const { result } = await deploy(site, { ...v2, rollback: 'false' });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'failed',
      functions: [{ stage: 'published', error: { code: 'version-failed' } }],
      distributions: [{ invalidationId: '', error: null }],
    });
  });

  it('of a run with a warning', async () => {
    await using site = await startSite();
    site.denied.add('cloudfront:GetInvalidation');
    const { result } = await deploy(site, { ...v2, 'wait-for-invalidation': 'best-effort' });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({ status: 'succeeded', distributions: [{ warning: { code: 'access-denied' } }] });
  });

  it('of a release whose pages are fetched, and of one whose pages stay stale', async () => {
    await using site = await startSite();
    const inputs = { ...v2, 'regenerate-urls': site.cdnUrl(distributionId) };
    const { result: fresh } = await deploy(site, inputs);
    expect(violationsOf(fresh)).toEqual([]);
    expect(fresh).toMatchObject({ status: 'succeeded', regeneration: { pages: 1, fresh: 1, requests: 3 } });
    const { result: stale } = await deploy(site, { ...inputs, 'expect-header': 'x-commit: abc' });
    expect(violationsOf(stale)).toEqual([]);
    expect(stale).toMatchObject({
      status: 'failed',
      error: { code: 'stale-cache' },
      distributions: [{ invalidations: [{ pathCount: 1 }, { pathCount: 1 }] }],
      regeneration: {
        stale: 1,
        clearedAgain: 1,
        stalePages: [{ layer: 'no marker' }],
        warning: null,
        error: { code: 'stale-cache' },
      },
    });
  });

  it('of a run that ended before a page was fetched, and of one with a page that fails', async () => {
    await using site = await startSite();
    const url = site.cdnUrl(distributionId);
    const inputs = { 'distribution-id': distributionId, 'regenerate-urls': url };
    const planned = (await deploy(site, { ...inputs, 'dry-run': 'true' })).result;
    expect(violationsOf(planned)).toEqual([]);
    expect(planned).toMatchObject({ status: 'planned', regeneration: { pages: 0, requests: 0 } });
    site.fault({ action: 'Visit', kind: 'error', code: 'NotFound', status: 404, message: 'gone', times: 3 });
    const { result } = await deploy(site, inputs);
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'succeeded',
      regeneration: { failed: 1, failedPages: [{ reason: 'HTTP 404' }], warning: { code: 'not-found' }, error: null },
    });
  });

  it('of a release with alias and warm-up', async () => {
    await using site = await startSite({
      functions: [{ ...aliased, aliases: { live: { version: '1', weights: { '2': 0.1 } } } }],
    });
    const { result } = await deploy(site, { ...v2, alias: 'live', 'warm-up': '2' });
    expect(violationsOf(result)).toEqual([]);
    const [one] = result.functions;
    expect(one).toMatchObject({ version: '3', previousVersion: '1', stage: 'ready' });
    expect(one.alias).toMatchObject({ name: 'live', moved: true, version: '3', weights: {} });
    expect(one.alias).toMatchObject({ previousVersion: '1', previousWeights: { '2': 0.1 } });
    // The second may find what the first has started.
    expect([...one.warmUp.coldMs, ...one.warmUp.warmMs]).toHaveLength(2);
  });

  it('of a release that was rolled back, and of one that could not be', async () => {
    await using site = await startSite({ functions: [aliased] });
    site.fault({ action: 'CreateInvalidation', kind: 'error', code: 'InvalidArgument', times: 2 });
    const back = (await deploy(site, { ...v2, alias: 'live' })).result;
    expect(violationsOf(back)).toEqual([]);
    expect(back).toMatchObject({
      status: 'rolled-back',
      error: { code: 'invalidation-failed' },
      functions: [{ alias: { moved: true, version: '2' }, error: null }],
      rollback: { done: [expect.stringContaining('live')], errors: [] },
    });
    const stays = (await deploy(site, { ...v2, alias: 'fresh' })).result;
    expect(violationsOf(stays)).toEqual([]);
    expect(stays).toMatchObject({ status: 'failed', rollback: { done: [], errors: [{ code: 'rollback-failed' }] } });
  });

  it('of a deployment by CodeDeploy that failed, whether it was taken back or not', async () => {
    const inputs = { ...v2, alias: 'live', 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' };
    const group = { application: 'site', group: 'web', config: 'CodeDeployDefault.LambdaCanary10Percent5Minutes' };
    await using site = await startSite({
      functions: [aliased],
      codeDeploy: [{ ...group, autoRollback: ['DEPLOYMENT_FAILURE'] }],
    });
    site.fault({ action: 'CreateDeployment', kind: 'ends-failed' });
    const back = (await deploy(site, inputs)).result;
    expect(violationsOf(back)).toEqual([]);
    expect(back).toMatchObject({ status: 'rolled-back', error: { code: 'rolled-back' }, rollback: null });
    expect(back.functions).toMatchObject([{ alias: { moved: false, version: '2', weights: {} } }]);
    await using other = await startSite({ functions: [aliased], codeDeploy: [group] });
    other.fault({ action: 'CreateDeployment', kind: 'ends-failed' });
    const split = (await deploy(other, { ...inputs, rollback: 'false' })).result;
    expect(violationsOf(split)).toEqual([]);
    expect(split).toMatchObject({ status: 'failed', error: { code: 'update-failed' }, rollback: null });
    expect(split.functions).toMatchObject([{ alias: { moved: true, version: '2', weights: { '3': 0.1 } } }]);
  });

  it('of a release with assets, and of one whose stale assets and old versions stay', async () => {
    await using site = await startSite({
      functions: [aliased],
      buckets: { site: { objects: { 'static/old.js': '', 'static/older.js': '' } } },
      deny: ['lambda:DeleteFunction', 's3:DeleteObject'],
    });
    const inputs = {
      ...v2,
      'assets-dir': '.github',
      'assets-bucket': 'site',
      'assets-prefix': 'static',
      'assets-delete': 'true',
      'keep-versions': '1',
    };
    const stays = (await deploy(site, inputs)).result;
    expect(violationsOf(stays)).toEqual([]);
    expect(stays).toMatchObject({
      status: 'succeeded',
      assets: { bucket: 'site', prefix: 'static/', stage: 'deleting', deleted: 0, error: null },
      warnings: [{ code: 'access-denied' }, { code: 'access-denied' }],
    });
    site.denied.clear();
    const { result, outputs } = await deploy(site, inputs);
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'succeeded',
      assets: { stage: 'deleted', uploaded: 0, deleted: 2 },
      warnings: [],
    });
    expect(outputs['assets-changed']).toBe('2');
  });

  it('of assets that were not uploaded', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { 'assets-dir': '.github', 'assets-bucket': 'nowhere' });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'failed',
      region: 'us-east-1',
      assets: { stage: 'untouched', error: { code: 'not-found' } },
      functions: [],
    });
  });

  it('of tags, of a tenant, and of a distribution with several invalidations', async () => {
    const tenantId = 'dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB';
    await using site = await startSite({
      distributions: [
        { id: distributionId, functionName: 'web', cacheTagHeader: 'cache-tag' },
        { id: tenantId, kind: 'tenant', parentId: distributionId, functionName: 'web' },
      ],
    });
    const wildcards = Array.from({ length: 16 }, (_, index) => `/${index}/*`);
    const { result } = await deploy(site, {
      'distribution-id': distributionId,
      'distribution-tenant-id': tenantId,
      paths: ['#news', ...wildcards].join('\n'),
    });
    expect(violationsOf(result)).toEqual([]);
    expect(result).toMatchObject({
      status: 'succeeded',
      paths: ['#news', ...wildcards.toSorted()],
      estimatedUsd: 0.17,
      distributions: [
        { kind: 'distribution', invalidations: [{ pathCount: 16 }, { pathCount: 1 }] },
        { kind: 'tenant', invalidations: [{ pathCount: 16 }, { pathCount: 1 }] },
      ],
    });
  });

  it('of the example in the README', () => {
    const [, example = ''] = /^<!-- result -->\n```json\n(.*?)^```$/ms.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(violationsOf(JSON.parse(example))).toEqual([]);
    expect(JSON.parse(example).build.steps).not.toEqual([]);
    expect(JSON.parse(example).regeneration.edges).not.toEqual([]);
  });
});

/** A function whose alias `live` names the newest of two versions. */
const aliased = { name: 'web', imageUri: `${repository}:v1`, versions: 2, aliases: { live: '2' } };

it('lets nothing pass that is not in the schema', () => {
  const begin = { status: 'succeeded', changed: false, dryRun: false, region: '', error: null, build: null };
  const lists = { functions: [], distributions: [], paths: [] };
  const nothing = { assets: null, rollback: null, warnings: [], regeneration: null };
  const document = { ...begin, ...lists, ...nothing, pathCount: 0, estimatedUsd: 0, totalMs: 1, leftOut: [] };
  expect(violationsOf(document)).toEqual([]);
  expect(violationsOf({ ...document, extra: 1 })).toHaveLength(1);
  expect(violationsOf(begin)).toHaveLength(11);
});
