import { describe, expect, it } from 'vitest';
import { bytesOfFile, readWorkflowFile } from '../../src/adapters/workflow-file.ts';
import { parseInputs } from '../../src/inputs.ts';
import { planRelease } from '../../src/plan.ts';
import { deploy, distributionId, repository, startSite } from '../support/site.ts';

const run = {
  serverUrl: 'https://github.com',
  repository: 'octo/site',
  runId: '4711',
  runAttempt: '1',
  job: 'deploy',
  step: '__self',
  sha: '0123456789abcdef0123456789abcdef01234567',
  push: undefined,
  awsRegion: 'us-east-1',
};
const base = { 'function-name': 'web', 'image-uri': `${repository}:v2` };
const aliased = { ...base, alias: 'live' };
const handed = { ...aliased, 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' };
const cacheOnly = { 'distribution-id': distributionId };

interface Wrong {
  name: string;
  inputs: Record<string, string>;
  says: string[];
}

const cases: Wrong[] = [
  ...['42', 'a.b', 'live blue', '$LATEST', 'x'.repeat(129)].map((alias) => ({
    name: `alias "${alias.slice(0, 12)}"`,
    inputs: { ...base, alias },
    says: ['alias must be the name of an alias', alias.slice(0, 100)],
  })),
  {
    name: 'alias without a version',
    inputs: { ...aliased, publish: 'false' },
    says: ['alias needs publish: true', '"live"'],
  },
  { name: 'alias without a function', inputs: { ...cacheOnly, alias: 'live' }, says: ['alias needs function-name'] },

  ...['51', '-1', '1.5', 'all'].map((count) => ({
    name: `warm-up ${count}`,
    inputs: { ...aliased, 'warm-up': count },
    says: ['warm-up must be', `"${count}"`],
  })),
  {
    name: 'warm-up without a function',
    inputs: { ...cacheOnly, 'warm-up': '2' },
    says: ['warm-up needs function-name'],
  },
  {
    name: 'warm-up-payload without warm-up',
    inputs: { ...aliased, 'warm-up-payload': '{}' },
    says: ['warm-up-payload needs warm-up'],
  },
  {
    name: 'warm-up-payload that is no JSON',
    inputs: { ...aliased, 'warm-up': '1', 'warm-up-payload': '{path: 1}' },
    says: ['warm-up-payload must be JSON'],
  },
  {
    name: 'warm-up-payload of a file that is not there',
    inputs: { ...aliased, 'warm-up': '1', 'warm-up-payload': '@missing.json' },
    says: ['warm-up-payload must be JSON, or "@" and a file', '@missing.json'],
  },

  ...['10%', '10% 0s', '0% 60s', '100% 60s', '10% 60s 50% 60s', '10 60s', '-5% 60s', '10% 5x'].map((shift) => ({
    name: `traffic-shift ${shift}`,
    inputs: { ...aliased, 'traffic-shift': shift },
    says: ['traffic-shift must be steps', shift],
  })),
  {
    name: 'traffic-shift that goes down',
    inputs: { ...aliased, 'traffic-shift': '50% 60s, 10% 60s' },
    says: ['traffic-shift must have steps that grow', '50% 60s, 10% 60s'],
  },
  {
    name: 'traffic-shift that stays',
    inputs: { ...aliased, 'traffic-shift': '10% 60s\n10% 60s' },
    says: ['traffic-shift must have steps that grow'],
  },
  {
    name: 'traffic-shift without an alias',
    inputs: { ...base, 'traffic-shift': '10% 60s' },
    says: ['traffic-shift needs alias'],
  },

  {
    name: 'alarms without a use',
    inputs: { ...aliased, alarms: 'errors' },
    says: ['alarms needs traffic-shift or bake-seconds'],
  },
  {
    name: 'an alarm with too long a name',
    inputs: { ...aliased, 'traffic-shift': '10% 60s', alarms: 'x'.repeat(256) },
    says: ['alarms must be names of CloudWatch alarms'],
  },
  {
    name: 'bake-seconds without alarms',
    inputs: { ...aliased, 'bake-seconds': '60' },
    says: ['bake-seconds needs alarms'],
  },
  {
    name: 'start-in-alarm without alarms',
    inputs: { ...aliased, 'start-in-alarm': 'true' },
    says: ['start-in-alarm needs alarms'],
  },
  {
    name: 'bake-seconds of a day',
    inputs: { ...aliased, alarms: 'errors', 'bake-seconds': '86400' },
    says: ['bake-seconds must be', '"86400"'],
  },
  { name: 'rollback: maybe', inputs: { ...aliased, rollback: 'maybe' }, says: ['rollback must be', '"maybe"'] },

  {
    name: 'codedeploy with two functions',
    inputs: { ...handed, 'function-name': 'web api' },
    says: ['codedeploy-application goes with one function'],
  },
  ...[
    { 'traffic-shift': '10% 60s' },
    { 'traffic-shift': '10% 60s', alarms: 'errors' },
    { alarms: 'errors', 'bake-seconds': '60' },
  ].map((more) => ({
    name: `codedeploy with ${Object.keys(more).join(' and ')}`,
    inputs: { ...handed, ...more },
    says: Object.keys(more).map((name) => `${name} must not go with codedeploy-application`),
  })),
  {
    name: 'codedeploy without an alias',
    inputs: { ...base, 'codedeploy-application': 'site', 'codedeploy-deployment-group': 'web' },
    says: ['codedeploy-application needs alias'],
  },
  {
    name: 'an application without a group',
    inputs: { ...aliased, 'codedeploy-application': 'site' },
    says: ['codedeploy-application needs codedeploy-deployment-group'],
  },
  {
    name: 'a group without an application',
    inputs: { ...aliased, 'codedeploy-deployment-group': 'web' },
    says: ['codedeploy-deployment-group needs codedeploy-application'],
  },
  {
    name: 'an application that is a path',
    inputs: { ...handed, 'codedeploy-application': 'a/b' },
    says: ['codedeploy-application must be the name of an application', 'a/b'],
  },

  {
    name: 'keep-versions without a version',
    inputs: { ...base, publish: 'false', 'keep-versions': '3' },
    says: ['keep-versions needs publish: true', '"3"'],
  },
  { name: 'keep-versions -1', inputs: { ...aliased, 'keep-versions': '-1' }, says: ['keep-versions must be', '"-1"'] },
  {
    name: 'keep-versions without a function',
    inputs: { ...cacheOnly, 'keep-versions': '3' },
    says: ['keep-versions needs function-name'],
  },
];

/** What is wrong with inputs, found out as the action does it. */
function problemsOf(inputs: Record<string, string>): string[] {
  const problems: string[] = [];
  const source = {
    text: (name: string) => inputs[name] ?? '',
    file: readWorkflowFile,
    variable: () => undefined,
    fileBytes: bytesOfFile,
  };
  planRelease(parseInputs(source, problems), run, problems);
  return problems;
}

describe('a release that is asked for wrongly', () => {
  it.each(cases)('is told: $name', ({ inputs, says }) => {
    const problems = problemsOf(inputs).join('\n');
    for (const text of says) {
      expect(problems).toContain(text);
    }
  });

  it('calls nobody, and tells everything that is wrong at once', async () => {
    await using site = await startSite();
    const { exitCode, result } = await deploy(site, { ...aliased, alias: '42', 'warm-up': '51', 'keep-versions': 'x' });
    expect(exitCode).toBe(1);
    expect(result.error).toMatchObject({ code: 'invalid-input', message: expect.stringContaining('3 problems') });
    expect(site.calls).toEqual([]);
  });
});

describe('a release that is asked for rightly', () => {
  it.each([
    { name: 'the shortest', inputs: { ...aliased, alias: 'a' } },
    {
      name: 'all steps',
      inputs: { ...aliased, 'traffic-shift': '0.5% 90, 10% 60s\n50%  2m, 99.99% 1h', alarms: 'a b\nc' },
    },
    { name: 'the most', inputs: { ...aliased, 'warm-up': '50', 'warm-up-payload': 'null', 'keep-versions': '10000' } },
    { name: 'a bake without an alias', inputs: { ...base, alarms: 'errors', 'bake-seconds': '60' } },
    {
      name: 'CodeDeploy with the rest',
      inputs: { ...handed, 'warm-up': '3', 'keep-versions': '5', rollback: 'false' },
    },
  ])('has no problems: $name', ({ inputs }) => {
    expect(problemsOf(inputs)).toEqual([]);
  });
});
