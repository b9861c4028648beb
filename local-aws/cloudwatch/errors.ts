import { ApiError, type Reply, type StandardErrors } from '../api.ts';
import { startJsonProtocol } from '../json-protocol.ts';

/** Both the SDK 3.1162 and the AWS CLI (botocore 1.43) speak JSON 1.0 to CloudWatch. */
export const protocol = startJsonProtocol('1.0', 'GraniteServiceVersion20100801');

/** CloudWatch's errors; the codes are those of its old query protocol, which clients still go by. */
export const CloudWatchErrors = {
  validation: (message: string) => new ApiError(400, 'ValidationError', message),
  invalidNextToken: () => new ApiError(400, 'InvalidNextToken', 'The next token specified is invalid.'),
  notFound: () => new ApiError(404, 'ResourceNotFound', 'The named resource does not exist.'),
  malformed: (cause: unknown) =>
    new ApiError(400, 'SerializationException', 'The request body is not valid JSON.', { cause }),
};

export const standardErrors: StandardErrors = {
  throttled: () => new ApiError(400, 'Throttling', 'Rate exceeded'),
  unavailable: () => new ApiError(503, 'ServiceUnavailable', 'The service is unavailable.'),
  internal: () => new ApiError(500, 'InternalFailure', 'The request processing has failed.'),
  denied: (message) => new ApiError(403, 'AccessDenied', message),
  expired: () => new ApiError(403, 'ExpiredToken', 'The security token included in the request is expired'),
};

export function toErrorReply(error: ApiError): Reply {
  const fault = error.status < 500 ? 'Sender' : 'Receiver';
  const headers = { 'x-amzn-query-error': `${error.code};${fault}`, ...error.details.headers };
  const { status, code, message } = error;
  return protocol.toErrorReply(new ApiError(status, code, message, { headers }));
}
