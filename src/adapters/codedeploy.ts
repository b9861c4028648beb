import type {
  BatchGetDeploymentTargetsCommandOutput,
  CodeDeployClient,
  CreateDeploymentCommandOutput,
  GetDeploymentCommandOutput,
  ListDeploymentsCommandInput,
  ListDeploymentsCommandOutput,
  ListDeploymentTargetsCommandOutput,
} from '@aws-sdk/client-codedeploy';
import { partitionOf } from '../partition.ts';
import type { Attempt, CodeDeploy, DeploymentGroup, DeploymentState } from '../world.ts';
import { attempt, type Call } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';

const patienceMs = 15_000;
/** How far the clock of this machine may be off. */
const clockSkewMs = 5 * 60_000;

type Sdk = typeof import('./codedeploy-sdk.ts');

export function connectCodeDeploy(region: string, accountId: string, cancelled: AbortSignal): CodeDeploy {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './codedeploy-sdk.ts');
    return { sdk, client: new sdk.CodeDeployClient(clientSettings(region)) };
  });

  const began = Date.now();

  const call = async <T>(
    { application, name }: DeploymentGroup,
    deadline: number,
    rest: Pick<Call<T>, 'action' | 'read'> & {
      send(sdk: Sdk, client: CodeDeployClient, options: { abortSignal: AbortSignal }): Promise<unknown>;
    },
  ): Promise<Attempt<T>> => {
    const { sdk, client } = await connection();
    return attempt<T>(
      {
        ...rest,
        subject: `Deployment group ${application}/${name}`,
        resource: `arn:${partitionOf(region)}:codedeploy:${region}:${accountId || '*'}:deploymentgroup:${application}/${name}`,
        failure: 'update-failed',
        send: (abortSignal) => rest.send(sdk, client, { abortSignal }),
      },
      { patienceMs, deadline, cancelled },
    );
  };

  /** What happens to the one target that a deployment of a function has. */
  const target = async (group: DeploymentGroup, deploymentId: string, deadline: number) => {
    const ids = await call<string[]>(group, deadline, {
      action: 'codedeploy:ListDeploymentTargets',
      send: (sdk, client, options) => client.send(new sdk.ListDeploymentTargetsCommand({ deploymentId }), options),
      read: ({ targetIds }: ListDeploymentTargetsCommandOutput) => targetIds ?? [],
    });
    if (ids.kind !== 'answered' || ids.value.length === 0) {
      return undefined;
    }
    const targets = await call(group, deadline, {
      action: 'codedeploy:BatchGetDeploymentTargets',
      send: (sdk, client, options) =>
        client.send(new sdk.BatchGetDeploymentTargetsCommand({ deploymentId, targetIds: ids.value }), options),
      read: ({ deploymentTargets }: BatchGetDeploymentTargetsCommandOutput) => deploymentTargets?.[0]?.lambdaTarget,
    });
    return targets.kind === 'answered' ? targets.value : undefined;
  };

  const list = (
    group: DeploymentGroup,
    deadline: number,
    filter: Pick<ListDeploymentsCommandInput, 'includeOnlyStatuses' | 'createTimeRange'>,
  ) =>
    call(group, deadline, {
      action: 'codedeploy:ListDeployments',
      send: (sdk, client, options) =>
        client.send(
          new sdk.ListDeploymentsCommand({
            applicationName: group.application,
            deploymentGroupName: group.name,
            ...filter,
          }),
          options,
        ),
      read: ({ deployments }: ListDeploymentsCommandOutput) => (deployments ?? []).map((id) => awsText(id)),
    });

  return {
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
    active: (group, deadline) =>
      list(group, deadline, { includeOnlyStatuses: ['Created', 'Queued', 'InProgress', 'Ready'] }),
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
      const { status, description, errorInformation, rollbackInfo } = answer.value;
      // Its events are only told, so a release does without them where they cannot be read.
      const lambdaTarget = await target(group, deploymentId, deadline);
      const state: DeploymentState = {
        status: awsText(status),
        description: awsText(description),
        error: [errorInformation?.code, errorInformation?.message]
          .filter(Boolean)
          .map((one) => awsText(one))
          .join(', '),
        rollback: awsText(rollbackInfo?.rollbackMessage ?? rollbackInfo?.rollbackDeploymentId),
        rollbackId: awsText(rollbackInfo?.rollbackDeploymentId),
        events: (lambdaTarget?.lifecycleEvents ?? []).map((event) => ({
          name: awsText(event.lifecycleEventName),
          status: awsText(event.status),
        })),
        weight: lambdaTarget?.lambdaFunctionInfo?.targetVersionWeight,
      };
      return { kind: 'answered', value: state };
    },
  };
}
