import { type Input, type Operation, type Reply, type Service, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import type { CodeDeployStore } from './deployments.ts';
import { CodeDeployErrors, protocol, standardErrors } from './errors.ts';
import {
  batchGetDeploymentTargets,
  getApplication,
  getDeployment,
  getDeploymentConfig,
  getDeploymentGroup,
  listDeployments,
  listDeploymentTargets,
} from './look.ts';
import { createDeployment, stop } from './operations.ts';

type Run = (store: CodeDeployStore, input: Input, outcome: Outcome | undefined) => Reply;

const OPERATIONS: [action: string, run: Run][] = [
  ['CreateDeployment', createDeployment],
  ['StopDeployment', stop],
  ['GetApplication', getApplication],
  ['GetDeploymentGroup', getDeploymentGroup],
  ['GetDeploymentConfig', getDeploymentConfig],
  ['GetDeployment', getDeployment],
  ['ListDeployments', listDeployments],
  ['ListDeploymentTargets', listDeploymentTargets],
  ['BatchGetDeploymentTargets', batchGetDeploymentTargets],
];

/** Rights that the README of aws-actions/amazon-ecs-deploy-task-definition wants beside that for CreateDeployment. */
const CREATION_RIGHTS = ['codedeploy:GetDeploymentConfig', 'codedeploy:RegisterApplicationRevision'];

/** IAM knows no resource for them (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html). */
const WITHOUT_RESOURCE = ['ListDeploymentTargets', 'BatchGetDeploymentTargets'];

export function codeDeployService(store: CodeDeployStore): Service {
  const operations = OPERATIONS.map(
    ([action, run]): Operation => ({
      action,
      iamAction: `codedeploy:${action}`,
      method: 'POST',
      path: '/',
      alsoNeeds: () => (action === 'CreateDeployment' ? CREATION_RIGHTS : []),
      resourceOf: (input) => {
        const resource = resourceOf(store, input);
        return WITHOUT_RESOURCE.includes(action) ? { ...resource, arn: '*' } : resource;
      },
      run: (input, outcome) => run(store, input, outcome),
    }),
  );
  return {
    name: 'codedeploy',
    operations,
    match: protocol.matchIn(operations),
    readInput: (request) => protocol.readInput(request, CodeDeployErrors.malformed),
    toErrorReply: protocol.toErrorReply,
    errors: standardErrors,
  };
}

/** A group's name where there is one: also calls that name a deployment are allowed or not by its group. */
function resourceOf(store: CodeDeployStore, input: Input): { name: string; arn: string } {
  const id = textOf(input, 'deploymentId');
  const group = store.deployments.find((deployment) => deployment.id === id)?.group;
  const application = group?.application ?? textOf(input, 'applicationName') ?? '';
  const name = group?.group ?? textOf(input, 'deploymentGroupName');
  const prefix = `arn:aws:codedeploy:${store.home.region}:${store.home.accountId}`;
  const config = textOf(input, 'deploymentConfigName');
  if (application === '' && config !== undefined) return { name: config, arn: `${prefix}:deploymentconfig:${config}` };
  if (name === undefined) return { name: application, arn: `${prefix}:application:${application}` };
  return { name, arn: `${prefix}:deploymentgroup:${application}/${name}` };
}
