import type { ApiRequest, Input, Operation, Reply, Service } from '../api.ts';
import { textOf } from '../api.ts';
import { headerOf } from './body.ts';
import { findBucket, type S3Store } from './buckets.ts';
import { S3Errors, standardErrors, toErrorReply } from './errors.ts';
import { listObjects } from './list.ts';
import { abortUpload, completeUpload, createUpload, listParts, listUploads, uploadPart } from './multipart.ts';
import { deleteMany, deleteOne, getObject, putObject, type S3Call, xmlReply } from './objects.ts';

type Run = (call: S3Call) => Reply;

/** What S3 tells its calls apart by: method, whether there is a key, and a name in the query. First match wins. */
const OPERATIONS: [action: string, iamAction: string, method: string, on: 'bucket' | 'key', query: string, run: Run][] =
  [
    ['UploadPart', 's3:PutObject', 'PUT', 'key', 'uploadId', uploadPart],
    ['PutObject', 's3:PutObject', 'PUT', 'key', '', putObject],
    ['ListParts', 's3:ListMultipartUploadParts', 'GET', 'key', 'uploadId', listParts],
    ['GetObject', 's3:GetObject', 'GET', 'key', '', getObject],
    ['HeadObject', 's3:GetObject', 'HEAD', 'key', '', getObject],
    ['AbortMultipartUpload', 's3:AbortMultipartUpload', 'DELETE', 'key', 'uploadId', abortUpload],
    ['DeleteObject', 's3:DeleteObject', 'DELETE', 'key', '', deleteOne],
    ['CreateMultipartUpload', 's3:PutObject', 'POST', 'key', 'uploads', createUpload],
    ['CompleteMultipartUpload', 's3:PutObject', 'POST', 'key', 'uploadId', completeUpload],
    // No right of its own: each key takes s3:DeleteObject.
    ['DeleteObjects', 's3:DeleteObjects', 'POST', 'bucket', 'delete', deleteMany],
    ['ListMultipartUploads', 's3:ListBucketMultipartUploads', 'GET', 'bucket', 'uploads', listUploads],
    ['GetBucketLocation', 's3:GetBucketLocation', 'GET', 'bucket', 'location', bucketLocation],
    ['ListObjectsV2', 's3:ListBucket', 'GET', 'bucket', 'list-type', listObjects],
    ['HeadBucket', 's3:ListBucket', 'HEAD', 'bucket', '', () => ({ status: 200, headers: {}, body: '' })],
  ];

export function s3Service(store: S3Store): Service {
  const requests = new WeakMap<Input, ApiRequest>();
  const routes = OPERATIONS.map(([action, iamAction, method, on, query, run]) => {
    const operation: Operation = {
      action,
      iamAction,
      method,
      path: on === 'key' ? '/{Bucket}/{Key}' : '/{Bucket}',
      resourceOf: (input) => {
        const name = [textOf(input, 'Bucket') ?? '', textOf(input, 'Key')]
          .filter((part) => part !== undefined)
          .join('/');
        return { name, arn: `arn:aws:s3:::${name}` };
      },
      run: (input) => {
        const request = requests.get(input);
        if (request === undefined) throw new Error(`local-aws cannot apply ${action} without a request.`);
        const bucket = findBucket(store, textOf(input, 'Bucket') ?? '');
        return run({ store, bucket, key: textOf(input, 'Key') ?? '', request });
      },
    };
    return { operation, on, query };
  });
  return {
    name: 's3',
    operations: routes.map(({ operation }) => operation),
    match: (request) => {
      const place = placeOf(store, request);
      if (place === undefined) return undefined;
      const found = routes.find(
        ({ operation, on, query }) =>
          operation.method === request.method &&
          (on === 'key') === (place.Key !== undefined) &&
          (query === '' || request.query.has(query)),
      );
      return found && { operation: found.operation, params: place };
    },
    readInput: (request, _, params) => {
      // The log of calls shows what was asked; the bytes are in the bucket.
      const input: Input = { ...Object.fromEntries(request.query), ...params, bytes: request.size };
      requests.set(input, request);
      const region = store.buckets.get(params.Bucket ?? '')?.region;
      const asked = signedFor(request)?.region;
      if (region !== undefined && asked !== undefined && region !== asked) {
        throw S3Errors.otherRegion(params.Bucket ?? '', region, asked);
      }
      return input;
    },
    toErrorReply,
    errors: standardErrors,
  };
}

function bucketLocation({ bucket }: S3Call): Reply {
  return xmlReply('LocationConstraint', bucket.region === 'us-east-1' ? [] : [['Region', bucket.region]]);
}

/** What a request was signed for: `…/20260101/us-east-1/s3/aws4_request`. */
function signedFor(request: ApiRequest): { region: string; service: string } | undefined {
  const credential = headerOf(request, 'authorization') ?? request.query.get('X-Amz-Credential') ?? '';
  const [, region, service] = /\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(credential) ?? [];
  return region === undefined || service === undefined ? undefined : { region, service };
}

/** In the path, or in front of the host: `assets.s3.eu-west-1.amazonaws.com`, `assets.localhost:4566`. */
function placeOf(store: S3Store, request: ApiRequest): Record<string, string> | undefined {
  if (signedFor(request)?.service !== 's3') return undefined;
  const path = decode(request.path.slice(1));
  const host = headerOf(request, 'host') ?? '';
  const [, named] = /^(.+?)\.(?:s3[.-]|localhost(?::|$))/.exec(host) ?? [];
  const bucket = named ?? [...store.buckets.keys()].find((name) => host.startsWith(`${name}.`));
  if (bucket !== undefined) return withKey(bucket, path);
  const slash = path.indexOf('/');
  return slash === -1 ? withKey(path, '') : withKey(path.slice(0, slash), path.slice(slash + 1));
}

function withKey(bucket: string, key: string): Record<string, string> {
  return key === '' ? { Bucket: bucket } : { Bucket: bucket, Key: key };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
