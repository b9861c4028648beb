import { ApiError, type Reply, type StandardErrors } from '../api.ts';

/** ECR's errors, in the words that AWS uses. */
export const EcrErrors = {
  invalid: (message: string) => new ApiError(400, 'InvalidParameterException', message),
  malformed: (cause: unknown) =>
    new ApiError(400, 'SerializationException', 'The request body is not valid JSON.', { cause }),
  repositoryNotFound: (name: string, registryId: string) =>
    new ApiError(
      400,
      'RepositoryNotFoundException',
      `The repository with name '${name}' does not exist in the registry with id '${registryId}'`,
    ),
  imageNotFound: (id: { imageDigest?: string; imageTag?: string }, name: string, registryId: string) =>
    new ApiError(
      400,
      'ImageNotFoundException',
      `The image with imageId {imageDigest:'${id.imageDigest ?? 'null'}', imageTag:'${id.imageTag ?? 'null'}'} does not exist within the repository with name '${name}' in the registry with id '${registryId}'`,
    ),
  layersNotFound: (digest: string, name: string, registryId: string) =>
    new ApiError(
      400,
      'LayersNotFoundException',
      `The layer with digest '${digest}' does not exist in the repository with name '${name}' in the registry with id '${registryId}'`,
    ),
  digestMismatch: (given: string, actual: string) =>
    new ApiError(
      400,
      'ImageDigestDoesNotMatchException',
      `The image digest '${given}' does not match the digest '${actual}' of the manifest`,
    ),
  alreadyExists: (digest: string, tag: string | undefined, name: string, registryId: string) =>
    new ApiError(
      400,
      'ImageAlreadyExistsException',
      `Image with digest '${digest}' and tag '${tag ?? 'null'}' already exists in the repository with name '${name}' in registry with id '${registryId}'`,
    ),
};

/** Also refusals are 400 here. */
export const standardErrors: StandardErrors = {
  throttled: () => new ApiError(400, 'ThrottlingException', 'Rate exceeded'),
  unavailable: () => new ApiError(503, 'ServiceUnavailableException', 'The service is unavailable.'),
  internal: () => new ApiError(500, 'ServerException', 'An internal error occurred.'),
  denied: (message) => new ApiError(400, 'AccessDeniedException', message),
  expired: () => new ApiError(400, 'ExpiredTokenException', 'The security token included in the request is expired'),
};

export function toErrorReply(error: ApiError): Reply {
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.1', ...error.details.headers },
    body: JSON.stringify({ __type: error.code, message: error.message }),
  };
}
