import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { dockerFailure } from '../../src/image/docker-failure.ts';
import { parseImageUri } from '../../src/image/image-uri.ts';
import { plant, temporary } from '../package/trees.ts';
import { deploy, distributionId, repository, type Site, startSite, v2 } from '../support/site.ts';

const readme = readFileSync('README.md', 'utf8');

const always = actionsOf(policy('policy'));
const ofCode = always.filter((action) => action.startsWith('lambda:'));
const ofClearing = always.filter((action) => action.startsWith('cloudfront:'));
const ofFeatures = policy('policy-of-features');
const allowedFor = (...sids: string[]) => actionsOf(ofFeatures.filter(({ Sid = '' }) => sids.includes(Sid)));
const everything = sorted([...always, ...actionsOf(ofFeatures)]);

// Not in the adapters: docker pushes with them, Lambda reads a package in the name of the job, and CodeDeploy asks for
// it when it takes a deployment.
const ofOthers = [...allowedFor('Push'), 's3:GetObjectVersion', 'codedeploy:RegisterApplicationRevision'];

const zipSite = { functions: [{ name: 'api', packageType: 'Zip' as const }], distributions: [] };
const zip = { 'function-name': 'api', 'zip-file': 'docs' };
const aliased = { functions: [{ name: 'api', packageType: 'Zip' as const, versions: 3, aliases: { live: '3' } }] };

const tenantId = 'dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB';
const onDistribution = { 'distribution-id': distributionId };
const onTenant = { 'distribution-tenant-id': tenantId };

/** A distribution that reads cache tags, and a tenant of it. */
const taggedSite = {
  distributions: [
    { id: distributionId, functionName: 'web', cacheTagHeader: 'cache-tag' },
    { id: tenantId, kind: 'tenant' as const, parentId: distributionId, functionName: 'web' },
  ],
};

describe('the policies', () => {
  it('are made of what every release needs and of the features that need more', () => {
    const code = ['SignIn', 'Push', 'CheckImages', 'PackageInS3'];
    const rollout = ['Alias', 'WarmUp', 'Alarms', 'CodeDeploy', 'CodeDeployTargets', 'Prune', 'PruneVersions'];
    const caches = ['CacheTags', 'Tenants', 'TenantTags'];
    expect(ofFeatures.map(({ Sid }) => Sid)).toEqual([...code, ...rollout, 'Assets', 'AssetsDelete', ...caches]);
  });

  it('allow exactly the actions that the adapters name, and those that others call', () => {
    const sources = globSync('src/adapters/*.ts').map((file) => readFileSync(file, 'utf8'));
    const named = sources.flatMap((source) => [...source.matchAll(/'([a-z0-9]+:[A-Z][A-Za-z]+)'/g)]);
    expect(sorted([...named.map(([, action = '']) => action), ...ofOthers])).toEqual(everything);
  });

  // docker calls them through the registry's own protocol. The hint about a push that is denied names them; BatchGetImage
  // comes with them, for BuildKit asks for the manifest before it pushes one
  // (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html).
  it('allow what the hint about a denied push names', () => {
    const image = parseImageUri(`${repository}:v2`);
    const denied =
      'problem' in image ? undefined : dockerFailure('push', { image, exitCode: 1, lines: ['denied: no'] });
    const hinted = [...(denied?.hint ?? '').matchAll(/ecr:[A-Z][A-Za-z]+/g)].map(([action]) => action);
    expect(sorted(hinted)).toEqual(allowedFor('SignIn', 'Push'));
  });

  it('allow on a resource of CodeDeploy nothing that has none', () => {
    const actions = actionsOf(ofFeatures.filter(({ Sid }) => Sid === 'CodeDeploy'));
    expect(actions.filter((action) => action.includes('Target'))).toEqual([]);
  });

  it('name the resource that each action is checked against', () => {
    const kinds = Object.fromEntries(
      ofFeatures.map(({ Sid = '', Resource }) => [Sid, [Resource].flat().map((arn) => arn.replace(/^arn:aws:/, ''))]),
    );
    expect(kinds).toMatchObject({
      // Without the version, DeleteFunction deletes the function.
      PruneVersions: ['lambda:eu-west-1:123456789012:function:web:*'],
      Alarms: ['*'],
      // Actions without a resource type: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
      CodeDeployTargets: ['*'],
      AssetsDelete: ['s3:::site/static/*'],
      CacheTags: [expect.stringContaining(':distribution/')],
      Tenants: [expect.stringContaining(':distribution-tenant/')],
      TenantTags: [expect.stringContaining(':distribution-tenant/')],
    });
    const deleting = ofFeatures.filter(({ Action }) => Action.some((action) => action.startsWith('lambda:Delete')));
    expect(deleting.map(({ Sid }) => Sid)).toEqual(['PruneVersions']);
  });

  it('are explained action by action in docs/iam.md', () => {
    const rows = readFileSync('docs/iam.md', 'utf8').matchAll(/^\| (`[a-z0-9]+:[A-Z][^|]+)\|/gm);
    const explained = [...rows].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one));
    expect(explained.toSorted()).toEqual(everything);
  });
});

describe.concurrent('the policies allow exactly the actions that', () => {
  it('a release calls, with the check of its image', async () => {
    await using site = await startSite();
    await deploy(site);
    expect(called(site)).toEqual(sorted([...always, ...allowedFor('CheckImages')]));
  });

  it('a release needs, with nothing but the first one', async () => {
    await using site = await startSite({ deny: denyAllBut(always) });
    expect((await deploy(site)).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(sorted([...always, 'ecr:BatchGetImage']));
  });

  it('a zip calls', async () => {
    await using site = await startSite({ ...zipSite, deny: denyAllBut(ofCode) });
    expect((await deploy(site, zip)).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(ofCode);
  });

  it('the way back of an image calls', async () => {
    await using site = await startSite({ deny: denyAllBut(always) });
    site.fault({ action: 'CreateInvalidation', kind: 'error', code: 'InvalidArgument' });
    expect((await deploy(site)).outputs.status).toBe('rolled-back');
    expect(called(site).filter((action) => !always.includes(action))).toEqual(['ecr:BatchGetImage']);
  });

  it.each<Feature>([
    {
      feature: 'an alias that is moved',
      site: aliased,
      inputs: { alias: 'live' },
      allowed: without(allowedFor('Alias'), 'lambda:CreateAlias'),
    },
    {
      feature: 'an alias that is created',
      inputs: { alias: 'live' },
      allowed: without(allowedFor('Alias'), 'lambda:UpdateAlias'),
    },
    { feature: 'a warm-up', inputs: { 'warm-up': '1' }, allowed: allowedFor('WarmUp') },
    {
      feature: 'alarms',
      site: { alarms: [{ name: 'errors' }] },
      inputs: { alarms: 'errors', 'bake-seconds': '1' },
      allowed: allowedFor('Alarms'),
    },
    {
      feature: 'a shift by CodeDeploy',
      site: { ...aliased, codeDeploy: [{ application: 'site', group: 'web' }] },
      inputs: { alias: 'live', 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' },
      allowed: without(
        allowedFor('CodeDeploy', 'CodeDeployTargets', 'Alias'),
        'lambda:CreateAlias',
        'lambda:UpdateAlias',
      ),
    },
    {
      feature: 'pruning',
      site: aliased,
      inputs: { 'keep-versions': '1' },
      allowed: allowedFor('Prune', 'PruneVersions'),
    },
  ])('$feature calls', async ({ site: options = {}, inputs, allowed }) => {
    await using site = await startSite({ ...zipSite, ...options, deny: denyAllBut([...ofCode, ...allowed]) });
    expect((await deploy(site, { ...zip, ...inputs })).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(sorted([...ofCode, ...allowed.filter((action) => !ofOthers.includes(action))]));
  });

  it.each(['codedeploy:GetDeploymentConfig', 'codedeploy:RegisterApplicationRevision'])(
    'CodeDeploy asks for: %s',
    async (action) => {
      const codeDeploy = [{ application: 'site', group: 'web' }];
      await using site = await startSite({ ...zipSite, ...aliased, codeDeploy, deny: [action] });
      const inputs = { alias: 'live', 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' };
      expect((await deploy(site, { ...zip, ...inputs })).result.error.code).toBe('access-denied');
    },
  );

  it('assets call: a listing, uploads, HEAD where an ETag is no MD5, and the end of an upload that failed', async () => {
    using temp = temporary();
    const allowed = allowedFor('Assets');
    const deny = denyAllBut(allowed);
    await using site = await startSite({ buckets: { site: { encryption: 'kms' } }, deny });
    const inputs = { 'assets-dir': plant(temp.path, { 'a.txt': 'a' }), 'assets-bucket': 'site' };
    expect((await deploy(site, inputs)).outputs['assets-changed']).toBe('1');
    plant(temp.path, { 'large.bin': Buffer.alloc(17 * 1_048_576) });
    site.fault({ action: 'CompleteMultipartUpload', kind: 'denied' });
    expect((await deploy(site, inputs)).result.error.code).toBe('access-denied');
    expect(called(site)).toEqual(allowed);
  });

  it('deleting assets calls', async () => {
    const allowed = without(allowedFor('Assets', 'AssetsDelete'), 's3:AbortMultipartUpload', 's3:GetObject');
    await using site = await startSite({ buckets: { site: { objects: { old: '' } } }, deny: denyAllBut(allowed) });
    const inputs = { 'assets-dir': '.github', 'assets-bucket': 'site', 'assets-prefix': '/', 'assets-delete': 'true' };
    expect((await deploy(site, inputs)).result).toMatchObject({ status: 'succeeded', warnings: [] });
    expect(called(site)).toEqual(allowed);
  });

  it.each([
    { feature: 'paths', inputs: onDistribution, allowed: ofClearing },
    {
      feature: 'cache tags',
      inputs: { ...onDistribution, paths: '#a' },
      allowed: [...ofClearing, ...allowedFor('CacheTags')],
    },
    { feature: 'a tenant', inputs: onTenant, allowed: allowedFor('Tenants') },
    {
      feature: 'the cache tags of a tenant',
      inputs: { ...onTenant, paths: '#a' },
      allowed: allowedFor('Tenants', 'TenantTags', 'CacheTags'),
    },
    { feature: 'changed files', inputs: { ...onDistribution, 'changed-files': '** -> /**' }, allowed: ofClearing },
  ])('clearing $feature calls', async ({ inputs, allowed }) => {
    await using site = await startSite({ ...taggedSite, deny: denyAllBut(allowed) });
    expect((await deploy(site, inputs)).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(sorted(allowed));
  });

  it('filling the cache again calls, which is nothing more', async () => {
    await using site = await startSite({ ...taggedSite, deny: denyAllBut(ofClearing) });
    const inputs = { ...onDistribution, 'regenerate-urls': site.cdnUrl(distributionId) };
    expect((await deploy(site, inputs)).result).toMatchObject({ status: 'succeeded', regeneration: { fresh: 1 } });
    expect(called(site)).toEqual(ofClearing);
  });

  it('a release with a build calls before docker is started', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { ...v2, 'build-context': '.' }, withoutDocker);
    expect(result.error.code).toBe('build-failed');
    const beforeDocker = ['lambda:GetFunction', 'cloudfront:GetInvalidation', ...allowedFor('SignIn')];
    // To know whether there is a way back.
    expect(called(site)).toEqual(sorted([...beforeDocker, 'ecr:BatchGetImage']));
  });

  // Lambda reads the package in the name of whoever calls UpdateFunctionCode.
  it.each([
    { needed: 's3:GetObject', version: '' },
    { needed: 's3:GetObjectVersion', version: 'v7' },
  ])('a package in S3 is denied without: $needed', async ({ needed, version }) => {
    const inputs = {
      'function-name': 'api',
      's3-bucket': 'releases',
      's3-key': 'api.zip',
      's3-object-version': version,
    };
    const packages = { 'releases/api.zip': { versions: { v7: 'seven' } } };
    expect(allowedFor('PackageInS3')).toEqual(['s3:GetObject', 's3:GetObjectVersion']);
    await using site = await startSite({ ...zipSite, packages, deny: denyAllBut([...ofCode, needed]) });
    expect((await deploy(site, inputs)).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(ofCode);
    site.denied.add(needed);
    expect((await deploy(site, inputs)).result.error.code).toBe('access-denied');
  });
});

interface Feature {
  feature: string;
  site?: LocalAwsOptions;
  inputs: Record<string, string>;
  allowed: string[];
}

/** There is nothing on its PATH. */
const withoutDocker = { env: { PATH: '' } };

interface Statement {
  Sid?: string;
  Action: string[];
  Resource: string | string[];
}

/** The policy behind a marker. */
function policy(name: string): Statement[] {
  const [, text = '{}'] = readme.split(`<!-- ${name} -->\n\`\`\`json\n`)[1]?.match(/^(.*?)^```$/ms) ?? [];
  return JSON.parse(text).Statement;
}

function actionsOf(statements: Statement[]): string[] {
  return sorted(statements.flatMap(({ Action }) => Action));
}

/** Each once, in order. */
function sorted(actions: string[]): string[] {
  return [...new Set(actions)].toSorted();
}

function without(actions: string[], ...others: string[]): string[] {
  return actions.filter((action) => !others.includes(action));
}

function denyAllBut(allowed: string[]): string[] {
  return without(everything, ...allowed);
}

/** What the local AWS saw, but for the way to the configuration of an image, which is a presigned URL. */
function called({ calls }: Site): string[] {
  const actions = calls.map(({ iamAction }) => (iamAction === 's3:DeleteObjects' ? 's3:DeleteObject' : iamAction));
  return sorted(without(actions, 'ecr:DownloadLayer'));
}
