import fc from 'fast-check';
import type { Fault, Stop } from './actor.ts';
import type { Pace } from './aws.ts';
import type { Ending } from './code-deploy.ts';

/** What the workflow asks for; the same for all runs of a story. */
export interface Workflow {
  functions: number;
  kind: 'image' | 'zip';
  alias: 'none' | 'missing' | 'there' | 'split' | 'provisioned' | 'on $LATEST';
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

/** Somebody else: at some time, or at a call of a run. */
export interface Meddling {
  at: number | Moment;
  kind: MeddlingKind;
}

export interface Moment {
  /** Index of the deployer; its first run counts. */
  deployer: number;
  /** Counted from 1, among all its calls. */
  call: number;
  when: 'before' | 'after';
}

export const meddlingKinds = [
  'changes the configuration',
  'deploys',
  'deploys and publishes',
  'releases',
  'publishes',
  'moves the alias back',
  'moves the alias on',
  'splits the alias',
  'points the alias to $LATEST',
  'deletes the alias',
] as const;

export type MeddlingKind = (typeof meddlingKinds)[number];

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
  // Some take longer than anybody waits.
  invalidationMs: fc.constantFrom(0, 2000, 9000, 9000, 60_000),
  provisionedMs: fc.constantFrom(1000, 5000),
  lagMs: fc.constantFrom(0, 0, 300, 900),
  countsEveryUpdate: fc.boolean(),
});

const workflow: fc.Arbitrary<Workflow> = fc.record({
  functions: fc.integer({ min: 1, max: 2 }),
  kind: fc.constantFrom('image', 'zip'),
  alias: fc.constantFrom('there', 'none', 'missing', 'split', 'provisioned', 'on $LATEST', 'there'),
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
  at: fc.oneof(
    fc.integer({ min: 0, max: 20_000 }),
    fc.record({
      deployer: fc.integer({ min: 0, max: 2 }),
      call: fc.integer({ min: 1, max: 40 }),
      when: fc.constantFrom('before', 'after'),
    }),
  ),
  kind: fc.constantFrom(...meddlingKinds),
});

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.integer({ min: 0 }),
  pace,
  workflow,
  deployers: fc.uniqueArray(deployer, { minLength: 1, maxLength: 3, selector: ({ runId }) => runId }),
  meddling: fc.oneof(
    { weight: 1, arbitrary: fc.constant<Meddling[]>([]) },
    { weight: 1, arbitrary: fc.array(meddling, { minLength: 1, maxLength: 3 }) },
  ),
  alarmAtMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined, freq: 1 }),
  flaw: fc.constantFrom('none', 'none', 'none', 'update', 'version', 'invocation'),
  ending: fc.constantFrom('succeeds', 'succeeds', 'fails', 'stops', 'rolls back'),
});
