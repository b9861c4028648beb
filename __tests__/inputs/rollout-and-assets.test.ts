import { describe, expect, it } from 'vitest';
import { bytesOfFile, readWorkflowFile } from '../../src/adapters/workflow-file.ts';
import { parseInputs } from '../../src/inputs.ts';
import { planRelease } from '../../src/plan.ts';
import type { Run } from '../../src/world.ts';

const deployable = { 'function-name': 'web', 'image-uri': '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v2' };
const clearable = { 'distribution-id': 'E2EXAMPLE1' };
const handedOver = {
  ...deployable,
  alias: 'live',
  'codedeploy-application': 'site',
  'codedeploy-deployment-group': 'web',
};
const assets = { 'assets-dir': 'dist', 'assets-bucket': 'site' };

interface BadInput {
  name: string;
  inputs: Record<string, string>;
  /** What the report has to name: the input as action.yml spells it, and the value. */
  says: string[];
}

// That a problem ends the run before any call is what bad-input.test.ts shows, with the bundle.
const cases: BadInput[] = [
  {
    name: 'an alias without a function',
    inputs: { ...clearable, alias: 'live' },
    says: ['alias needs function-name', '"live"'],
  },
  {
    name: 'an alias of a version that is not published',
    inputs: { ...deployable, alias: 'live', publish: 'false' },
    says: ['alias needs publish: true', '"live"'],
  },
  {
    name: 'an alias of digits alone, which would be a version',
    inputs: { ...deployable, alias: '42' },
    says: ['alias must be the name of an alias', '"42"'],
  },
  {
    name: 'warm-up: 51',
    inputs: { ...deployable, 'warm-up': '51' },
    says: ['warm-up must be a whole number from 0 to 50', '"51"'],
  },
  {
    name: 'a warm-up without a function',
    inputs: { ...clearable, 'warm-up': '1' },
    says: ['warm-up needs function-name', '"1"'],
  },
  {
    name: 'a payload without a warm-up',
    inputs: { ...deployable, 'warm-up-payload': '{}' },
    says: ['warm-up-payload needs warm-up, which is missing.'],
  },
  {
    name: 'a payload that is no JSON',
    inputs: { ...deployable, 'warm-up': '1', 'warm-up-payload': '{path: /}' },
    says: ['warm-up-payload must be JSON, or "@" and a file that holds JSON.'],
  },
  {
    name: 'a payload in a file that is not there',
    inputs: { ...deployable, 'warm-up': '1', 'warm-up-payload': '@/no/such/file' },
    says: ['warm-up-payload must be JSON, or "@" and a file', '(ENOENT)', '"@/no/such/file"'],
  },
  {
    name: 'a payload in a file that holds no JSON',
    inputs: { ...deployable, 'warm-up': '1', 'warm-up-payload': '@LICENSE' },
    says: ['warm-up-payload must be JSON, or "@" and a file that holds JSON'],
  },
  {
    name: 'traffic-shift without an alias',
    inputs: { ...deployable, 'traffic-shift': '10% 60s' },
    says: ['traffic-shift needs alias', '"10% 60s"'],
  },
  ...['10%', '60s', '0% 60s', '100% 60s', '10% 0s', '10% 60s; 50% 60s', 'all at once'].map((step) => ({
    name: `traffic-shift: ${step}`,
    inputs: { ...deployable, alias: 'live', 'traffic-shift': step },
    says: ['traffic-shift must be steps such as 10% 60s', `"${step}"`],
  })),
  {
    name: 'traffic-shift that goes down',
    inputs: { ...deployable, alias: 'live', 'traffic-shift': '50% 60s, 10% 60s' },
    says: ['traffic-shift must have steps that grow', '"50% 60s, 10% 60s"'],
  },
  {
    name: 'alarms that nobody watches',
    inputs: { ...deployable, alias: 'live', alarms: 'errors' },
    says: ['alarms needs traffic-shift or bake-seconds', '"errors"'],
  },
  {
    name: 'an alarm of 256 characters',
    inputs: { ...deployable, 'bake-seconds': '1', alarms: 'x'.repeat(256) },
    says: ['alarms must be names of CloudWatch alarms', 'xxx'],
  },
  {
    name: 'bake-seconds without alarms',
    inputs: { ...deployable, 'bake-seconds': '60' },
    says: ['bake-seconds needs alarms', '"60"'],
  },
  {
    name: 'bake-seconds without a function',
    inputs: { ...clearable, 'bake-seconds': '60', alarms: 'errors' },
    says: ['bake-seconds needs function-name', '"60"'],
  },
  {
    name: 'rollback: maybe',
    inputs: { ...deployable, rollback: 'maybe' },
    says: ['rollback must be true or false', '"maybe"'],
  },
  {
    name: 'a CodeDeploy application without a group and without an alias',
    inputs: { ...deployable, 'codedeploy-application': 'site' },
    says: ['codedeploy-application needs alias', 'codedeploy-application needs codedeploy-deployment-group', '"site"'],
  },
  {
    name: 'a CodeDeploy group without an application',
    inputs: { ...deployable, alias: 'live', 'codedeploy-deployment-group': 'web' },
    says: ['codedeploy-deployment-group needs codedeploy-application', '"web"'],
  },
  {
    name: 'a CodeDeploy application that is a path',
    inputs: { ...handedOver, 'codedeploy-application': 'site/web' },
    says: ['codedeploy-application must be the name of an application', '"site/web"'],
  },
  ...Object.entries({ 'traffic-shift': '10% 60s', alarms: 'errors', 'bake-seconds': '60' }).map(([name, value]) => ({
    name: `${name} beside CodeDeploy`,
    inputs: { ...handedOver, [name]: value },
    says: [`${name} must not go with codedeploy-application`, `"${value}"`],
  })),
  {
    name: 'two functions for a CodeDeploy group',
    inputs: { ...handedOver, 'function-name': 'web api' },
    says: ['codedeploy-application goes with one function', 'got 2'],
  },
  {
    name: 'keep-versions without a function',
    inputs: { ...clearable, 'keep-versions': '5' },
    says: ['keep-versions needs function-name', '"5"'],
  },
  {
    name: 'keep-versions of what is not published',
    inputs: { ...deployable, publish: 'false', 'keep-versions': '5' },
    says: ['keep-versions needs publish: true', '"5"'],
  },
  {
    name: 'keep-versions: all',
    inputs: { ...deployable, 'keep-versions': 'all' },
    says: ['keep-versions must be a whole number', '"all"'],
  },

  {
    name: 'assets without a bucket',
    inputs: { 'assets-dir': 'dist' },
    says: ['assets-dir needs assets-bucket', '"dist"'],
  },
  {
    name: 'a bucket without assets',
    inputs: { ...clearable, 'assets-bucket': 'site' },
    says: ['assets-bucket needs assets-dir', '"site"'],
  },
  ...Object.entries({
    'assets-prefix': 'static',
    'assets-exclude': '*.map',
    'assets-headers': '*.js: Cache-Control: no-store',
    'assets-delete': 'true',
  }).map(([name, value]) => ({
    name: `${name} without assets`,
    inputs: { ...clearable, [name]: value },
    says: [`${name} needs assets-dir`, `"${value}"`],
  })),
  {
    name: '@assets without assets',
    inputs: { ...clearable, paths: '/a @assets' },
    says: ['paths needs assets-dir for "@assets"'],
  },
  {
    name: 'an assets-bucket with s3://',
    inputs: { ...assets, 'assets-bucket': 's3://site' },
    says: ['assets-bucket must be the name of a bucket', '"s3://site"'],
  },
  {
    name: 'an assets-prefix that leads up',
    inputs: { ...assets, 'assets-prefix': 'a/../b' },
    says: ['assets-prefix has a folder that is called ".."', '"a/../b"'],
  },
  {
    name: 'an assets-prefix with an empty folder',
    inputs: { ...assets, 'assets-prefix': 'a//b' },
    says: ['assets-prefix has a folder that is called ""', '"a//b"'],
  },
  {
    name: 'assets-headers without a header',
    inputs: { ...assets, 'assets-headers': '*.html: no-cache' },
    says: ['assets-headers must be "glob: Header: value"', '"*.html: no-cache"'],
  },
  {
    name: 'assets-headers beyond ASCII',
    inputs: { ...assets, 'assets-headers': '*.html: Cache-Control: nö' },
    says: ['assets-headers must have a value of plain ASCII', '"*.html: Cache-Control: nö"'],
  },
  {
    name: 'assets-headers with a type that is none',
    inputs: { ...assets, 'assets-headers': 'about: Content-Type: html' },
    says: ['assets-headers must have a Content-Type such as text/html', '"about: Content-Type: html"'],
  },
  {
    name: 'an exception in assets-exclude',
    inputs: { ...assets, 'assets-exclude': '*.map\n!app.js.map' },
    says: ['assets-exclude must have one glob on each line, without a "!" in front', '"!app.js.map"'],
  },
  {
    name: 'an assets-prefix that is no folder',
    inputs: { ...assets, 'assets-prefix': '//' },
    says: ['assets-prefix has a folder that is called ""', '"//"'],
  },
  {
    name: 'assets-delete without a prefix',
    inputs: { ...assets, 'assets-delete': 'true' },
    says: ['assets-delete needs assets-prefix, which is missing', '"/" is the whole bucket'],
  },
  {
    name: 'assets-delete without waiting for the invalidation',
    inputs: {
      ...assets,
      ...clearable,
      'assets-prefix': 'a',
      'assets-delete': 'true',
      'wait-for-invalidation': 'false',
    },
    says: ['assets-delete must not go with wait-for-invalidation: false'],
  },
  {
    name: 'zip-exclude without a function',
    inputs: { ...clearable, 'zip-exclude': 'test/' },
    says: ['zip-exclude needs function-name', '"test/"'],
  },
  {
    name: 'assets-delete: yes',
    inputs: { ...assets, 'assets-delete': 'yes' },
    says: ['assets-delete must be true or false', '"yes"'],
  },
];

describe('bad input for a rollout or for assets', () => {
  it.each(cases)('$name', ({ inputs, says }) => {
    const message = problemsOf(inputs).join('\n');
    for (const words of says) {
      expect(message).toContain(words);
    }
  });

  it('is not found in what is right', () => {
    const rollout = { alias: 'live', 'warm-up': '50', 'warm-up-payload': '{"a":1}', 'keep-versions': '5' };
    const shift = { 'traffic-shift': '0.5% 30\n10% 2m, 50%  1h', alarms: 'a, b\nc', 'bake-seconds': '21600' };
    const files = {
      ...assets,
      'assets-prefix': '/a/b/',
      'assets-exclude': '*.map\ndrafts/',
      'assets-headers': '*.js: Cache-Control: no-store\n*.br: content-encoding: br',
      'assets-delete': 'true',
    };
    expect(problemsOf({ ...deployable, ...clearable, ...rollout, ...shift, ...files, paths: '@assets' })).toEqual([]);
    expect(problemsOf({ ...handedOver, 'warm-up': '1', 'warm-up-payload': '@package.json' })).toEqual([]);
    expect(problemsOf({ ...deployable, alarms: 'a', 'bake-seconds': '1' })).toEqual([]);
    expect(problemsOf(assets)).toEqual([]);
    const deleting = { ...assets, 'assets-prefix': '/', 'assets-delete': 'true', 'wait-for-invalidation': 'false' };
    expect(problemsOf(deleting)).toEqual([]);
  });
});

const run: Run = {
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
