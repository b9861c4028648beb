import { ApiError, type Reply, type StandardErrors } from '../api.ts';
import { xmlDocument } from './xml.ts';

/** CloudFront's errors, in the words that AWS uses. */
export const CloudFrontErrors = {
  noSuchDistribution: () => new ApiError(404, 'NoSuchDistribution', 'The specified distribution does not exist.'),
  noSuchTenant: () => new ApiError(404, 'EntityNotFound', 'The specified entity does not exist.'),
  noSuchInvalidation: () => new ApiError(404, 'NoSuchInvalidation', 'The specified invalidation does not exist.'),
  invalid: (message: string) => new ApiError(400, 'InvalidArgument', message),
  missingBody: () =>
    new ApiError(
      400,
      'MissingBody',
      'This operation requires a body. Ensure that the body is present and the Content-Type header is set.',
    ),
  malformed: (cause: unknown) => new ApiError(400, 'MalformedInput', 'The XML document is malformed.', { cause }),
  inconsistentQuantities: () =>
    new ApiError(400, 'InconsistentQuantities', 'The value of Quantity and the size of Items do not match.'),
  tooMany: (what: string) =>
    new ApiError(
      400,
      'TooManyInvalidationsInProgress',
      `Processing your request will cause you to exceed the maximum number of ${what}.`,
    ),
};

export const standardErrors: StandardErrors = {
  throttled: () => new ApiError(400, 'Throttling', 'Rate exceeded'),
  unavailable: () => new ApiError(503, 'ServiceUnavailable', 'CloudFront is temporarily unable to handle the request.'),
  internal: () => new ApiError(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  denied: (message) => new ApiError(403, 'AccessDenied', message),
  expired: () => new ApiError(403, 'ExpiredToken', 'The security token included in the request is expired'),
};

export function toErrorReply(error: ApiError): Reply {
  const requestId = crypto.randomUUID();
  const Type = error.status >= 500 ? 'Receiver' : 'Sender';
  return {
    status: error.status,
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId, ...error.details.headers },
    body: xmlDocument('ErrorResponse', {
      Error: { Type, Code: error.code, Message: error.message },
      RequestId: requestId,
    }),
  };
}
