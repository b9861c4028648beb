import { ApiError, type Input, type Operation, type Reply, type Service, type StandardErrors, textOf } from '../api.ts';
import { restRoutes } from '../rest-routes.ts';
import { EcrErrors } from './errors.ts';
import { jsonReply } from './json-reply.ts';
import { type EcrStore, findRepositories, type Place, readPlace } from './repositories.ts';

const BUCKET = 'starport-layer-bucket';

/** Only configurations can be had: layers are sizes in a manifest. */
export function getDownloadUrlForLayer(store: EcrStore, input: Input): Reply {
  const place = readPlace(store, input);
  const layerDigest = textOf(input, 'layerDigest') ?? '';
  if (findBlob(store, place, layerDigest) === undefined) {
    throw EcrErrors.layersNotFound(layerDigest, place.repositoryName, place.registryId);
  }
  const object = [place.registryId, place.repositoryName, layerDigest].map(encodeURIComponent).join('/');
  const signature = new URLSearchParams({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Date': new Date().toISOString().replace(/[-:]|\.\d+/g, ''),
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Expires': '3600',
    'X-Amz-Signature': SIGNATURE,
  });
  return jsonReply({ downloadUrl: `${store.url}/${BUCKET}/${object}?${signature}`, layerDigest });
}

const SIGNATURE = 'local-aws-presigned';

/**
 * Where the URL leads: S3 on AWS. The signature carries the rights of who asked for the URL, so this needs no right of
 * its own.
 */
export function layerService(store: EcrStore): Service {
  const download: Operation = {
    action: 'DownloadLayer',
    iamAction: 'ecr:GetDownloadUrlForLayer',
    method: 'GET',
    path: `/${BUCKET}/{registryId}/{repositoryName}/{layerDigest}`,
    resourceOf: (input) => ({
      name: textOf(input, 'repositoryName') ?? '',
      arn: `arn:aws:s3:::${BUCKET}/${textOf(input, 'layerDigest')}`,
    }),
    run: (input) => downloadLayer(store, input),
  };
  return {
    name: 's3',
    operations: [download],
    match: restRoutes([download]),
    readInput: (request, _operation, params) => ({ ...Object.fromEntries(request.query), ...params }),
    toErrorReply: (error) => ({
      status: error.status,
      headers: { 'content-type': 'application/xml', ...error.details.headers },
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${error.code}</Code><Message>${error.message}</Message></Error>`,
    }),
    errors: s3Errors,
  };
}

function downloadLayer(store: EcrStore, input: Input): Reply {
  if (input['X-Amz-Signature'] !== SIGNATURE) throw s3Errors.denied('Access Denied');
  const blob = findBlob(store, readPlace(store, input), textOf(input, 'layerDigest') ?? '');
  if (blob === undefined) throw new ApiError(404, 'NoSuchKey', 'The specified key does not exist.');
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: blob };
}

function findBlob(store: EcrStore, place: Place, digest: string): Buffer | undefined {
  const repositories = findRepositories(store, place);
  return repositories.map(({ blobs }) => blobs.get(digest)).find((blob) => blob !== undefined);
}

const s3Errors: StandardErrors = {
  throttled: () => new ApiError(503, 'SlowDown', 'Please reduce your request rate.'),
  unavailable: () => new ApiError(503, 'ServiceUnavailable', 'Please reduce your request rate.'),
  internal: () => new ApiError(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  denied: (message) => new ApiError(403, 'AccessDenied', message),
  expired: () => new ApiError(403, 'AccessDenied', 'Request has expired'),
};
