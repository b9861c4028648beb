import { ApiError, type Reply, type StandardErrors } from '../api.ts';
import { xmlError } from './xml.ts';

/** S3's errors, in the words that AWS uses. */
export const S3Errors = {
  noSuchBucket: (bucket: string) =>
    new ApiError(404, 'NoSuchBucket', 'The specified bucket does not exist', { fields: { BucketName: bucket } }),
  noSuchKey: (key: string) =>
    new ApiError(404, 'NoSuchKey', 'The specified key does not exist.', { fields: { Key: key } }),
  noSuchUpload: () =>
    new ApiError(
      404,
      'NoSuchUpload',
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    ),
  invalidPart: () =>
    new ApiError(
      400,
      'InvalidPart',
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
  tooSmall: () =>
    new ApiError(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed object size.'),
  badDigest: (what: string) =>
    new ApiError(400, 'BadDigest', `The ${what} you specified did not match what we received.`),
  incomplete: () =>
    new ApiError(
      400,
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header.',
    ),
  missingDigest: () =>
    new ApiError(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*'),
  malformed: (cause?: unknown) =>
    new ApiError(
      400,
      'MalformedXML',
      'The XML you provided was not well-formed or did not validate against our published schema',
      { cause },
    ),
  keyTooLong: () => new ApiError(400, 'KeyTooLongError', 'Your key is too long'),
  notImplemented: () =>
    new ApiError(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented.'),
  /**
   * How S3 says where a bucket is depends on who is asked: the endpoint of us-east-1 leads there, where the signature is
   * for the wrong Region; others do not lead there.
   */
  otherRegion: (bucket: string, region: string, asked: string) => {
    return asked === 'us-east-1'
      ? new ApiError(
          400,
          'AuthorizationHeaderMalformed',
          `The authorization header is malformed; the region '${asked}' is wrong; expecting '${region}'`,
          { fields: { Region: region } },
        )
      : new ApiError(
          301,
          'PermanentRedirect',
          'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
          {
            headers: { 'x-amz-bucket-region': region },
            fields: { Endpoint: `${bucket}.s3.${region}.amazonaws.com`, Bucket: bucket },
          },
        );
  },
};

export const standardErrors: StandardErrors = {
  throttled: () => new ApiError(503, 'SlowDown', 'Please reduce your request rate.'),
  unavailable: () => new ApiError(503, 'ServiceUnavailable', 'Service is unable to handle request.'),
  internal: () => new ApiError(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  denied: (message) => new ApiError(403, 'AccessDenied', message),
  expired: () => new ApiError(400, 'ExpiredToken', 'The provided token has expired.'),
};

export function toErrorReply(error: ApiError): Reply {
  const requestId = crypto.randomUUID();
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId, ...error.details.headers },
    body: xmlError([
      ['Code', error.code],
      ['Message', error.message],
      ...Object.entries(error.details.fields ?? {}),
      ['RequestId', requestId],
    ]),
  };
}
