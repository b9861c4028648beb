import { createHash } from 'node:crypto';
import { type Input, textOf } from '../api.ts';
import { type Images, resolveUri } from '../images.ts';
import { LambdaErrors } from './errors.ts';

/** The code of a function or version: fixed once a tag was resolved or a package was read. */
export interface Code {
  /** An image's digest in hex, or a package's SHA-256 in base64. */
  codeSha256: string;
  codeSize: number;
  /** What the function runs on. */
  architecture: string;
  image: { uri: string; resolvedUri: string; architecture: string | undefined } | undefined;
}

/** What UpdateFunctionCode and CreateFunction name as code; says what is wrong in AWS's words. */
export function readCode(input: Input, packageType: 'Image' | 'Zip', architecture: string, images: Images): Code {
  const imageUri = textOf(input, 'ImageUri');
  const zipFile = textOf(input, 'ZipFile');
  const s3Key = textOf(input, 'S3Key');
  const sources = [imageUri, zipFile, s3Key ?? textOf(input, 'S3Bucket')].filter((source) => source !== undefined);
  if (sources.length === 0) throw LambdaErrors.invalid('Please provide a source for function code.');
  if (sources.length > 1) {
    throw LambdaErrors.invalid('Please do not provide other FunctionCode parameters when providing one source.');
  }
  if (packageType === 'Image') {
    if (imageUri !== undefined) return imageCode(imageUri, architecture, images);
    throw LambdaErrors.invalid('Please provide ImageUri when updating a function with packageType Image.');
  }
  if (imageUri !== undefined) {
    throw LambdaErrors.invalid("Please don't provide ImageUri when updating a function with packageType Zip.");
  }
  return zipFile === undefined ? s3Code(input, architecture) : zipCode(zipFile, architecture);
}

export function imageCode(uri: string, architecture: string, images: Images): Code {
  if (!/^\S+\/\S+[:@]\S+$/.test(uri)) {
    throw LambdaErrors.invalid(`Source image ${uri} is not valid. Provide a valid source image.`);
  }
  const image = images.find(uri);
  if (image === undefined) {
    throw LambdaErrors.invalid(`Source image ${uri} does not exist. Provide a valid source image.`);
  }
  if (image.index === true) {
    throw LambdaErrors.invalid(
      `The image manifest, config or layer media type for the source image ${uri} is not supported.`,
    );
  }
  return {
    codeSha256: image.digest.slice('sha256:'.length),
    // AWS reports no size for images.
    codeSize: 0,
    architecture,
    image: { uri, resolvedUri: resolveUri(uri, image.digest), architecture: image.architecture },
  };
}

export function zipCode(base64: string, architecture: string): Code {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.subarray(0, 2).toString('latin1') !== 'PK') {
    throw LambdaErrors.invalid('Could not unzip uploaded file. Please check your file, then try to upload again.');
  }
  return { codeSha256: sha256(bytes), codeSize: bytes.length, architecture, image: undefined };
}

/** Without an S3 in here, an object's name stands for its bytes. */
function s3Code(input: Input, architecture: string): Code {
  const bucket = textOf(input, 'S3Bucket');
  const key = textOf(input, 'S3Key');
  if (bucket === undefined || key === undefined) {
    throw LambdaErrors.invalid('Please provide both S3Bucket and S3Key parameters.');
  }
  const name = `${bucket}/${key}/${textOf(input, 'S3ObjectVersion') ?? ''}`;
  return { codeSha256: sha256(Buffer.from(name)), codeSize: name.length, architecture, image: undefined };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}
