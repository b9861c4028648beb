import { ApiError, type StandardErrors } from '../api.ts';
import { startJsonProtocol } from '../json-protocol.ts';

export const protocol = startJsonProtocol('1.1', 'CodeDeploy_20141006');

function refused(code: string, message: string): ApiError {
  return new ApiError(400, code, message);
}

/** CodeDeploy's errors; all of them are 400. */
export const CodeDeployErrors = {
  required: (what: 'ApplicationName' | 'DeploymentGroupName' | 'DeploymentId' | 'DeploymentTargetId' | 'Revision') =>
    refused(`${what}RequiredException`, `The ${what} is required.`),
  noApplication: (name: string) =>
    refused('ApplicationDoesNotExistException', `No application found for name: ${name}`),
  noGroup: (name: string) =>
    refused('DeploymentGroupDoesNotExistException', `No Deployment Group found for name: ${name}`),
  noConfig: (name: string) =>
    refused('DeploymentConfigDoesNotExistException', `No deployment configuration found for name: ${name}`),
  noDeployment: (id: string) => refused('DeploymentDoesNotExistException', `The deployment ${id} could not be found`),
  notStarted: (id: string) => refused('DeploymentNotStartedException', `The deployment ${id} has not started`),
  noTarget: (id: string) => refused('DeploymentTargetDoesNotExistException', `No target found with ID: ${id}`),
  completed: (id: string) =>
    refused('DeploymentAlreadyCompletedException', `The deployment ${id} is already completed`),
  busy: (group: string, id: string) =>
    refused(
      'DeploymentLimitExceededException',
      `The Deployment Group '${group}' already has an active Deployment '${id}'`,
    ),
  invalidRevision: (message: string, cause?: unknown) =>
    new ApiError(400, 'InvalidRevisionException', message, { cause }),
  malformed: (cause: unknown) =>
    new ApiError(400, 'SerializationException', 'The request body is not valid JSON.', { cause }),
};

export const standardErrors: StandardErrors = {
  throttled: () => refused('ThrottlingException', 'Rate exceeded'),
  unavailable: () => new ApiError(503, 'ServiceUnavailableException', 'The service is unavailable.'),
  internal: () => new ApiError(500, 'InternalFailure', 'The request processing has failed.'),
  denied: (message) => refused('AccessDeniedException', message),
  expired: () => refused('ExpiredTokenException', 'The security token included in the request is expired'),
};
