import { describe, expect, it } from 'vitest';
import { costText } from '../../src/cloudfront/cost.ts';
import { parsePath } from '../../src/cloudfront/paths.ts';
import { planItems } from '../../src/cloudfront/planner.ts';
import { callsTo, deploy, distributionId, effects, type Site, startSite } from '../support/site.ts';

// Each is what people reported about another tool, named by its thread; the answer here is what the test asserts.

const clear = { 'distribution-id': distributionId };
const other = 'E2EXAMPLE2';

describe.concurrent('paths', () => {
  it('chetan/invalidate-cloudfront-action#4, muratiger: several paths are one path, or only the first', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: '/a /b\n/c,  /d' });
    expect(sentItems(site)).toEqual([['/a', '/b', '/c', '/d']]);
  });

  it('chetan#5: a shell turns /* into the files of the machine', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: '/*' });
    expect(sentItems(site)).toEqual([['/*']]);
  });

  it('chetan#17: a file of paths that is missing clears nothing, in green', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, 'paths-file': 'nowhere/paths.txt' });
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({ code: 'invalid-input', message: expect.stringContaining('ENOENT') });
  });

  it('awact: an example in the README is no path', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, paths: 'images/*' });
    expect(run.result.error.message).toContain('paths must start with "/", got "images/*"');
  });

  it('s3_website#29, gulp-cloudfront-invalidate#9, s3cmd#48: /foo, /foo/ and /foo/index.html differ', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: '/foo/', 'path-variants': 'true' });
    expect(sentItems(site)).toEqual([['/foo', '/foo/', '/foo/index.html']]);
  });

  it('aws/aws-sdk#525, aws-sdk-js-v3#4042: a path with ~ is never cleared', () => {
    expect(parsePath('/users/~me/a.html')).toEqual({ path: '/users/*', widened: true });
  });

  it('apancutt/deploy-aws-s3-cloudfront#7: an encoded * clears nothing', () => {
    expect(parsePath('/news/*')).toEqual({ path: '/news/*', widened: false });
  });

  it('ir-engine#10190, awsdocs#72: spaces and non-ASCII are cleared under another name than viewers use', () => {
    expect(parsePath('/my file (1) é.pdf')).toEqual({ path: '/my%20file%20(1)%20%C3%A9.pdf', widened: false });
  });

  it('foxdalas/cloudfront-invalidator: #tag becomes /#tag', () => {
    expect(parsePath('#Product')).toEqual({ path: '#product', widened: false });
  });

  it('blueo/silverstripe-purge-cloudfront: a tag is cleared where no tags are read, and nothing happens', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, paths: '#product' });
    expect(run.exitCode).toBe(1);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

describe.concurrent('quotas and prices', () => {
  it('aws-sdk-js#3983, LambdaTest: many calls, where one would do', async () => {
    await using site = await startSite();
    await deploy(site, { ...clear, paths: Array.from({ length: 500 }, (_, n) => `/${n}`).join('\n') });
    expect(callsTo(site, 'CreateInvalidation')).toHaveLength(1);
  });

  it('s3_website#26, apancutt#19, docs.rs#1871: too many invalidations in progress fail the release', async () => {
    await using site = await startSite();
    site.fault({
      action: 'CreateInvalidation',
      kind: 'error',
      code: 'TooManyInvalidationsInProgress',
      status: 400,
      message: 'Processing your request will cause you to exceed the maximum.',
      times: 4,
    });
    const run = await deploy(site);
    expect(run.outputs.status).toBe('succeeded');
    expect(effects(site, 'CreateInvalidation')).toBe(1);
  });

  it('SST: more wildcards than one call takes end in a panic', async () => {
    await using site = await startSite();
    const paths = Array.from({ length: 17 }, (_, n) => `/${n}/*`);
    const run = await deploy(site, { ...clear, paths: paths.join('\n') });
    expect(run.outputs.status).toBe('succeeded');
    expect(sentItems(site).flat().toSorted()).toEqual(paths.toSorted());
  });

  it('tpyo/amazon-s3-php-class#170, HackTricks#2401, augur#115: nobody says what it costs', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, paths: '/a /b' });
    expect(run.log).toContain(costText(2, 1));
    expect(costText(1, 1)).toBe("$0.005, or nothing within the account's 1,000 free paths a month");
    expect(costText(2500, 1)).toBe("$12.50, or $7.50 if none of the account's 1,000 free paths a month is used");
    expect(costText(20_000, 20)).toMatch(/^\$2,000\.00, or \$1,995\.00 /);
  });

  it('s3_website#161, jakejarvis/s3-sync-action#32: thousands of changed files are thousands of paths', () => {
    const files = Array.from({ length: 5000 }, (_, n) => `/assets/chunk-${n}.js`);
    expect(planItems([...files, '/index.html'], 1000).items.length).toBeLessThanOrEqual(1000);
  });
});

describe.concurrent('reliability', () => {
  it('chetan#18, aws-cdk#15891, #23678: CloudFront is out for seconds', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'service-unavailable', times: 5 });
    site.fault({ action: 'GetInvalidation', kind: 'service-unavailable', times: 4, after: 1 });
    const run = await deploy(site);
    expect(run.outputs.status).toBe('succeeded');
    expect(effects(site, 'CreateInvalidation')).toBe(1);
  });

  it('aws-cdk#3878, jonls/s3-deploy-website#26: a caller reference that is used up fails the release', async () => {
    await using site = await startSite();
    site.fault({
      action: 'CreateInvalidation',
      kind: 'error',
      code: 'InvalidArgument',
      status: 400,
      message: 'Your request contains a caller reference that was used for a previous invalidation batch.',
    });
    const run = await deploy(site);
    expect(run.outputs.status).toBe('succeeded');
  });

  it('muratiger: a denied call is green', async () => {
    await using site = await startSite({ deny: ['cloudfront:CreateInvalidation'] });
    const run = await deploy(site, clear);
    expect(run.exitCode).toBe(1);
    expect(run.result.error.hint).toContain('cloudfront:CreateInvalidation');
  });

  it('sst#959, #1516: an invalidation that takes its time fails the build', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 60_000, originMs: 2 } });
    const run = await deploy(site, { ...clear, 'wait-for-invalidation': 'best-effort', 'invalidation-timeout': '2' });
    expect(run.exitCode).toBe(0);
    expect(run.result.distributions[0]).toMatchObject({ warning: { code: 'timed-out' }, error: null });
  });

  it('QuickVoice#172: without GetInvalidation the wait ends at its time limit', async () => {
    await using site = await startSite({ deny: ['cloudfront:GetInvalidation'] });
    const run = await deploy(site, clear);
    expect(run.ms).toBeLessThan(10_000);
    expect(run.result.error.hint).toContain(
      'cloudfront:GetInvalidation on arn:aws:cloudfront::*:distribution/E2EXAMPLE1',
    );
    const patient = await deploy(site, { ...clear, 'wait-for-invalidation': 'best-effort' });
    expect(patient.outputs.status).toBe('succeeded');
    expect(patient.result.distributions[0].warning.code).toBe('access-denied');
  });

  it('aws-cdk#22309, #26565, Reggionick#94, aghadiry#8: only one distribution, or one after the other', async () => {
    await using site = await startSite({
      clocks: { invalidationMs: 1500, originMs: 2 },
      distributions: [
        { id: distributionId, functionName: 'web' },
        { id: other, functionName: 'web' },
      ],
    });
    const run = await deploy(site, { 'distribution-id': `${distributionId}\n${other}` });
    expect(run.outputs['invalidation-status']).toBe('Completed\nCompleted');
    const [first, second] = callsTo(site, 'CreateInvalidation').map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeLessThan(1400);
  });

  it('bep/s3deploy: the second distribution gets the paths of the first', async () => {
    await using site = await startSite({
      distributions: [
        { id: distributionId, functionName: 'web' },
        { id: other, functionName: 'web' },
      ],
    });
    await deploy(site, { 'distribution-id': `${distributionId} ${other}`, paths: '/a /b' });
    expect(sentItems(site)).toEqual([
      ['/a', '/b'],
      ['/a', '/b'],
    ]);
  });
});

describe.concurrent('freshness', () => {
  const page = (site: Site, path = '/') => `${site.cdnUrl(distributionId)}${path}`;

  it('divine-web#422, r-system-requirements#237: green deployments with old pages behind them', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, 'regenerate-urls': page(site), 'expect-body': 'nobody says this' });
    expect(run.exitCode).toBe(1);
    expect(run.result.error.code).toBe('stale-cache');
  });

  it('s3_website#170: the first visitor after a deployment waits for every page', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...clear, 'regenerate-urls': `${page(site)}\n${page(site, '/about')}` });
    expect(run.result.regeneration).toMatchObject({ pages: 2, fresh: 2, stale: 0 });
    const visit = await fetch(page(site, '/about'));
    expect(visit.headers.get('x-cache')).toBe('Hit from cloudfront');
  });

  it('putyourlightson/craft-blitz#316: pages are warmed before they are cleared', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 800, originMs: 2 } });
    await deploy(site, { ...clear, 'regenerate-urls': page(site) });
    const completed = site.events.find(({ type }) => type === 'invalidation-completed')?.at ?? Number.NaN;
    const visits = site.events.filter(({ type }) => type === 'visit');
    expect(visits.length).toBeGreaterThan(0);
    expect(visits.every(({ at }) => at > completed)).toBe(true);
  });
});

function sentItems(site: Site): string[][] {
  return callsTo(site, 'CreateInvalidation')
    .filter(({ effect }) => effect)
    .map(({ input }) => (input.InvalidationBatch as { Paths: { Items: string[] } }).Paths.Items);
}
