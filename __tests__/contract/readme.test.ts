import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dockerFailure } from '../../src/image/docker-failure.ts';
import { parseImageUri } from '../../src/image/image-uri.ts';
import { parseInputs } from '../../src/inputs.ts';
import { planRelease } from '../../src/plan.ts';
import type { Run } from '../../src/world.ts';
import { deploy, distributionId, repository, type Site, startSite, v2 } from '../support/site.ts';

const readme = readFileSync('README.md', 'utf8');

describe('the table of failures', () => {
  const documented = [...between('errors').matchAll(/^\| `([a-z-]+)`/gm)].map(([, code]) => code);

  it('has exactly the codes that src/ produces', () => {
    expect(documented.toSorted()).toEqual(producedCodes());
  });

  it('has exactly the codes of the schema', () => {
    const schema = JSON.parse(readFileSync('docs/result.schema.json', 'utf8'));
    expect(schema.$defs.error.oneOf[1].properties.code.enum).toEqual(documented);
  });
});

describe('the policies', () => {
  const always = actionsOf(policy('policy'));
  const ofFeatures = policy('policy-of-features');
  const allowedFor = (sid: string) => actionsOf(ofFeatures.filter(({ Sid }) => Sid === sid));
  const [signIn, push, checkImages] = [allowedFor('SignIn'), allowedFor('Push'), allowedFor('CheckImages')];
  const packageInS3 = allowedFor('PackageInS3');
  const [cacheTags, tenants, tenantTags] = [allowedFor('CacheTags'), allowedFor('Tenants'), allowedFor('TenantTags')];
  const own = sorted([...always, ...signIn, ...checkImages, ...cacheTags, ...tenants, ...tenantTags]);

  it('are made of what every release needs and of the features that need more', () => {
    const sids = ['SignIn', 'Push', 'CheckImages', 'PackageInS3', 'CacheTags', 'Tenants', 'TenantTags'];
    expect(ofFeatures.map(({ Sid }) => Sid)).toEqual(sids);
  });

  it('allow exactly the actions that the adapters name', () => {
    const sources = globSync('src/adapters/*.ts').map((file) => readFileSync(file, 'utf8'));
    const named = sources.flatMap((source) => [...source.matchAll(/action: '([a-z0-9]+:[A-Za-z]+)'/g)]);
    expect(sorted(named.map(([, action = '']) => action))).toEqual(own);
  });

  it('allow exactly the actions that a release calls, with the check of its image', async () => {
    await using site = await startSite();
    await deploy(site);
    expect(called(site)).toEqual(sorted([...always, ...checkImages]));
  });

  it('need for a release nothing but the first one', async () => {
    await using site = await startSite({ deny: ['ecr:*', 's3:*'] });
    expect((await deploy(site)).outputs.status).toBe('succeeded');
    await using zips = await startSite({ ...zipSite, deny: ['ecr:*', 's3:*'] });
    await deploy(zips, { 'function-name': 'api', 'zip-file': 'docs' });
    expect(always).toEqual(expect.arrayContaining(called(zips)));
  });

  const clearing = ['cloudfront:CreateInvalidation', 'cloudfront:GetInvalidation'];

  it.each([
    { feature: 'paths', inputs: onDistribution, allowed: clearing },
    { feature: 'cache tags', inputs: { ...onDistribution, paths: '#a' }, allowed: [...clearing, ...cacheTags] },
    { feature: 'a tenant', inputs: onTenant, allowed: tenants },
    {
      feature: 'the cache tags of a tenant',
      inputs: { ...onTenant, paths: '#a' },
      allowed: [...tenants, ...tenantTags, ...cacheTags],
    },
    { feature: 'changed files', inputs: { ...onDistribution, 'changed-files': '** -> /**' }, allowed: clearing },
  ])('allow exactly the actions that clearing $feature calls', async ({ inputs, allowed }) => {
    await using site = await startSite({ ...taggedSite, deny: own.filter((action) => !allowed.includes(action)) });
    expect((await deploy(site, inputs)).outputs.status).toBe('succeeded');
    expect(called(site)).toEqual(sorted(allowed));
  });

  it('need nothing more to fill the cache again', async () => {
    await using site = await startSite({ ...taggedSite, deny: own.filter((action) => !clearing.includes(action)) });
    const inputs = { ...onDistribution, 'regenerate-urls': site.cdnUrl(distributionId) };
    expect((await deploy(site, inputs)).result).toMatchObject({ status: 'succeeded', regeneration: { fresh: 1 } });
    expect(called(site)).toEqual(clearing);
  });

  it('name a tenant where its calls do, and a distribution where the others do', () => {
    const resources = ofFeatures.filter(({ Action }) => Action.some((action) => action.startsWith('cloudfront:')));
    expect(resources.map(({ Sid, Resource = '' }) => [Sid, Resource.replace(/^.*:(.*)\/.*$/, '$1')])).toEqual([
      ['CacheTags', 'distribution'],
      ['Tenants', 'distribution-tenant'],
      ['TenantTags', 'distribution-tenant'],
    ]);
  });

  it('allow exactly the actions that a release with a build calls before docker is started', async () => {
    await using site = await startSite();
    const { result } = await deploy(site, { ...v2, 'build-context': '.' }, withoutDocker);
    expect(result.error.code).toBe('build-failed');
    const beforeDocker = ['lambda:GetFunction', 'cloudfront:GetInvalidation'];
    expect(called(site)).toEqual(sorted([...beforeDocker, ...signIn]));
  });

  // Not in the adapters: docker calls them when it pushes, through the registry's own protocol. The hint about a push that
  // is denied names them; BatchGetImage comes with them, for BuildKit asks for the manifest before it pushes one
  // (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html).
  it('allow what the hint about a denied push names', () => {
    const image = parseImageUri(`${repository}:v2`);
    const denied =
      'problem' in image ? undefined : dockerFailure('push', { image, exitCode: 1, lines: ['denied: no'] });
    const hinted = [...(denied?.hint ?? '').matchAll(/ecr:[A-Z][A-Za-z]+/g)].map(([action]) => action);
    expect(sorted(hinted)).toEqual(sorted([...signIn, ...push]));
  });

  // Not in the adapters: Lambda reads the package in the name of whoever calls UpdateFunctionCode.
  it.each([
    { needed: 's3:GetObject', version: '' },
    { needed: 's3:GetObjectVersion', version: 'v7' },
  ])('allow $needed, without which a package in S3 is denied', async ({ needed, version }) => {
    expect(packageInS3).toEqual(['s3:GetObject', 's3:GetObjectVersion']);
    const inputs = {
      'function-name': 'api',
      's3-bucket': 'releases',
      's3-key': 'api.zip',
      's3-object-version': version,
    };
    await using site = await startSite({
      ...zipSite,
      packages: { 'releases/api.zip': { versions: { v7: 'seven' } } },
      deny: packageInS3.filter((action) => action !== needed),
    });
    expect((await deploy(site, inputs)).outputs.status).toBe('succeeded');
    expect(always).toEqual(expect.arrayContaining(called(site)));
    site.denied.add(needed);
    expect((await deploy(site, inputs)).result.error.code).toBe('access-denied');
  });

  it('are explained action by action in docs/iam.md', () => {
    const rows = readFileSync('docs/iam.md', 'utf8').matchAll(/^\| (`(?:lambda|cloudfront|ecr|s3):[^|]+)\|/gm);
    const explained = [...rows].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one));
    expect(explained.toSorted()).toEqual(sorted([...own, ...push, ...packageInS3]));
  });
});

describe('the workflows', () => {
  const blocks = codeBlocks(readme, 'yaml');
  const steps = blocks.flatMap((block) => stepsIn(parse(block)));

  it.each(steps.map((step, index) => ({ index, step })))('have inputs that are right in step $index', ({ step }) => {
    expect(problemsOf(step)).toEqual([]);
  });

  it('show the action in most blocks, and in the first one by line 30', () => {
    expect(steps.length).toBeGreaterThanOrEqual(blocks.length - 1);
    expect(readme.split('\n').findIndex((line) => line.includes(`uses: ${self}`))).toBeLessThan(30);
  });
});

it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/iam.md', 'docs/caching.md'])(
  'has no broken link in %s',
  (file) => {
    const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !/^https:/.test(link) && !leadsSomewhere(file, link))).toEqual([]);
  },
);

const self = 'your-org/lambda-cloudfront-deploy@v1';

const zipSite = { functions: [{ name: 'api', packageType: 'Zip' as const }], distributions: [] };

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

/** There is nothing on its PATH. */
const withoutDocker = { env: { PATH: '' } };

interface Statement {
  Sid?: string;
  Action: string[];
  Resource?: string;
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

/** What the local AWS saw, but for the way to the configuration of an image, which is a presigned URL. */
function called({ calls }: Site): string[] {
  return sorted(calls.map(({ iamAction }) => iamAction).filter((action) => action !== 'ecr:DownloadLayer'));
}

function between(name: string): string {
  return readme.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';
}

function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , text = '']) => text);
}

interface Step {
  uses: string;
  with: Record<string, string | number | boolean>;
}

/** The steps that use this action, however deep in a workflow they stand. */
function stepsIn(node: unknown): Step[] {
  if (typeof node !== 'object' || node === null) {
    return [];
  }
  return 'uses' in node && node.uses === self ? [node as Step] : Object.values(node).flatMap(stepsIn);
}

/** What the expressions of the workflows come to in a run. */
const values: Record<string, string> = {
  'github.sha': '0123456789abcdef0123456789abcdef01234567',
  "github.event_name == 'pull_request'": 'true',
};

const run: Run = {
  serverUrl: 'https://github.com',
  repository: 'octo/site',
  runId: '4711',
  runAttempt: '1',
  job: 'deploy',
  step: '__self',
  sha: '0123456789abcdef0123456789abcdef01234567',
  push: undefined,
  awsRegion: 'eu-west-1',
};

/** What this action would say to the `with:` of a step. */
function problemsOf({ with: inputs }: Step): string[] {
  const problems: string[] = [];
  const names = new Set(Object.keys(inputs));
  const source = {
    text(name: string) {
      names.delete(name);
      return String(inputs[name] ?? '').replace(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
        return values[expression] ?? `no value for ${expression}`;
      });
    },
    file: () => '/a.css\n/b c.css\n',
  };
  planRelease(parseInputs(source, problems), run, problems);
  return [...problems, ...[...names].map((name) => `${name} is no input`)];
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? from : join(dirname(from), path);
  if (!existsSync(file)) {
    return false;
  }
  const headings = anchor === undefined ? [] : readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  // As GitHub makes an anchor of a heading.
  const anchors = [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return anchor === undefined || anchors.includes(anchor);
}

/** Every text in src/ that the compiler takes for an ErrorCode; one that is only compared with is none. */
function producedCodes(): string[] {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const program = ts.createProgram(['src/index.ts'], options);
  const checker = program.getTypeChecker();
  const codes = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteral(node) && checker.getContextualType(node)?.aliasSymbol?.name === 'ErrorCode') {
      codes.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  program
    .getSourceFiles()
    .filter(({ fileName }) => !fileName.includes('/node_modules/'))
    .forEach(visit);
  return [...codes].toSorted();
}
