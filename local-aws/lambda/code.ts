import { type Input, recordOf, textOf } from '../api.ts';
import { isSupportedByLambda } from '../image-manifest.ts';
import { regionIn, resolveUri } from '../image-uri.ts';
import type { Images } from '../images.ts';
import { LambdaErrors } from './errors.ts';
import type { Home } from './identifiers.ts';
import type { Packages } from './packages.ts';
import { summariseZip, type Zip } from './zip.ts';

/** The code of a function or version: fixed once a tag was resolved or a package was read. */
export interface Code {
  /** An image's digest in hex, or a package's SHA-256 in base64. */
  codeSha256: string;
  codeSize: number;
  /** What the function runs on. */
  architecture: string;
  image: { uri: string; knownAs: string; resolvedUri: string; architecture: string | undefined } | undefined;
  /** The package in base64, where it can be had. */
  content?: string | undefined;
  /** The customer's key that encrypts a package; each update says it again. */
  sourceKmsKey?: string | undefined;
  /** Where the package is that is referred to; undefined for a copy, which is what an update makes by default. */
  s3Object?: { S3Bucket: string; S3Key: string; S3ObjectVersion?: string | undefined } | undefined;
}

/** Where code comes from. */
export interface CodeSources {
  home: Home;
  images: Images;
  packages: Packages;
}

/** What UpdateFunctionCode and CreateFunction name as code; says what is wrong in AWS's words. */
export function readCode(input: Input, packageType: 'Image' | 'Zip', architecture: string, sources: CodeSources): Code {
  const imageUri = textOf(input, 'ImageUri');
  const zip = readZip(input);
  const s3Key = textOf(input, 'S3Key');
  const given = [imageUri, zip, s3Key ?? textOf(input, 'S3Bucket')].filter((source) => source !== undefined);
  if (given.length === 0) throw LambdaErrors.invalid('Please provide a source for function code.');
  if (given.length > 1) {
    throw LambdaErrors.invalid('Please do not provide other FunctionCode parameters when providing one source.');
  }
  if (packageType === 'Image') {
    if (imageUri !== undefined) return imageCode(imageUri, architecture, sources);
    throw LambdaErrors.invalid('Please provide ImageUri when updating a function with packageType Image.');
  }
  if (imageUri !== undefined) {
    throw LambdaErrors.invalid("Please don't provide ImageUri when updating a function with packageType Zip.");
  }
  return {
    ...zipCode(zip ?? readObject(input, sources.packages), architecture),
    sourceKmsKey: textOf(input, 'SourceKMSKeyArn'),
    s3Object: readReference(input),
  };
}

function readReference(input: Input): Code['s3Object'] {
  if (input.S3ObjectStorageMode !== 'REFERENCE') return undefined;
  const [S3Bucket, S3Key] = [textOf(input, 'S3Bucket'), textOf(input, 'S3Key')];
  if (S3Bucket === undefined || S3Key === undefined) {
    throw LambdaErrors.invalid('S3ObjectStorageMode REFERENCE needs S3Bucket and S3Key.');
  }
  return { S3Bucket, S3Key, S3ObjectVersion: textOf(input, 'S3ObjectVersion') };
}

export function imageCode(uri: string, architecture: string, { home, images }: CodeSources): Code {
  const region = regionIn(uri);
  if (!/^\S+\/\S+[:@]\S+$/.test(uri) || (region !== undefined && region !== home.region)) {
    throw LambdaErrors.invalid(`Source image ${uri} is not valid. Provide a valid source image.`);
  }
  const image = images.find(uri);
  if (image === undefined) {
    throw LambdaErrors.invalid(`Source image ${uri} does not exist. Provide a valid source image.`);
  }
  if (!isSupportedByLambda(image)) {
    throw LambdaErrors.invalid(
      `The image manifest, config or layer media type for the source image ${uri} is not supported.`,
    );
  }
  return {
    codeSha256: image.digest.slice('sha256:'.length),
    // AWS reports no size for images.
    codeSize: 0,
    architecture,
    image: {
      uri,
      knownAs: images.nameOf(uri),
      resolvedUri: resolveUri(uri, image.digest),
      architecture: image.architecture,
    },
  };
}

export function zipCode(zip: Zip, architecture: string): Code {
  if (!zip.isZip) {
    throw LambdaErrors.invalid('Could not unzip uploaded file. Please check your file, then try to upload again.');
  }
  return { codeSha256: zip.sha256, codeSize: zip.bytes, architecture, image: undefined, content: zip.content };
}

/** Summed up while it arrived; in base64 where no wire was used. */
function readZip(input: Input): Zip | undefined {
  const base64 = textOf(input, 'ZipFile');
  if (base64 !== undefined) return summariseZip(Buffer.from(base64, 'base64'));
  return recordOf(input, 'ZipFile') as Zip | undefined;
}

function readObject(input: Input, packages: Packages): Zip {
  const bucket = textOf(input, 'S3Bucket');
  const key = textOf(input, 'S3Key');
  if (bucket === undefined || key === undefined) {
    throw LambdaErrors.invalid('Please provide both S3Bucket and S3Key parameters.');
  }
  return packages.read({ bucket, key, version: textOf(input, 'S3ObjectVersion') });
}
