import { randomBytes } from 'node:crypto';
import { ApiError } from '../api.ts';
import type { Clock, Duration } from '../clock.ts';
import type { Alarm, AlarmStore } from '../cloudwatch/alarms.ts';
import type { Outcome } from '../faults.ts';
import { updateAlias } from '../lambda/aliases.ts';
import type { Home } from '../lambda/identifiers.ts';
import { findVersion, type LambdaStore } from '../lambda/store.ts';
import type { Timeline } from '../timeline.ts';
import { type Revision, readShift, type Shift, writeRevision } from './app-spec.ts';
import type { Step } from './configs.ts';

/*
 * The life of a deployment, as AWS documents it.
 *
 *   Created ──▶ Queued ──▶ InProgress ──▶ Succeeded
 *                              ├────────▶ Failed       the AppSpec does not fit, a hook fails, or somebody else moves the alias
 *                              └────────▶ Stopped      by StopDeployment or by an alarm
 *
 * What was shifted stays shifted, and the next deployment refuses such an alias, unless a rollback is wanted: that is a
 * deployment of its own, which gives all traffic back at once. Only what was shifted is rolled back here.
 */

export type Status = 'Created' | 'Queued' | 'InProgress' | 'Succeeded' | 'Failed' | 'Stopped';
export type RollbackEvent = 'DEPLOYMENT_FAILURE' | 'DEPLOYMENT_STOP_ON_ALARM' | 'DEPLOYMENT_STOP_ON_REQUEST';

/** An application with one deployment group, for the Lambda platform. */
export interface CodeDeployOptions {
  application: string;
  group: string;
  /** Default: CodeDeployDefault.LambdaAllAtOnce. */
  config?: string | undefined;
  /** Default: Lambda. Of the others only the name is known. */
  computePlatform?: 'Lambda' | 'Server' | 'ECS' | undefined;
  /** CloudWatch alarms that stop a deployment; one that does not exist does so, too. */
  alarms?: string[] | undefined;
  ignorePollAlarmFailure?: boolean | undefined;
  /** When a deployment is rolled back; default: never. */
  autoRollback?: RollbackEvent[] | undefined;
}

type Filled<T> = { [K in keyof T]-?: Exclude<T[K], undefined> };

export interface DeploymentGroup extends Filled<CodeDeployOptions> {
  id: string;
  createdAt: Date;
}

export const LIFECYCLE = ['BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic'] as const;
type LifecycleName = (typeof LIFECYCLE)[number];

export interface LifecycleEvent {
  status: 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped';
  startedAt?: Date;
  endedAt?: Date;
  message?: string;
}

export interface Deployment {
  id: string;
  group: DeploymentGroup;
  config: string;
  steps: Step[];
  revision: Revision;
  shift: Shift | undefined;
  description: string;
  creator: 'user' | 'codeDeployRollback';
  autoRollback: RollbackEvent[];
  outcome: Outcome | undefined;
  status: Status;
  createdAt: Date;
  startedAt: Date | undefined;
  completedAt: Date | undefined;
  error: { code: string; message: string } | undefined;
  rollback:
    | { rollbackDeploymentId?: string; rollbackTriggeringDeploymentId?: string; rollbackMessage: string }
    | undefined;
  lifecycle: Record<LifecycleName, LifecycleEvent>;
  /** Percent of the traffic that the target version has. */
  weight: number;
  /** Of the alias as this deployment last left it; undefined before its first shift. */
  aliasRevision: string | undefined;
}

export interface CodeDeployStore {
  home: Home;
  clock: Clock;
  timeline: Timeline;
  lambda: LambdaStore;
  cloudWatch: AlarmStore;
  groups: DeploymentGroup[];
  /** Oldest first. */
  deployments: Deployment[];
  /** Until a deployment is InProgress, and each hook. */
  deploymentMs: Duration;
  /** One of the minutes of a deployment configuration. */
  codeDeployMinuteMs: Duration;
}

export function newGroup(options: CodeDeployOptions): DeploymentGroup {
  const { application, group, config = 'CodeDeployDefault.LambdaAllAtOnce', computePlatform = 'Lambda' } = options;
  const { alarms = [], ignorePollAlarmFailure = false, autoRollback = [] } = options;
  const id = crypto.randomUUID();
  const setUp = { application, group, config, computePlatform, alarms, ignorePollAlarmFailure, autoRollback };
  return { ...setUp, id, createdAt: new Date() };
}

type Order = Pick<Deployment, 'group' | 'config' | 'steps' | 'revision' | 'shift' | 'autoRollback'> &
  Partial<Pick<Deployment, 'description' | 'creator' | 'rollback' | 'outcome'>>;

export function startDeployment(store: CodeDeployStore, order: Order): Deployment {
  const deployment: Deployment = {
    description: '',
    creator: 'user',
    rollback: undefined,
    outcome: undefined,
    ...order,
    id: `d-${randomBytes(5).toString('hex').slice(0, 9).toUpperCase()}`,
    status: 'Created',
    createdAt: new Date(),
    startedAt: undefined,
    completedAt: undefined,
    error: undefined,
    lifecycle: {
      BeforeAllowTraffic: { status: 'Pending' },
      AllowTraffic: { status: 'Pending' },
      AfterAllowTraffic: { status: 'Pending' },
    },
    weight: 0,
    aliasRevision: undefined,
  };
  store.deployments.push(deployment);
  store.timeline.add('deployment-created', deployment.id, { group: order.group.group, creator: deployment.creator });
  const halfMs = store.clock.draw(store.deploymentMs) / 2;
  later(store, deployment, halfMs, () => {
    deployment.status = 'Queued';
    later(store, deployment, halfMs, () => begin(store, deployment));
  });
  return deployment;
}

export function isActive(deployment: Deployment): boolean {
  return ['Created', 'Queued', 'InProgress'].includes(deployment.status);
}

/** Leaves the traffic as it is, unless a rollback is wanted by the caller or by the group. */
export function stopDeployment(store: CodeDeployStore, deployment: Deployment, rollBack: boolean | undefined): void {
  const message = 'The deployment was stopped because StopDeployment was called.';
  if (rollBack !== undefined) {
    const others = deployment.autoRollback.filter((event) => event !== 'DEPLOYMENT_STOP_ON_REQUEST');
    deployment.autoRollback = rollBack ? [...others, 'DEPLOYMENT_STOP_ON_REQUEST'] : others;
  }
  end(store, deployment, 'Stopped', { code: 'MANUAL_STOP', message }, 'DEPLOYMENT_STOP_ON_REQUEST');
}

/** For every alarm that changes its state. */
export function watchAlarm(store: CodeDeployStore, alarm: Alarm): void {
  if (alarm.state !== 'ALARM') return;
  for (const deployment of store.deployments) {
    const isWatched = deployment.status === 'InProgress' && deployment.creator === 'user';
    if (isWatched && deployment.group.alarms.includes(alarm.name)) stopByAlarm(store, deployment, alarm.name);
  }
}

function begin(store: CodeDeployStore, deployment: Deployment): void {
  deployment.status = 'InProgress';
  deployment.startedAt = new Date();
  store.timeline.add('deployment-changed', deployment.id, { status: deployment.status });
  const { shift } = deployment;
  const problem = deployment.creator === 'user' ? findProblem(store.lambda, shift) : undefined;
  if (problem !== undefined || shift === undefined) {
    failForConfiguration(store, deployment, problem);
    return;
  }
  const alarm = deployment.creator === 'user' ? findActiveAlarm(store, deployment.group) : undefined;
  if (alarm !== undefined) {
    stopByAlarm(store, deployment, alarm);
    return;
  }
  runHook(store, deployment, shift, 'BeforeAllowTraffic', () => {
    deployment.lifecycle.AllowTraffic = { status: 'InProgress', startedAt: new Date() };
    allowTraffic(store, deployment, shift, 0);
  });
}

/** Why the AppSpec does not fit the alias, in AWS's words where they are known. */
function findProblem(lambda: LambdaStore, shift: Shift | undefined): string | undefined {
  if (shift === undefined) return '';
  const fn = lambda.functions.get(shift.functionName);
  if (fn === undefined) return `The Lambda function ${shift.functionName} cannot be found.`;
  const alias = fn.aliases.get(shift.alias);
  if (alias === undefined) return `The Lambda function alias ${shift.alias} cannot be found.`;
  // A target that is the current version is refused without a word: terraform-aws-modules/terraform-aws-lambda#82.
  if (shift.targetVersion === shift.currentVersion) return '';
  const isSplit = Object.keys(alias.weights).length > 0;
  if (alias.version !== shift.currentVersion || isSplit) {
    return 'The Lambda function alias version does not match the current version in AppSpec file.';
  }
  if (findVersion(fn, shift.targetVersion)?.state === 'Active') return undefined;
  return `The target version ${shift.targetVersion} cannot be found or is not Active.`;
}

function failForConfiguration(store: CodeDeployStore, deployment: Deployment, problem = ''): void {
  const message =
    'The deployment failed because the AppSpec file that specifies the AWS Lambda deployment configuration is missing or has an invalid configuration.';
  fail(store, deployment, 'INVALID_LAMBDA_CONFIGURATION', `${message} ${problem}`.trim());
}

/** One that cannot be read counts as active. */
function findActiveAlarm({ cloudWatch }: CodeDeployStore, group: DeploymentGroup): string | undefined {
  const missing = group.ignorePollAlarmFailure ? 'OK' : 'ALARM';
  return group.alarms.find((name) => (cloudWatch.alarms.get(name)?.state ?? missing) === 'ALARM');
}

function runHook(
  store: CodeDeployStore,
  deployment: Deployment,
  shift: Shift,
  event: 'BeforeAllowTraffic' | 'AfterAllowTraffic',
  next: () => void,
): void {
  const hook = shift.hooks[event];
  if (hook === undefined) {
    deployment.lifecycle[event] = { status: 'Skipped' };
    next();
    return;
  }
  const startedAt = new Date();
  deployment.lifecycle[event] = { status: 'InProgress', startedAt };
  later(store, deployment, store.deploymentMs, () => {
    const exists = store.lambda.functions.has(hook);
    deployment.lifecycle[event] = { status: exists ? 'Succeeded' : 'Failed', startedAt, endedAt: new Date() };
    if (exists) next();
    else fail(store, deployment, 'HOOK_EXECUTION_FAILURE', `The hook ${hook} of ${event} cannot be invoked.`);
  });
}

function allowTraffic(store: CodeDeployStore, deployment: Deployment, shift: Shift, index: number): void {
  const { steps, outcome } = deployment;
  const step = steps[index] ?? { percent: 100, minutes: 0 };
  if (!setTraffic(store, deployment, shift, step.percent)) return;
  if (outcome?.kind === 'stuck') return;
  if (outcome?.kind === 'ends-failed') {
    fail(store, deployment, outcome.reasonCode ?? 'INTERNAL_ERROR', outcome.reason ?? 'An internal error occurred.');
    return;
  }
  if (step.percent < 100) {
    const minutes = Array.from({ length: step.minutes }, () => store.clock.draw(store.codeDeployMinuteMs));
    const ms = outcome?.kind === 'takes' ? outcome.ms / (steps.length - 1) : minutes.reduce((sum, ms) => sum + ms, 0);
    later(store, deployment, ms, () => allowTraffic(store, deployment, shift, index + 1));
    return;
  }
  endEvent(deployment, 'Succeeded');
  runHook(store, deployment, shift, 'AfterAllowTraffic', () => end(store, deployment, 'Succeeded'));
}

/** Calls Lambda as everybody does; false when that, or the alias, says no and the deployment has failed. */
function setTraffic(store: CodeDeployStore, deployment: Deployment, shift: Shift, percent: number): boolean {
  const { functionName, alias, targetVersion } = shift;
  const revision = store.lambda.functions.get(functionName)?.aliases.get(alias)?.revisionId;
  if (deployment.aliasRevision !== undefined && deployment.aliasRevision !== revision) {
    failForConfiguration(store, deployment, `The Lambda function alias ${alias} was changed during the deployment.`);
    return false;
  }
  const AdditionalVersionWeights = percent === 100 ? {} : { [targetVersion]: percent / 100 };
  const FunctionVersion = percent === 100 ? { FunctionVersion: targetVersion } : {};
  const input = {
    FunctionName: functionName,
    Name: alias,
    ...FunctionVersion,
    RoutingConfig: { AdditionalVersionWeights },
  };
  try {
    updateAlias(store.lambda, input);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failForConfiguration(store, deployment, error.message);
    return false;
  }
  deployment.aliasRevision = store.lambda.functions.get(functionName)?.aliases.get(alias)?.revisionId;
  deployment.weight = percent;
  store.timeline.add('deployment-changed', deployment.id, { status: deployment.status, percent });
  return true;
}

function stopByAlarm(store: CodeDeployStore, deployment: Deployment, alarm: string): void {
  const message = `One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <${alarm}>`;
  end(store, deployment, 'Stopped', { code: 'ALARM_ACTIVE', message }, 'DEPLOYMENT_STOP_ON_ALARM');
}

function fail(store: CodeDeployStore, deployment: Deployment, code: string, message: string): void {
  end(store, deployment, 'Failed', { code, message }, 'DEPLOYMENT_FAILURE');
}

function end(
  store: CodeDeployStore,
  deployment: Deployment,
  status: Status,
  error?: { code: string; message: string },
  event?: RollbackEvent,
): void {
  deployment.status = status;
  deployment.error = error;
  deployment.completedAt = new Date();
  if (error !== undefined) endEvent(deployment, 'Failed');
  store.timeline.add('deployment-changed', deployment.id, { status, error: error?.code });
  if (event !== undefined && deployment.autoRollback.includes(event)) rollBack(store, deployment);
}

/** The shift of traffic that is under way, if it is. */
function endEvent(deployment: Deployment, status: 'Succeeded' | 'Failed'): void {
  const event = deployment.lifecycle.AllowTraffic;
  if (event.status !== 'InProgress') return;
  event.status = status;
  event.endedAt = new Date();
}

/** It comes, and is named, a moment after the end of the other. */
function rollBack(store: CodeDeployStore, deployment: Deployment): void {
  const { shift, aliasRevision } = deployment;
  if (shift === undefined || aliasRevision === undefined || deployment.creator !== 'user') return;
  store.clock.after(store.clock.draw(store.deploymentMs), () => startRollback(store, deployment, shift));
}

function startRollback(store: CodeDeployStore, deployment: Deployment, shift: Shift): void {
  const { id, group } = deployment;
  const { targetVersion, currentVersion } = shift;
  const back = { ...shift, currentVersion: targetVersion, targetVersion: currentVersion, hooks: {} };
  const revision = writeRevision(back);
  const rollback = startDeployment(store, {
    group,
    config: deployment.config,
    steps: [{ percent: 100, minutes: 0 }],
    revision,
    shift: readShift(revision.appSpec),
    autoRollback: [],
    creator: 'codeDeployRollback',
    rollback: {
      rollbackTriggeringDeploymentId: id,
      rollbackMessage: `Deployment ${id} triggered a rollback, which is this deployment.`,
    },
  });
  deployment.rollback = {
    rollbackDeploymentId: rollback.id,
    rollbackMessage: `Deployment ${id} has been stopped or has failed, and is rolled back by deployment ${rollback.id}.`,
  };
}

/** Nothing more happens to a deployment that has ended meanwhile. */
function later(store: CodeDeployStore, deployment: Deployment, duration: Duration, action: () => void): void {
  store.clock.after(store.clock.draw(duration), () => {
    if (isActive(deployment)) action();
  });
}
