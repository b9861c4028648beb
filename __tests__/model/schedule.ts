import fc from 'fast-check';
import type { Fault, Stop } from './actor.ts';
import type { Pace } from './aws.ts';
import type { Ending } from './code-deploy.ts';

/** What the workflow asks for; the same for all runs of a story. */
export interface Workflow {
  functions: number;
  kind: 'image' | 'zip';
  alias: 'none' | 'missing' | 'there' | 'split' | 'provisioned';
  steps: number;
  hasAlarm: boolean;
  bakeMs: number;
  rollback: boolean;
  codeDeploy: boolean;
  keepVersions: number;
  warmUp: number;
  distributions: number;
}

export interface Deployer {
  runId: number;
  /** 1 is what is there before. */
  code: number;
  startMs: number;
  faults: Fault[];
  stop: Stop | undefined;
  /** Of the run that follows one that was stopped; a newer run, or the next attempt of the same. */
  rerun: 'attempt' | 'newer';
}

/** Somebody else, at some time. */
export interface Meddling {
  atMs: number;
  kind: 'moves the alias back' | 'splits the alias' | 'changes the configuration' | 'deploys';
}

export interface Schedule {
  seed: number;
  pace: Pace;
  workflow: Workflow;
  deployers: Deployer[];
  meddling: Meddling[];
  /** When the alarm goes off. */
  alarmAtMs: number | undefined;
  /** What fails with code 3. */
  flaw: 'none' | 'update' | 'version' | 'invocation';
  ending: Ending;
}

const actions = [
  'lambda:GetFunction',
  'lambda:UpdateFunctionCode',
  'lambda:PublishVersion',
  'lambda:ListVersionsByFunction',
  'lambda:InvokeFunction',
  'lambda:GetAlias',
  'lambda:CreateAlias',
  'lambda:UpdateAlias',
  'lambda:GetProvisionedConcurrencyConfig',
  'lambda:ListAliases',
  'lambda:DeleteFunction',
  'cloudwatch:DescribeAlarms',
  'codedeploy:ListDeployments',
  'codedeploy:CreateDeployment',
  'codedeploy:GetDeployment',
  'codedeploy:GetDeploymentConfig',
  'codedeploy:GetDeploymentGroup',
  'cloudfront:CreateInvalidation',
  'cloudfront:GetInvalidation',
];

export const faultKinds = [
  'throttled',
  'lost-before',
  'lost-after',
  'error-after',
  'hang',
  'hang-after',
  'denied',
] as const;

const pace: fc.Arbitrary<Pace> = fc.record({
  apiMs: fc.constantFrom(20, 200, 1500),
  updateMs: fc.constantFrom(0, 500, 3000),
  versionMs: fc.constantFrom(0, 500, 3000),
  invalidationMs: fc.constantFrom(0, 2000, 9000),
  provisionedMs: fc.constantFrom(1000, 5000),
  lagMs: fc.constantFrom(0, 0, 300, 900),
});

const workflow: fc.Arbitrary<Workflow> = fc.record({
  functions: fc.integer({ min: 1, max: 2 }),
  kind: fc.constantFrom('image', 'zip'),
  alias: fc.constantFrom('there', 'none', 'missing', 'split', 'provisioned', 'there'),
  steps: fc.integer({ min: 0, max: 2 }),
  hasAlarm: fc.boolean(),
  bakeMs: fc.constantFrom(0, 4000),
  rollback: fc.boolean(),
  codeDeploy: fc.boolean(),
  keepVersions: fc.constantFrom(0, 1, 2),
  warmUp: fc.integer({ min: 0, max: 2 }),
  distributions: fc.integer({ min: 0, max: 2 }),
});

const fault: fc.Arbitrary<Fault> = fc.record({
  action: fc.constantFrom(...actions),
  nth: fc.integer({ min: 1, max: 4 }),
  kind: fc.constantFrom(...faultKinds),
});

const stop: fc.Arbitrary<Stop> = fc.record({
  call: fc.integer({ min: 1, max: 40 }),
  when: fc.constantFrom('before', 'after'),
  kind: fc.constantFrom('kill', 'cancel'),
});

const deployer: fc.Arbitrary<Deployer> = fc.record({
  runId: fc.integer({ min: 8, max: 14 }),
  code: fc.integer({ min: 1, max: 4 }),
  startMs: fc.integer({ min: 0, max: 12_000 }),
  faults: fc.array(fault, { maxLength: 3 }),
  stop: fc.option(stop, { nil: undefined, freq: 2 }),
  rerun: fc.constantFrom('attempt', 'newer'),
});

const meddling: fc.Arbitrary<Meddling> = fc.record({
  atMs: fc.integer({ min: 0, max: 20_000 }),
  kind: fc.constantFrom('moves the alias back', 'splits the alias', 'changes the configuration', 'deploys'),
});

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.integer({ min: 0 }),
  pace,
  workflow,
  deployers: fc.uniqueArray(deployer, { minLength: 1, maxLength: 3, selector: ({ runId }) => runId }),
  meddling: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Meddling[]>([]) },
    { weight: 1, arbitrary: fc.array(meddling, { maxLength: 2 }) },
  ),
  alarmAtMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined, freq: 1 }),
  flaw: fc.constantFrom('none', 'none', 'none', 'update', 'version', 'invocation'),
  ending: fc.constantFrom('succeeds', 'succeeds', 'fails', 'stops'),
});
