import { Readable } from 'node:stream';
import type {
  CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommandOutput,
  DeleteObjectsCommandOutput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
  PutObjectCommandOutput,
  S3Client,
  UploadPartCommandOutput,
} from '@aws-sdk/client-s3';
import { type Part, partsOf } from '../assets/parts.ts';
import { DeployError } from '../errors.ts';
import { partitionOf } from '../partition.ts';
import { plain } from '../plain.ts';
import type { AssetFile, Assets, AssetUpload, Attempt, Bucket, SealedUpload } from '../world.ts';
import { changed, findAssets, fingerprint, readPart, readText } from './asset-files.ts';
import { attempt, type Call, type GoesOn } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';
import { patienceFor, report } from './upload-progress.ts';

const abandonMs = 3000;

/** Metadata of every object this action uploads. */
const mark = 'md5';

type Sdk = typeof import('./s3-sdk.ts');
type Send<Answer> = (sdk: Sdk, client: S3Client, signal: AbortSignal, goesOn: GoesOn) => Promise<Answer>;

export function connectAssets(region: string, cancelled: AbortSignal): Assets {
  const buckets = new Map<string, Bucket>();
  return {
    files: { find: findAssets, text: readText, fingerprint },
    bucket: (name, prefix) => {
      const place = `${name}/${prefix}`;
      const bucket = buckets.get(place) ?? connectBucket(name, prefix, region, cancelled);
      buckets.set(place, bucket);
      return bucket;
    },
  };
}

function connectBucket(bucket: string, prefix: string, runRegion: string, cancelled: AbortSignal): Bucket {
  const load = once(() => import(/* webpackMode: "eager" */ './s3-sdk.ts'));
  const clients = new Map<string, S3Client>();
  let region = runRegion || 'us-east-1';

  /** S3 says where a bucket is to whoever asks elsewhere; from then on this run asks there. */
  const send = async <Answer>(work: Send<Answer>, signal: AbortSignal, goesOn: GoesOn): Promise<Answer> => {
    const sdk = await load();
    const ask = (place: string) => {
      const client = clients.get(place) ?? connect(sdk, place);
      clients.set(place, client);
      return work(sdk, client, signal, goesOn);
    };
    const asked = region;
    try {
      return await ask(asked);
    } catch (error) {
      const home = regionIn(error);
      if (home === undefined || home === asked) {
        throw error;
      }
      region = home;
      return await ask(home);
    }
  };

  const call = <Answer, T>(
    action: string,
    work: Send<Answer>,
    read: (answer: Answer) => T | undefined,
    {
      deadline,
      file,
      bytes = 0,
      stop = cancelled,
    }: { deadline: number; file?: AssetFile; bytes?: number; stop?: AbortSignal },
  ): Promise<Attempt<T>> => {
    const arn = `arn:${partitionOf(region)}:s3:::${bucket}`;
    const whole: Call<T> = {
      action,
      resource: action === 's3:ListBucket' ? arn : `${arn}/${prefix}*`,
      subject: file === undefined ? `Bucket ${bucket}` : `"${plain(file.path)}" to bucket ${bucket}`,
      failure: 'upload-failed',
      send: (signal, goesOn) => send(work, signal, goesOn),
      read,
      explain: (name, said) => explain(name, said, bucket, file),
    };
    return attempt(whole, { patienceMs: patienceFor(bytes), deadline, cancelled: stop });
  };

  const naming = ({ key }: AssetUpload) => ({ Bucket: bucket, Key: key });
  const describing = (upload: SealedUpload) => ({
    ...naming(upload),
    ContentType: upload.headers.contentType,
    CacheControl: upload.headers.cacheControl,
    ContentEncoding: upload.headers.contentEncoding,
    ContentDisposition: upload.headers.contentDisposition,
    ContentLanguage: upload.headers.contentLanguage,
    Metadata: { [mark]: upload.fingerprint.etag },
  });

  return {
    list: (from, deadline) =>
      call(
        's3:ListBucket',
        (sdk, s3, abortSignal) =>
          s3.send(
            new sdk.ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix || undefined,
              ContinuationToken: from,
              // XML cannot hold every key.
              EncodingType: 'url',
            }),
            { abortSignal },
          ),
        readPage,
        { deadline },
      ),
    async readFingerprint(key, deadline) {
      const answer = await call(
        's3:GetObject',
        (sdk, s3, abortSignal) => s3.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
        ({ Metadata, $metadata }: HeadObjectCommandOutput) =>
          $metadata.httpStatusCode === 200 ? { found: Metadata?.[mark] } : undefined,
        { deadline },
      );
      return answer.kind === 'answered' ? { kind: 'answered', value: answer.value.found } : answer;
    },
    put: (upload, deadline) => {
      const { file, fingerprint } = upload;
      const whole = { start: 0, end: file.bytes };
      return call(
        's3:PutObject',
        (sdk, s3, signal, goesOn) =>
          sendPart(file, whole, { signal, goesOn }, (Body, abortSignal) =>
            s3.send(
              new sdk.PutObjectCommand({
                ...describing(upload),
                Body,
                ContentLength: file.bytes,
                ContentMD5: fingerprint.parts[0],
              }),
              { abortSignal },
            ),
          ),
        ({ ETag }: PutObjectCommandOutput) => (ETag ? true : undefined),
        { deadline, file, bytes: file.bytes },
      );
    },
    beginParts: (upload, deadline) =>
      call(
        's3:PutObject',
        (sdk, s3, abortSignal) => s3.send(new sdk.CreateMultipartUploadCommand(describing(upload)), { abortSignal }),
        ({ UploadId }: CreateMultipartUploadCommandOutput) => UploadId,
        { deadline, file: upload.file },
      ),
    putPart: (upload, UploadId, index, deadline) => {
      const { file, fingerprint } = upload;
      const part = partsOf(file.bytes)[index] ?? { start: 0, end: 0 };
      const bytes = part.end - part.start;
      return call(
        's3:PutObject',
        (sdk, s3, signal, goesOn) =>
          sendPart(file, part, { signal, goesOn }, (Body, abortSignal) =>
            s3.send(
              new sdk.UploadPartCommand({
                ...naming(upload),
                UploadId,
                PartNumber: index + 1,
                Body,
                ContentLength: bytes,
                ContentMD5: fingerprint.parts[index],
              }),
              { abortSignal },
            ),
          ),
        ({ ETag }: UploadPartCommandOutput) => ETag,
        { deadline, file, bytes },
      );
    },
    finishParts: (upload, UploadId, etags, deadline) =>
      call(
        's3:PutObject',
        (sdk, s3, abortSignal) =>
          s3.send(
            new sdk.CompleteMultipartUploadCommand({
              ...naming(upload),
              UploadId,
              MultipartUpload: { Parts: etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) },
            }),
            { abortSignal },
          ),
        ({ ETag }: CompleteMultipartUploadCommandOutput) => (ETag ? true : undefined),
        { deadline, file: upload.file },
      ),
    async abandonParts(upload, UploadId) {
      // A run that was cancelled has a moment left; should it fail, a lifecycle rule of the bucket is what is left.
      await call(
        's3:AbortMultipartUpload',
        (sdk, s3, abortSignal) =>
          s3.send(new sdk.AbortMultipartUploadCommand({ ...naming(upload), UploadId }), { abortSignal }),
        () => true,
        { deadline: performance.now() + abandonMs, stop: new AbortController().signal },
      );
    },
    delete: (keys, deadline) =>
      call(
        's3:DeleteObject',
        (sdk, s3, abortSignal) =>
          s3.send(
            new sdk.DeleteObjectsCommand({
              Bucket: bucket,
              Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
            }),
            { abortSignal },
          ),
        ({ Errors = [] }: DeleteObjectsCommandOutput) =>
          Errors.map(({ Key = '', Code }) => ({ key: Key, reason: awsText(Code) })),
        { deadline },
      ),
  };
}

/** The SDK warns on the console of each stream that it cannot send twice. It need not: a retry of ours reads anew. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function connect(sdk: Sdk, region: string): S3Client {
  return new sdk.S3Client({
    ...clientSettings(region),
    // Ours is the MD5 of the file as it was found, in Content-MD5; a second one over what is sent would prove less.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: silent,
    forcePathStyle: needsPathStyle(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL || ''),
  });
}

/** `bucket.127.0.0.1` is no name, and `bucket.localhost` or `bucket.minio` are not known to most resolvers. */
function needsPathStyle(endpoint: string): boolean {
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
  return host !== '' && (/^[\d.]+$|^\[/.test(host) || !host.includes('.'));
}

/** Sends a piece of a file. When that cannot be read any more, the request ends, and the error is that of the file. */
async function sendPart<Answer>(
  file: AssetFile,
  part: Part,
  { signal, goesOn }: { signal: AbortSignal; goesOn: GoesOn },
  send: (body: Buffer | Readable, signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const read = readPart(file, part);
  if (Buffer.isBuffer(read)) {
    return send(read, signal);
  }
  const body = Readable.from(report(read, part.end - part.start, goesOn), { objectMode: false });
  const broken = new AbortController();
  body.once('error', (error) => broken.abort(error));
  try {
    return await send(body, AbortSignal.any([signal, broken.signal]));
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error;
  } finally {
    // Answered or not: what was not sent by now never will be.
    body.destroy();
  }
}

function readPage({ Contents = [], KeyCount, IsTruncated, NextContinuationToken }: ListObjectsV2CommandOutput) {
  // An empty body is no empty bucket.
  if (KeyCount === undefined || (IsTruncated && !NextContinuationToken)) {
    return undefined;
  }
  const objects = Contents.map(({ Key = '', Size = 0, ETag = '' }) => ({
    key: decodeURIComponent(Key.replaceAll('+', ' ')),
    bytes: Size,
    etag: ETag.replaceAll('"', ''),
  }));
  return { objects, next: IsTruncated ? NextContinuationToken : undefined };
}

/** The Region of the bucket, where S3 says it: in a header, or in the answer to a signature for another Region. */
function regionIn(error: unknown): string | undefined {
  const { $response, Region } = error as { $response?: { headers?: Record<string, string> }; Region?: unknown };
  const region = $response?.headers?.['x-amz-bucket-region'] ?? Region;
  return typeof region === 'string' && /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region) ? region : undefined;
}

const otherRegion = new Set([
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
]);

function explain(name: string, said: string, bucket: string, file: AssetFile | undefined): DeployError | undefined {
  const quote = said === '' ? '' : ` AWS says: ${said}`;
  if (name === 'NoSuchBucket') {
    return new DeployError('not-found', `Bucket ${bucket} does not exist (${name}).`, {
      hint: 'See that assets-bucket and the AWS account are right; this action creates no buckets.',
    });
  }
  if (otherRegion.has(name)) {
    return new DeployError('upload-failed', `Bucket ${bucket} is in another Region (${name}).${quote}`, {
      hint: 'S3 did not say in which one, or another one than before: see where the bucket is, and set region.',
    });
  }
  if ((name === 'BadDigest' || name === 'InvalidDigest') && file !== undefined) {
    return changed(file);
  }
  const kms = /\bkms:\w+/.exec(said)?.[0];
  if (name === 'AccessDenied' && kms !== undefined) {
    return new DeployError(
      'access-denied',
      `The key that encrypts bucket ${bucket} may not be used (${name}).${quote}`,
      {
        hint: `Allow ${kms} on that key to the role of this job.`,
      },
    );
  }
  return undefined;
}
