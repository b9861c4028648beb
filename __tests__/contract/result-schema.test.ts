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

describe('the result is what docs/result.schema.json says', () => {
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
    const { result } = await deploy(site);
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

  it('of the example in the README', () => {
    const [, example = ''] = /^<!-- result -->\n```json\n(.*?)^```$/ms.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(violationsOf(JSON.parse(example))).toEqual([]);
    expect(JSON.parse(example).build.steps).not.toEqual([]);
  });
});

it('lets nothing pass that is not in the schema', () => {
  const begin = { status: 'succeeded', changed: false, dryRun: false, region: '', error: null, build: null };
  const document = { ...begin, functions: [], distributions: [], paths: [], pathCount: 0, totalMs: 1 };
  expect(violationsOf(document)).toEqual([]);
  expect(violationsOf({ ...document, extra: 1 })).toHaveLength(1);
  expect(violationsOf(begin)).toHaveLength(5);
});
