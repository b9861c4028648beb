import { ApiError, type Input, type Operation, type Service, type StandardErrors, textOf } from '../api.ts';
import { restRoutes } from '../rest-routes.ts';
import type { Code } from './code.ts';
import type { LambdaFunction } from './function-state.ts';
import type { LambdaStore } from './store.ts';

const BUCKET = 'awslambda-tasks';
const SIGNATURE = 'local-aws-presigned';

/** Where GetFunction says that a package is: a presigned URL, which leads to S3 on AWS. */
export function snapshotPath(fn: LambdaFunction, code: Code): string {
  const signature = new URLSearchParams({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Expires': '600',
    'X-Amz-Signature': SIGNATURE,
  });
  return `/${BUCKET}/${fn.name}/${encodeURIComponent(code.codeSha256)}?${signature}`;
}

/** The signature carries the rights of who asked for the URL, so this needs none of its own. */
export function snapshotService(store: LambdaStore): Service {
  const download: Operation = {
    action: 'DownloadPackage',
    iamAction: 'lambda:GetFunction',
    method: 'GET',
    path: `/${BUCKET}/{FunctionName}/{CodeSha256}`,
    resourceOf: (input) => ({ name: textOf(input, 'FunctionName') ?? '', arn: `arn:aws:s3:::${BUCKET}` }),
    run: (input) => {
      if (input['X-Amz-Signature'] !== SIGNATURE) throw s3Errors.denied('Access Denied');
      const content = findContent(store, input);
      if (content === undefined) throw new ApiError(404, 'NoSuchKey', 'The specified key does not exist.');
      const headers = { 'content-type': 'application/zip' };
      return { status: 200, headers, body: Buffer.from(content, 'base64') };
    },
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

function findContent({ functions }: LambdaStore, input: Input): string | undefined {
  const fn = functions.get(textOf(input, 'FunctionName') ?? '');
  const codes = fn === undefined ? [] : [fn.code, fn.serving, ...fn.versions.map(({ code }) => code)];
  return codes.find(({ codeSha256 }) => codeSha256 === input.CodeSha256)?.content;
}

const s3Errors: StandardErrors = {
  throttled: () => new ApiError(503, 'SlowDown', 'Please reduce your request rate.'),
  unavailable: () => new ApiError(503, 'ServiceUnavailable', 'Please reduce your request rate.'),
  internal: () => new ApiError(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  denied: (message) => new ApiError(403, 'AccessDenied', message),
  expired: () => new ApiError(403, 'AccessDenied', 'Request has expired'),
};
