import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { deploy, repository, startSite, v2 } from '../support/site.ts';

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
      distributions: [{ invalidationStatus: 'Completed', paths: ['/*'] }],
    });
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
    expect(result).toMatchObject({ status: 'succeeded', distributions: [{ warning: expect.stringMatching(/./) }] });
  });

  it('of the example in the README', () => {
    const [, example = ''] = /^<!-- result -->\n```json\n(.*?)^```$/ms.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(violationsOf(JSON.parse(example))).toEqual([]);
  });
});

it('lets nothing pass that is not in the schema', () => {
  const document = { status: 'succeeded', changed: false, dryRun: false, region: '', error: null, totalMs: 1 };
  expect(violationsOf({ ...document, functions: [], distributions: [] })).toEqual([]);
  expect(violationsOf({ ...document, functions: [], distributions: [], extra: 1 })).toHaveLength(1);
  expect(violationsOf(document)).toHaveLength(2);
});
