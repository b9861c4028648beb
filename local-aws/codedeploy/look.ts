import { type Input, type Reply, textOf } from '../api.ts';
import { epochSeconds } from '../json-protocol.ts';
import { functionArn } from '../lambda/identifiers.ts';
import { readConfig, routingOf } from './configs.ts';
import {
  type CodeDeployStore,
  type Deployment,
  type DeploymentGroup,
  LIFECYCLE,
  type LifecycleEvent,
  type RollbackEvent,
} from './deployments.ts';
import { CodeDeployErrors, protocol } from './errors.ts';

export function getApplication(store: CodeDeployStore, input: Input): Reply {
  const { application, id, createdAt } = findApplication(store, input);
  return protocol.reply({
    application: {
      applicationId: id,
      applicationName: application,
      createTime: epochSeconds(createdAt),
      linkedToGitHub: false,
      computePlatform: 'Lambda',
    },
  });
}

export function getDeploymentGroup(store: CodeDeployStore, input: Input): Reply {
  const group = findGroup(store, input);
  const { application, config, computePlatform, alarms, ignorePollAlarmFailure } = group;
  return protocol.reply({
    deploymentGroupInfo: {
      applicationName: application,
      deploymentGroupId: group.id,
      deploymentGroupName: group.group,
      deploymentConfigName: config,
      serviceRoleArn: `arn:aws:iam::${store.home.accountId}:role/codedeploy`,
      alarmConfiguration: {
        enabled: alarms.length > 0,
        ignorePollAlarmFailure,
        alarms: alarms.map((name) => ({ name })),
      },
      autoRollbackConfiguration: autoRollbackDocument(group.autoRollback),
      deploymentStyle: STYLE,
      computePlatform,
    },
  });
}

export function getDeploymentConfig(_store: CodeDeployStore, input: Input): Reply {
  const name = textOf(input, 'deploymentConfigName') ?? '';
  if (readConfig(name) === undefined) throw CodeDeployErrors.noConfig(name);
  const info = { deploymentConfigName: name, computePlatform: 'Lambda', trafficRoutingConfig: routingOf(name) };
  return protocol.reply({ deploymentConfigInfo: info });
}

export function getDeployment(store: CodeDeployStore, input: Input): Reply {
  return protocol.reply({ deploymentInfo: deploymentDocument(findDeployment(store, input)) });
}

/** The newest first. */
export function listDeployments(store: CodeDeployStore, input: Input): Reply {
  const group = textOf(input, 'deploymentGroupName') === undefined ? undefined : findGroup(store, input);
  const application = textOf(input, 'applicationName');
  const { includeOnlyStatuses } = input;
  const statuses = Array.isArray(includeOnlyStatuses) ? (includeOnlyStatuses as string[]) : undefined;
  const found = store.deployments.filter(
    (deployment) =>
      (group === undefined || deployment.group === group) &&
      (application === undefined || deployment.group.application === application) &&
      (statuses?.includes(deployment.status) ?? true),
  );
  return protocol.reply({ deployments: found.map(({ id }) => id).reverse() });
}

export function listDeploymentTargets(store: CodeDeployStore, input: Input): Reply {
  const deployment = findStarted(store, input);
  return protocol.reply({ targetIds: deployment.shift === undefined ? [] : [targetIdOf(deployment)] });
}

export function batchGetDeploymentTargets(store: CodeDeployStore, input: Input): Reply {
  const deployment = findStarted(store, input);
  const { targetIds } = input;
  if (!Array.isArray(targetIds) || targetIds.length === 0) throw CodeDeployErrors.required('DeploymentTargetId');
  const unknown = (targetIds as string[]).find((id) => id !== targetIdOf(deployment));
  if (unknown !== undefined) throw CodeDeployErrors.noTarget(unknown);
  return protocol.reply({ deploymentTargets: [targetDocument(store, deployment)] });
}

const STYLE = { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' };

function deploymentDocument(deployment: Deployment): Record<string, unknown> {
  const { id, group, config, status, revision, error, rollback, description, creator } = deployment;
  const { createdAt, startedAt, completedAt } = deployment;
  return {
    applicationName: group.application,
    deploymentGroupName: group.group,
    deploymentConfigName: config,
    deploymentId: id,
    revision: revision.document,
    status,
    ...(error !== undefined && { errorInformation: error }),
    createTime: epochSeconds(createdAt),
    ...(startedAt !== undefined && { startTime: epochSeconds(startedAt) }),
    ...(completedAt !== undefined && { completeTime: epochSeconds(completedAt) }),
    deploymentOverview: overviewOf(deployment),
    ...(description !== '' && { description }),
    creator,
    autoRollbackConfiguration: autoRollbackDocument(deployment.autoRollback),
    ...(rollback !== undefined && { rollbackInfo: rollback }),
    deploymentStyle: STYLE,
    computePlatform: 'Lambda',
  };
}

type TargetStatus = 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped';

function overviewOf(deployment: Deployment): Record<string, number> {
  const own = targetStatusOf(deployment);
  const statuses: (TargetStatus | 'Ready')[] = ['Pending', 'InProgress', 'Succeeded', 'Failed', 'Skipped', 'Ready'];
  return Object.fromEntries(statuses.map((status) => [status, status === own ? 1 : 0]));
}

function targetStatusOf({ status }: Deployment): TargetStatus {
  if (status === 'Created' || status === 'Queued') return 'Pending';
  return status === 'Stopped' ? 'Skipped' : status;
}

/** CodeDeploy names a Lambda target by function and alias. */
function targetIdOf({ shift }: Deployment): string {
  return `${shift?.functionName}:${shift?.alias}`;
}

function targetDocument(store: CodeDeployStore, deployment: Deployment): Record<string, unknown> {
  const { id, shift, lifecycle, weight, startedAt, completedAt } = deployment;
  return {
    deploymentTargetType: 'LambdaTarget',
    lambdaTarget: {
      deploymentId: id,
      targetId: targetIdOf(deployment),
      targetArn: functionArn(store.home, shift?.functionName ?? '', shift?.alias),
      status: targetStatusOf(deployment),
      lastUpdatedAt: epochSeconds(completedAt ?? startedAt ?? deployment.createdAt),
      lifecycleEvents: LIFECYCLE.map((name) => eventDocument(name, lifecycle[name])),
      lambdaFunctionInfo: {
        functionName: shift?.functionName,
        functionAlias: shift?.alias,
        currentVersion: shift?.currentVersion,
        targetVersion: shift?.targetVersion,
        targetVersionWeight: weight,
      },
    },
  };
}

function eventDocument(name: string, { status, startedAt, endedAt }: LifecycleEvent): Record<string, unknown> {
  return {
    lifecycleEventName: name,
    ...(startedAt !== undefined && { startTime: epochSeconds(startedAt) }),
    ...(endedAt !== undefined && { endTime: epochSeconds(endedAt) }),
    status,
  };
}

function autoRollbackDocument(events: RollbackEvent[]): Record<string, unknown> {
  return { enabled: events.length > 0, events };
}

function findApplication(store: CodeDeployStore, input: Input): DeploymentGroup {
  const name = textOf(input, 'applicationName');
  if (name === undefined) throw CodeDeployErrors.required('ApplicationName');
  const found = store.groups.find(({ application }) => application === name);
  if (found === undefined) throw CodeDeployErrors.noApplication(name);
  return found;
}

export function findGroup(store: CodeDeployStore, input: Input): DeploymentGroup {
  const { application } = findApplication(store, input);
  const name = textOf(input, 'deploymentGroupName');
  if (name === undefined) throw CodeDeployErrors.required('DeploymentGroupName');
  const found = store.groups.find((group) => group.application === application && group.group === name);
  if (found === undefined) throw CodeDeployErrors.noGroup(name);
  return found;
}

export function findDeployment(store: CodeDeployStore, input: Input): Deployment {
  const id = textOf(input, 'deploymentId');
  if (id === undefined) throw CodeDeployErrors.required('DeploymentId');
  const found = store.deployments.find((deployment) => deployment.id === id);
  if (found === undefined) throw CodeDeployErrors.noDeployment(id);
  return found;
}

function findStarted(store: CodeDeployStore, input: Input): Deployment {
  const deployment = findDeployment(store, input);
  if (deployment.startedAt === undefined) throw CodeDeployErrors.notStarted(deployment.id);
  return deployment;
}
