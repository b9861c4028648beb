import type {
  BatchGetDeploymentTargetsCommandOutput,
  CodeDeployClient,
  CreateDeploymentCommandOutput,
  DeploymentStatus,
  GetDeploymentCommandOutput,
  GetDeploymentConfigCommandOutput,
  GetDeploymentGroupCommandOutput,
  ListDeploymentsCommandInput,
  ListDeploymentsCommandOutput,
  ListDeploymentTargetsCommandOutput,
  TrafficRoutingConfig,
} from '@aws-sdk/client-codedeploy';
import { partitionOf } from '../partition.ts';
import type { Attempt, CodeDeploy, DeploymentGroup, DeploymentState } from '../world.ts';
import { attempt, type Call } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';

const patienceMs = 15_000;
/** How far the clock of this machine may be off. */
const clockSkewMs = 30 * 60_000;
/** Whatever has not ended. A group makes one deployment at a time. */
const active: DeploymentStatus[] = ['Created', 'Queued', 'InProgress', 'Ready', 'Baking'];

type Sdk = typeof import('./codedeploy-sdk.ts');

export function connectCodeDeploy(region: string, accountId: string, cancelled: AbortSignal): CodeDeploy {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './codedeploy-sdk.ts');
    return { sdk, client: new sdk.CodeDeployClient(clientSettings(region)) };
  });

  const began = Date.now();
  const arnOf = (what: string) => `arn:${partitionOf(region)}:codedeploy:${region}:${accountId || '*'}:${what}`;
  /** Why targets cannot be read; not asked for again then. */
  let unseen = '';

  const call = async <T>(
    { application, name }: DeploymentGroup,
    deadline: number,
    rest: Pick<Call<T>, 'action' | 'read'> & {
      resource?: string;
      send(sdk: Sdk, client: CodeDeployClient, options: { abortSignal: AbortSignal }): Promise<unknown>;
    },
  ): Promise<Attempt<T>> => {
    const { sdk, client } = await connection();
    return attempt<T>(
      {
        subject: `Deployment group ${application}/${name}`,
        resource: arnOf(`deploymentgroup:${application}/${name}`),
        ...rest,
        failure: 'update-failed',
        send: (abortSignal) => rest.send(sdk, client, { abortSignal }),
      },
      { patienceMs, deadline, cancelled },
    );
  };

  /** What happens to the one target that a deployment of a function has. */
  const target = async (group: DeploymentGroup, deploymentId: string, deadline: number) => {
    if (unseen !== '') {
      return undefined;
    }
    const ids = await call<string[]>(group, deadline, {
      action: 'codedeploy:ListDeploymentTargets',
      resource: anyResource,
      send: (sdk, client, options) => client.send(new sdk.ListDeploymentTargetsCommand({ deploymentId }), options),
      read: ({ targetIds }: ListDeploymentTargetsCommandOutput) => targetIds ?? [],
    });
    if (ids.kind !== 'answered' || ids.value.length === 0) {
      unseen = denialIn(ids);
      return undefined;
    }
    const targets = await call(group, deadline, {
      action: 'codedeploy:BatchGetDeploymentTargets',
      resource: anyResource,
      send: (sdk, client, options) =>
        client.send(new sdk.BatchGetDeploymentTargetsCommand({ deploymentId, targetIds: ids.value }), options),
      read: ({ deploymentTargets }: BatchGetDeploymentTargetsCommandOutput) => deploymentTargets?.[0]?.lambdaTarget,
    });
    unseen = denialIn(targets);
    return targets.kind === 'answered' ? targets.value : undefined;
  };

  const list = async (
    group: DeploymentGroup,
    deadline: number,
    filter: Pick<ListDeploymentsCommandInput, 'includeOnlyStatuses' | 'createTimeRange'>,
  ): Promise<Attempt<string[]>> => {
    const found: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await call(group, deadline, {
        action: 'codedeploy:ListDeployments',
        send: (sdk, client, options) =>
          client.send(
            new sdk.ListDeploymentsCommand({
              applicationName: group.application,
              deploymentGroupName: group.name,
              nextToken,
              ...filter,
            }),
            options,
          ),
        read: ({ deployments = [], nextToken: next }: ListDeploymentsCommandOutput) => ({ deployments, next }),
      });
      if (page.kind !== 'answered') {
        return page;
      }
      found.push(...page.value.deployments.map((id) => awsText(id)));
      nextToken = page.value.next || undefined;
    } while (nextToken !== undefined);
    return { kind: 'answered', value: found };
  };

  return {
    settings: (group, deadline) =>
      call(group, deadline, {
        action: 'codedeploy:GetDeploymentGroup',
        send: (sdk, client, options) =>
          client.send(
            new sdk.GetDeploymentGroupCommand({
              applicationName: group.application,
              deploymentGroupName: group.name,
            }),
            options,
          ),
        read: ({ deploymentGroupInfo: info }: GetDeploymentGroupCommandOutput) =>
          info && { computePlatform: awsText(info.computePlatform), config: awsText(info.deploymentConfigName) },
      }),
    shiftTime: (group, deploymentConfigName, deadline) =>
      call(group, deadline, {
        action: 'codedeploy:GetDeploymentConfig',
        resource: arnOf(`deploymentconfig:${deploymentConfigName}`),
        send: (sdk, client, options) =>
          client.send(new sdk.GetDeploymentConfigCommand({ deploymentConfigName }), options),
        read: ({ deploymentConfigInfo: info }: GetDeploymentConfigCommandOutput) =>
          info && { ms: shiftMs(info.trafficRoutingConfig) },
      }),
    create: (group, { appSpec, description }, deadline) =>
      call(group, deadline, {
        action: 'codedeploy:CreateDeployment',
        send: (sdk, client, options) =>
          client.send(
            new sdk.CreateDeploymentCommand({
              applicationName: group.application,
              deploymentGroupName: group.name,
              description,
              revision: { revisionType: 'AppSpecContent', appSpecContent: { content: appSpec } },
            }),
            options,
          ),
        read: ({ deploymentId }: CreateDeploymentCommandOutput) => deploymentId && awsText(deploymentId),
      }),
    active: (group, deadline) => list(group, deadline, { includeOnlyStatuses: active }),
    sinceStart: (group, deadline) =>
      list(group, deadline, { createTimeRange: { start: new Date(began - clockSkewMs) } }),
    async look(group, deploymentId, deadline) {
      const answer = await call(group, deadline, {
        action: 'codedeploy:GetDeployment',
        send: (sdk, client, options) => client.send(new sdk.GetDeploymentCommand({ deploymentId }), options),
        read: ({ deploymentInfo }: GetDeploymentCommandOutput) => deploymentInfo?.status && deploymentInfo,
      });
      if (answer.kind !== 'answered') {
        return answer;
      }
      const { status, description, deploymentConfigName, errorInformation, rollbackInfo } = answer.value;
      const { enabled, events } = answer.value.autoRollbackConfiguration ?? {};
      // Its events are only told, so a release does without them where they cannot be read.
      const lambdaTarget = await target(group, deploymentId, deadline);
      const state: DeploymentState = {
        status: awsText(status),
        description: awsText(description),
        config: awsText(deploymentConfigName),
        error: [errorInformation?.code, errorInformation?.message]
          .filter(Boolean)
          .map((one) => awsText(one))
          .join(', '),
        rollback: awsText(rollbackInfo?.rollbackMessage ?? rollbackInfo?.rollbackDeploymentId),
        rollbackId: awsText(rollbackInfo?.rollbackDeploymentId),
        rollsBackOn: enabled ? (events ?? []) : [],
        events: (lambdaTarget?.lifecycleEvents ?? []).map((event) => ({
          name: awsText(event.lifecycleEventName),
          status: awsText(event.status),
        })),
        weight: lambdaTarget?.lambdaFunctionInfo?.targetVersionWeight,
        unseen,
      };
      return { kind: 'answered', value: state };
    },
  };
}

/**
 * What has no resource type is allowed on `*` alone
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html).
 */
const anyResource = '*';

function denialIn(attempt: Attempt<unknown>): string {
  return attempt.kind === 'refused' && attempt.error.code === 'access-denied' ? attempt.error.message : '';
}

/**
 * A canary has one interval between its two shifts, linear shifts have one between each
 * (https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TrafficRoutingConfig.html). One more than needed is
 * allowed for, should CodeDeploy wait after the last.
 */
function shiftMs({ type, timeBasedCanary, timeBasedLinear }: TrafficRoutingConfig = {}): number | undefined {
  const minutes = { AllAtOnce: 0, TimeBasedCanary: timeBasedCanary?.canaryInterval, TimeBasedLinear: linearMinutes() };
  function linearMinutes(): number | undefined {
    const { linearPercentage, linearInterval } = timeBasedLinear ?? {};
    return linearPercentage && linearInterval && Math.ceil(100 / linearPercentage) * linearInterval;
  }
  const total = type && minutes[type];
  return total === undefined ? undefined : total * 60_000;
}
