import { createHash } from 'node:crypto';
import { finished, Readable, type Writable } from 'node:stream';
import type { UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import type { Zip } from '../world.ts';
import type { GoesOn } from './attempt.ts';
import { changed, readPieces } from './file-pieces.ts';
import { reportSync } from './upload-progress.ts';

/** A multiple of 3, so that the base64 of the pieces is the base64 of the whole. */
const pieceBytes = 49_152;

/** How an empty ZipFile looks in the JSON; inside a string its quotes would be escaped. */
const placeholder = '"ZipFile":""';

/** What is used of smithy's HttpRequest. */
interface Request {
  headers: Record<string, string>;
  body?: unknown;
  clone(): Request;
}

/**
 * Makes an UpdateFunctionCode send the zip straight from the file. As `ZipFile`, a zip of 50 MB would be in memory as
 * bytes, as base64, as JSON and as a buffer of that: 300 MB.
 *
 * Relied on, as read in client-lambda 3.1162.0 (@smithy/core 3.41, signature-v4 5.7, node-http-handler 4.14):
 * - the serializer writes `"ZipFile":""` for an empty array; if not, the call fails before anything is sent;
 * - getPayloadHash takes a `x-amz-content-sha256` that is there already, and would not sign a stream otherwise;
 * - contentLengthMiddleware has run, so the length set here stands;
 * - retryMiddleware keeps the request it was given, and this one, behind it, changes a copy: each attempt gets a
 *   stream of its own, and there is no warning about streams that cannot be sent twice;
 * - writeBody pipes what is a Readable into the ClientRequest.
 */
export function streamZip(
  command: UpdateFunctionCodeCommand,
  zip: Zip,
  goesOn: GoesOn = () => undefined,
): UpdateFunctionCodeCommand {
  command.input.ZipFile = new Uint8Array();
  const send =
    <Args extends { request: unknown }, Answer>(next: (args: Args) => Promise<Answer>) =>
    async (args: Args): Promise<Answer> => {
      const request = (args.request as Request).clone();
      const around = splitBody(request.body);
      Object.assign(request.headers, measure(encode(zip, around)));
      const body = pipedWhole(Readable.from(reportSync(encode(zip, around), zip.bytes, goesOn), { objectMode: false }));
      request.body = body;
      try {
        return await next({ ...args, request });
      } finally {
        // Answered or not: what was not sent by now never will be.
        body.destroy();
      }
    };
  command.middlewareStack.addRelativeTo(send, {
    name: 'zipBody',
    relation: 'before',
    toMiddleware: 'httpSigningMiddleware',
  });
  return command;
}

function measure(pieces: Iterable<string>): Record<string, string> {
  const hash = createHash('sha256');
  let length = 0;
  for (const piece of pieces) {
    hash.update(piece);
    length += Buffer.byteLength(piece);
  }
  return { 'content-length': String(length), 'x-amz-content-sha256': hash.digest('hex') };
}

function splitBody(body: unknown): [before: string, after: string] {
  // Not Buffer.from, which asks for the value of the SDK's own kind of array, and the SDK warns.
  const json = body instanceof Uint8Array ? new TextDecoder().decode(body) : body;
  const [before, after, ...more] = typeof json === 'string' ? json.split(placeholder) : [];
  if (before === undefined || after === undefined || more.length > 0) {
    throw new DeployError(
      'unexpected',
      `The AWS SDK did not write ${placeholder} into the body of UpdateFunctionCode.`,
      {
        hint: 'This is a defect of this action and its version of the SDK: please report it. Until then, put the zip into S3 and give s3-bucket and s3-key.',
      },
    );
  }
  return [`${before}"ZipFile":"`, `"${after}`];
}

/** Ends in an error, before the last bytes, when the file is not the one that was packed. */
function* encode(
  { file, bytes, sha256 }: Zip,
  [before, after]: readonly [string, string],
): Generator<string, void, undefined> {
  const subject = `The zip "${plain(file)}"`;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(pieceBytes);
  yield before;
  for (const piece of readPieces({ file, bytes, subject }, () => buffer)) {
    hash.update(piece);
    yield piece.toString('base64');
  }
  if (hash.digest('base64') !== sha256) {
    throw changed(subject, 'its SHA-256 is another one now');
  }
  yield after;
}

/**
 * A stream whose `pipe`, which the SDK calls, ends both sides when either breaks off, as `pipeline` does; a bare pipe
 * leaves the file open when a request is aborted, and the request half-sent when the file cannot be read.
 */
function pipedWhole(body: Readable): Readable {
  const pipe = body.pipe.bind(body);
  body.pipe = (to, options) => {
    const request = to as unknown as Writable;
    finished(body, (error) => error && request.destroy(error));
    finished(request, () => body.destroy());
    return pipe(to, options);
  };
  return body;
}
