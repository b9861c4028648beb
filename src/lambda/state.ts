import { DeployError } from '../errors.ts';
import type { FunctionState } from '../world.ts';

/**
 * While this is so, Lambda refuses updates and publishing (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
 * A Failed update and an Inactive function are not: the next update may be their cure.
 */
export function isBusy({ state, lastUpdateStatus }: FunctionState): boolean {
  return state === 'Pending' || state === 'Deactivating' || lastUpdateStatus === 'InProgress';
}

/** Nothing brings it back, and nothing can be done with it any more. */
export function refuseDeleting(name: string, { state }: FunctionState): void {
  if (state === 'Deleting') {
    throw new DeployError('not-found', `Function ${name} is being deleted.`, {
      hint: 'Create it again with the tool that owns it, then run this again.',
    });
  }
}

/** Everything a wait shows of a function, in one word or two. */
export function statusText({ state, lastUpdateStatus }: FunctionState): string {
  // $LATEST of a function on managed instances is never invoked.
  return ['Active', 'ActiveNonInvocable', ''].includes(state)
    ? `update ${lastUpdateStatus || 'unknown'}`
    : `${state}, update ${lastUpdateStatus || 'unknown'}`;
}

const hints: Record<string, string> = {
  ImageAccessDenied:
    'Let Lambda pull the image: the repository policy must allow lambda.amazonaws.com ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.',
  ImageDeleted: 'The image is no longer in its repository: push it again, or deploy one that is there.',
  InvalidImage:
    'Push an image that Lambda takes: one platform, no attestations (docker buildx build --provenance=false --sbom=false), an entry point that exists.',
  InsufficientRolePermissions:
    "The function's role lacks permissions, often for its VPC; see the policies of the role.",
  EniLimitExceeded: 'The VPC has no network interface left for Lambda; ask for a higher quota or use fewer subnets.',
  SubnetOutOfIPAddresses: "The function's subnets have no free address; add a subnet or free addresses.",
  InvalidSubnet: "A subnet of the function's VPC settings does not exist any more.",
  InvalidSecurityGroup: "A security group of the function's VPC settings does not exist any more.",
  KMSKeyAccessDenied: "Let the function's role use the KMS key of its environment (kms:Decrypt).",
  KMSKeyNotFound: 'The KMS key of the function does not exist any more.',
  DisabledKMSKey: 'The KMS key of the function is disabled.',
  InvalidStateKMSKey: 'The KMS key of the function is not usable in its present state.',
  InvalidZipFileException: 'The package is not a zip that Lambda can open.',
  InvalidRuntime: "The function's runtime is not one that Lambda still offers.",
  InternalError: 'An error inside Lambda; run it again.',
  EC2RequestLimitExceeded: 'Amazon EC2 throttled Lambda while it set up network interfaces; run it again later.',
  DependencyError: 'Check that what the function depends on, such as its VPC and its file system, is still there.',
  DisallowedByVpcEncryptionControl:
    "Check the encryption control of the function's VPC, which does not allow this function.",
  InvalidConfiguration: "Check the function's configuration with the tool that owns it.",
  InsufficientCapacity: 'AWS has no capacity of this kind at the moment; run it again later.',
  CapacityProviderScalingLimitExceeded: "Raise the scaling limit of the function's capacity provider.",
  VcpuLimitExceeded: "Ask for a higher vCPU quota, or lower what the function's capacity provider uses.",
  ServiceQuotaExceededException: 'Ask for a higher quota in Service Quotas; the reason that AWS gives names it.',
};

/** What to do about a StateReasonCode or LastUpdateStatusReasonCode. */
export function reasonHint(reasonCode: string): string {
  if (reasonCode.startsWith('EFS')) {
    return 'The file system of the function could not be mounted; see its mount targets and security groups.';
  }
  if (reasonCode.startsWith('FunctionError')) {
    return 'The code ended while it started; see the function’s log in CloudWatch.';
  }
  return hints[reasonCode] ?? 'See the function and its log in the Lambda console.';
}
