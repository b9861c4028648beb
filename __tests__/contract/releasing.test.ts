import { describe, expect, it } from 'vitest';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import type { ActionOptions } from '../support/run-action.ts';
import { callsTo, deploy, distributionId, quick, repository, type Site, startSite, v2 } from '../support/site.ts';
import { codesIn, tableOf } from './tables.ts';

interface Scenario {
  site?: LocalAwsOptions;
  inputs?: Record<string, string>;
  /** What goes wrong. */
  breaks?: (site: Site) => void;
  options?: (site: Site) => ActionOptions;
  /** Where visitors are at the end; by default where they were. */
  ends?: 'new' | 'split' | 'theirs';
  /** How often the cache is cleared; by default never. */
  clears?: number;
}

const web = { name: 'web', imageUri: `${repository}:v1`, versions: 2, aliases: { live: '2' } };
const onAlias = { ...v2, alias: 'live' };
const secondId = 'E2EXAMPLE2';
const bothIds = { 'distribution-id': `${distributionId} ${secondId}` };
const distributions = [distributionId, secondId].map((id) => ({ id, functionName: 'web' }));
const twoOf = { functions: [web, { ...web, name: 'api' }] };
const failsOne = (site: Site) => site.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'ends-failed' });
const refuses = (site: Site) => site.fault({ action: 'CreateInvalidation', kind: 'error', code: 'InvalidArgument' });
const refusesSecond = (site: Site) =>
  site.fault({ action: 'CreateInvalidation', resource: secondId, kind: 'error', code: 'InvalidArgument' });
const slow = { clocks: { ...quick, invalidationMs: 60_000 } };
const moveToFirst = (site: Site) =>
  site.apply('UpdateAlias', {
    FunctionName: 'web',
    Name: 'live',
    FunctionVersion: '1',
    RoutingConfig: { AdditionalVersionWeights: {} },
  });
const once = (site: Site, action: string, work: () => void) => {
  const stop = site.on(action, ({ when }) => {
    if (when === 'after') {
      stop();
      work();
    }
  });
};
const byCodeDeploy = { ...onAlias, 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' };
const group = { application: 'site', group: 'web', config: 'CodeDeployDefault.LambdaCanary10Percent5Minutes' };
const shifting = { ...onAlias, 'traffic-shift': '10% 60s', alarms: 'errors' };
const stale = { 'regenerate-urls': 'CDN', 'expect-header': 'x-commit: never' };
const failsWarmUp = (site: Site) => site.fault({ action: 'Invoke', kind: 'function-error' });

const scenarios: Record<string, Scenario> = {
  'An alarm rings before the release': {
    site: { alarms: [{ name: 'errors', state: 'ALARM' }] },
    inputs: shifting,
  },
  'The alias points to a version of a newer run': {
    site: {
      functions: [{ ...web, versions: [{}, { description: 'abc https://github.com/octo/site/actions/runs/4712' }] }],
    },
    inputs: onAlias,
  },
  'An alias on `$LATEST` cannot be fixed to a version': {
    site: { functions: [{ ...web, aliases: { live: '$LATEST' } }] },
    inputs: onAlias,
    breaks: (site) => site.fault({ action: 'PublishVersion', kind: 'denied' }),
  },
  'One of two functions cannot be updated': {
    site: twoOf,
    inputs: { ...onAlias, 'function-name': 'web api' },
    breaks: failsOne,
  },
  'One of two functions without an alias cannot be updated': {
    site: twoOf,
    inputs: { ...v2, 'function-name': 'web api' },
    breaks: failsOne,
  },
  'The warm-up ends with a function error': { inputs: { ...onAlias, 'warm-up': '1' }, breaks: failsWarmUp },
  'The warm-up fails without an alias': { inputs: { ...v2, 'warm-up': '1' }, breaks: failsWarmUp },
  'An alarm rings while traffic is shifted': {
    site: { alarms: [{ name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3' }] }] },
    inputs: shifting,
  },
  'An alarm rings after an update without an alias': {
    site: { alarms: [{ name: 'errors' }] },
    inputs: { ...v2, alarms: 'errors', 'bake-seconds': '20' },
    breaks: (site) => once(site, 'PublishVersion', () => site.setAlarm('errors', 'ALARM')),
  },
  'The second of two aliases may not be moved': {
    site: { functions: [web, { ...web, name: 'api' }] },
    inputs: { ...onAlias, 'function-name': 'web api' },
    breaks: (site) => site.fault({ action: 'UpdateAlias', resource: 'api', kind: 'denied' }),
  },
  'Somebody else moves the alias while traffic is shifted': {
    inputs: { ...onAlias, 'traffic-shift': '10% 1s, 50% 1s' },
    breaks: (site) => once(site, 'UpdateAlias', () => setTimeout(() => moveToFirst(site), 300)),
    ends: 'theirs',
  },
  'Somebody else moves the alias before the report': {
    inputs: onAlias,
    breaks: (site) => once(site, 'CreateInvalidation', () => moveToFirst(site)),
    ends: 'theirs',
    clears: 1,
  },
  'Somebody else deploys before the report, without an alias': {
    inputs: v2,
    breaks: (site) =>
      once(site, 'CreateInvalidation', () =>
        site.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: `${repository}:theirs` }),
      ),
    ends: 'theirs',
    clears: 1,
  },
  'CodeDeploy stops its deployment and takes it back': {
    site: { codeDeploy: [{ ...group, autoRollback: ['DEPLOYMENT_FAILURE'] }] },
    inputs: byCodeDeploy,
    breaks: (site) => site.fault({ action: 'CreateDeployment', kind: 'ends-failed' }),
  },
  'Somebody else moves the alias while CodeDeploy shifts': {
    site: { codeDeploy: [group], clocks: { ...quick, codeDeployMinuteMs: 1200 } },
    inputs: byCodeDeploy,
    breaks: (site) => {
      const stop = site.on('GetDeployment', () => {
        if (site.deployments()[0]?.weight === 10) {
          stop();
          const RoutingConfig = { AdditionalVersionWeights: {} };
          site.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', FunctionVersion: '1', RoutingConfig });
        }
      });
    },
    ends: 'theirs',
  },
  'CodeDeploy has not ended in time': {
    site: { codeDeploy: [group] },
    inputs: { ...byCodeDeploy, 'update-timeout': '5s' },
    breaks: (site) => {
      site.fault({ action: 'CreateDeployment', kind: 'stuck' });
      // The five minutes of its configuration are longer than a test.
      site.fault({ action: 'GetDeploymentConfig', kind: 'denied', times: 9 });
    },
    ends: 'split',
  },
  'CloudFront refuses the invalidation': { inputs: onAlias, breaks: refuses },
  'CloudFront refuses the invalidation, with `best-effort`': {
    inputs: { ...onAlias, 'wait-for-invalidation': 'best-effort' },
    breaks: refuses,
  },
  'CloudFront refuses the invalidation, without an alias': { inputs: v2, breaks: refuses },
  'One of two distributions refuses it': {
    site: { distributions },
    inputs: { ...onAlias, ...bothIds },
    breaks: refusesSecond,
    ends: 'new',
    clears: 1,
  },
  'One of two distributions refuses it, without an alias': {
    site: { distributions },
    inputs: { ...v2, ...bothIds },
    breaks: refusesSecond,
    ends: 'new',
    clears: 1,
  },
  'The invalidation is accepted, and not Completed in time': {
    site: slow,
    inputs: { ...onAlias, 'invalidation-timeout': '2s' },
    ends: 'new',
    clears: 1,
  },
  'The same without an alias': {
    site: slow,
    inputs: { ...v2, 'invalidation-timeout': '2s' },
    ends: 'new',
    clears: 1,
  },
  // Each invalidates once, once more the stale page, and once on the way back.
  'A page comes from the origin without what is expected': { inputs: { ...onAlias, ...stale }, clears: 3 },
  'The same, without an alias': { inputs: { ...v2, ...stale }, clears: 3 },
  'The same, and a version has the code of the zip before': {
    site: { functions: [{ name: 'web', packageType: 'Zip', versions: 1 }] },
    inputs: { 'function-name': 'web', 'zip-file': 'docs', 'distribution-id': distributionId, ...stale },
    clears: 3,
  },
  'The same, and no version has the code of the zip before': {
    site: { functions: [{ name: 'web', packageType: 'Zip' }] },
    inputs: { 'function-name': 'web', 'zip-file': 'docs', 'distribution-id': distributionId, ...stale },
    ends: 'new',
    clears: 3,
  },
  'The same, and the run has created the alias': {
    inputs: { ...onAlias, alias: 'fresh', ...stale },
    ends: 'new',
    clears: 3,
  },
  'The job is cancelled while traffic is shifted': {
    site: { alarms: [{ name: 'errors' }] },
    inputs: shifting,
    options: (site) => ({
      onStart: (child) => once(site, 'UpdateAlias', () => child.kill('SIGINT')),
    }),
  },
  'The job is cancelled while the caches are invalidated': {
    site: slow,
    inputs: onAlias,
    options: (site) => ({
      onStart: (child) => once(site, 'CreateInvalidation', () => setTimeout(() => child.kill('SIGINT'), 300)),
    }),
    ends: 'new',
    clears: 1,
  },
};

describe.concurrent('docs/releasing.md is right about what happens when', () => {
  const rows = tableOf('docs/releasing.md', 'failures');

  it.each(rows)('%s: changed by then: %s; put back: %s; %s, %s', async (failure, _changed, _back, status, code) => {
    const { site: options, inputs = {}, breaks, options: run, ends, clears = 0 } = scenarios[failure] ?? {};
    await using site = await startSite({ functions: [web], ...options });
    breaks?.(site);
    const { alias = '' } = inputs;
    const before = serving(site, alias);
    const url = site.cdnUrl(distributionId);
    const given = Object.entries(inputs).map(([name, value]) => [name, value === 'CDN' ? url : value]);
    const { result } = await deploy(site, Object.fromEntries(given), run?.(site));
    expect([result.status]).toEqual(codesIn(status));
    expect([result.error.code]).toEqual(codesIn(code));
    expect(howItEnded(before, serving(site, alias))).toBe(ends ?? 'as before');
    expect(callsTo(site, 'CreateInvalidation').filter(({ effect }) => effect)).toHaveLength(clears);
  });

  it('has a scenario for each row', () => {
    expect(rows.map(([failure]) => failure)).toEqual(Object.keys(scenarios));
  });
});

/** What visitors get from each function: through its alias, or of $LATEST. */
function serving(site: Site, alias: string): { what: string; isSplit: boolean }[] {
  return site.functions().map(({ aliases, serving: code }) => {
    const { version = '', weights = {} } = alias === '' ? {} : (aliases[alias] ?? {});
    const ofCode = code.imageUri?.endsWith(':theirs') ? 'theirs' : code.codeSha256;
    return { what: alias === '' ? ofCode : version, isSplit: Object.keys(weights).length > 0 };
  });
}

function howItEnded(before: ReturnType<typeof serving>, after: ReturnType<typeof serving>): string {
  if (after.some(({ isSplit }) => isSplit)) {
    return 'split';
  }
  const isTheirs = after.some(({ what }) => what === '1' || what === 'theirs');
  return after.every(({ what }, index) => what === before[index]?.what) ? 'as before' : isTheirs ? 'theirs' : 'new';
}
