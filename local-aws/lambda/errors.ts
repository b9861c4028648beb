import { ApiError, type Reply, type StandardErrors } from '../api.ts';

/** Lambda's errors, in the words that AWS uses. */
export const LambdaErrors = {
  notFound: (arn: string) => new ApiError(404, 'ResourceNotFoundException', `Function not found: ${arn}`),
  aliasNotFound: (arn: string) => new ApiError(404, 'ResourceNotFoundException', `Cannot find alias arn: ${arn}`),
  conflict: (message: string) => new ApiError(409, 'ResourceConflictException', message),
  updateInProgress: (arn: string) =>
    LambdaErrors.conflict(
      `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
    ),
  inState: (state: string) =>
    LambdaErrors.conflict(
      `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
    ),
  invalid: (message: string) => new ApiError(400, 'InvalidParameterValueException', message),
  notProvisioned: () =>
    new ApiError(
      404,
      'ProvisionedConcurrencyConfigNotFoundException',
      'No Provisioned Concurrency Config found for this function',
    ),
  tooLarge: (bytes: number, action: string) =>
    new ApiError(
      413,
      'RequestEntityTooLargeException',
      `Request must be smaller than ${bytes} bytes for the ${action} operation`,
    ),
  /** What the API's model rules out, before the service looks at it. */
  validation: (value: string, field: string, constraint: string) =>
    new ApiError(
      400,
      'ValidationException',
      `1 validation error detected: Value '${value}' at '${field}' failed to satisfy constraint: ${constraint}`,
    ),
  malformed: (cause: unknown) =>
    new ApiError(400, 'SerializationException', 'The request body is not valid JSON.', { cause }),
  revision: (kind: 'Function' | 'Alias') =>
    new ApiError(
      412,
      'PreconditionFailedException',
      `The Revision Id provided does not match the latest Revision Id. Call the Get${kind} API to retrieve the latest Revision Id`,
    ),
};

/** Why an invocation was refused before the function ran; the statuses are those of the API's model. */
const INVOCATION_ERRORS: Record<string, [status: number, message: string]> = {
  CodeArtifactUserPendingException: [409, 'Lambda is initializing your function. It will be ready to invoke shortly.'],
  CodeArtifactUserFailedException: [409, 'The provisioning of the code artifact user failed. Update the code.'],
  CodeArtifactUserDeletedException: [409, 'The code artifact user was deleted. Update the code.'],
  SnapStartNotReadyException: [
    409,
    'Lambda is initializing your function. You can invoke the function when the function state becomes Active.',
  ],
  SnapStartTimeoutException: [408, "Lambda couldn't restore the snapshot within the timeout limit."],
  SnapStartException: [400, 'The afterRestore() runtime hook encountered an error.'],
  ResourceNotReadyException: [
    502,
    'The function is inactive and its VPC connection is no longer available. Wait for the VPC connection to reestablish and try again.',
  ],
  ENINotReadyException: [502, "The elastic network interface configured for its VPC connection isn't ready yet."],
  ENILimitReachedException: [502, 'The limit for network interfaces has been reached.'],
  EC2ThrottledException: [502, 'Amazon EC2 throttled Lambda during Lambda function initialization.'],
  EC2UnexpectedException: [502, 'Lambda received an unexpected Amazon EC2 client exception.'],
  EC2AccessDeniedException: [502, 'Need additional permissions to configure VPC settings.'],
  SubnetIPAddressLimitReachedException: [502, 'One or more configured subnets has no available IP addresses.'],
  EFSMountConnectivityException: [408, "The function couldn't make a network connection to the file system."],
  EFSMountTimeoutException: [408, 'The mount operation timed out.'],
  EFSMountFailureException: [403, "The function couldn't mount the configured file system."],
  EFSIOException: [410, 'An error occurred when reading from or writing to a connected file system.'],
  KMSAccessDeniedException: [502, 'Lambda was unable to decrypt the environment variables: KMS access was denied.'],
  InvalidRuntimeException: [502, 'The runtime or runtime version specified is not supported.'],
};

function invocationError(code: string): ApiError | undefined {
  const known = INVOCATION_ERRORS[code];
  return known && new ApiError(known[0], code, known[1]);
}

export function notReady(
  code: 'ResourceNotReadyException' | 'CodeArtifactUserPendingException' | 'SnapStartNotReadyException',
): ApiError {
  return invocationError(code) ?? LambdaErrors.inState('Pending');
}

function tooMany(Reason: string): ApiError {
  return new ApiError(429, 'TooManyRequestsException', 'Rate exceeded', { fields: { Reason } });
}

export function overReservedConcurrency(): ApiError {
  return tooMany('ReservedFunctionConcurrentInvocationLimitExceeded');
}

export const standardErrors: StandardErrors = {
  named: invocationError,
  throttled: () => tooMany('CallerRateLimitExceeded'),
  unavailable: () => new ApiError(503, 'ServiceUnavailableException', 'Service is unable to handle request.'),
  internal: () =>
    new ApiError(500, 'ServiceException', 'An error occurred and the request cannot be processed.', {
      fields: { Type: 'Service' },
    }),
  denied: (message) => new ApiError(403, 'AccessDeniedException', message, { fields: { Type: '' } }),
  expired: () =>
    new ApiError(403, 'ExpiredTokenException', 'The security token included in the request is expired', {
      fields: { Type: '' },
    }),
};

/** Errors whose text is `message` in Lambda's model; the others have `Message`. */
const lowerCase: ReadonlySet<string> = new Set([
  'AliasLimitExceededException',
  'CapacityProviderLimitExceededException',
  'CodeArtifactUserDeletedException',
  'CodeArtifactUserFailedException',
  'CodeArtifactUserPendingException',
  'CodeStorageExceededException',
  'FunctionVersionsPerCapacityProviderLimitExceededException',
  'InvalidParameterValueException',
  'InvalidRequestContentException',
  'ModeNotSupportedException',
  'PolicyLengthExceededException',
  'PreconditionFailedException',
  'ProvisionedConcurrencyConfigNotFoundException',
  'RequestTooLargeException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SerializedRequestEntityTooLargeException',
  'TooManyRequestsException',
  'UnsupportedMediaTypeException',
  // In no model.
  'RequestEntityTooLargeException',
  'SerializationException',
  'ValidationException',
]);

export function toErrorReply(error: ApiError): Reply {
  const { Type = 'User', ...fields } = error.details.fields ?? {};
  // The gateway in front of Lambda knows no Type, and spells it `Message`; the service spells it as its model has it.
  const spelled = Type === '' || !lowerCase.has(error.code) ? { Message: error.message } : { message: error.message };
  const body = Type === '' ? spelled : { Type, ...spelled, ...fields };
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.code, ...error.details.headers },
    body: JSON.stringify(body),
  };
}
