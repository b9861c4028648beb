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

export const standardErrors: StandardErrors = {
  throttled: () =>
    new ApiError(429, 'TooManyRequestsException', 'Rate exceeded', { fields: { Reason: 'CallerRateLimitExceeded' } }),
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

export function toErrorReply(error: ApiError): Reply {
  const { Type = 'User', ...fields } = error.details.fields ?? {};
  // The gateway in front of Lambda spells it `Message` and knows no Type; the service spells it `message`.
  const body = Type === '' ? { Message: error.message } : { Type, message: error.message, ...fields };
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.code, ...error.details.headers },
    body: JSON.stringify(body),
  };
}
