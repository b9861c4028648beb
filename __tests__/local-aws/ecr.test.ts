import { createHash } from 'node:crypto';
import {
  BatchGetImageCommand,
  type BatchGetImageCommandInput,
  DescribeImagesCommand,
  type ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
  type ImageIdentifier,
  PutImageCommand,
} from '@aws-sdk/client-ecr';
import { InvokeCommand, UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import type { Image } from '../../local-aws/image-manifest.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { connect, QUICK, REPOSITORY, startAws } from './clients.ts';

const WEB = { repositoryName: 'web' };
const V2 = `${REPOSITORY}:v2`;
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

function digestOf(text: string | Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

interface Manifest {
  mediaType: string;
  config: { mediaType: string; digest: string; size: number };
  layers: { mediaType: string; size: number }[];
  manifests: {
    mediaType: string;
    digest: string;
    platform: { os: string; architecture: string; variant?: string };
    annotations?: Record<string, string>;
  }[];
}

async function getImage(ecr: ECRClient, imageId: ImageIdentifier, more: Partial<BatchGetImageCommandInput> = {}) {
  const { images, failures } = await ecr.send(new BatchGetImageCommand({ ...WEB, imageIds: [imageId], ...more }));
  const [image] = images ?? [];
  const manifest = JSON.parse(image?.imageManifest ?? '{}') as Manifest;
  return { image, manifest, failure: failures?.[0], digest: image?.imageId?.imageDigest ?? '' };
}

async function configOf(ecr: ECRClient, layerDigest: string): Promise<Record<string, unknown>> {
  const { downloadUrl = '' } = await ecr.send(new GetDownloadUrlForLayerCommand({ ...WEB, layerDigest }));
  const bytes = Buffer.from(await (await fetch(downloadUrl)).arrayBuffer());
  expect(digestOf(bytes)).toBe(layerDigest);
  return JSON.parse(bytes.toString()) as Record<string, unknown>;
}

function update(aws: LocalAws, ImageUri: string) {
  return connect(aws).lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ImageUri }));
}

describe('a sign-in', () => {
  it('is good for twelve hours', async () => {
    const { ecr } = connect(await startAws());
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
    const [data] = authorizationData ?? [];
    expect(Buffer.from(data?.authorizationToken ?? '', 'base64').toString()).toBe('AWS:123456789012-auth-token');
    expect(data?.proxyEndpoint).toBe('https://123456789012.dkr.ecr.us-east-1.amazonaws.com');
    const hours = ((data?.expiresAt?.getTime() ?? 0) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11.9);
    expect(hours).toBeLessThan(12.1);
  });

  it('can hand out another password, and is logged without it', async () => {
    const aws = await startAws({ registry: { password: 'a:secret' } });
    const { authorizationData } = await connect(aws).ecr.send(new GetAuthorizationTokenCommand({}));
    expect(Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString()).toBe('AWS:a:secret');
    expect(JSON.stringify(aws.calls)).not.toContain('secret');
    expect(aws.calls).toMatchObject([{ service: 'ecr', iamAction: 'ecr:GetAuthorizationToken', arn: '*' }]);
  });
});

describe('a manifest', () => {
  it.each<{ name: string; image: Image; manifestType: string; configType: string; platform: object }>([
    {
      name: 'by default docker’s',
      image: {},
      manifestType: DOCKER,
      configType: 'application/vnd.docker.container.image.v1+json',
      platform: { os: 'linux', architecture: 'amd64' },
    },
    {
      name: 'OCI’s on demand',
      image: { mediaTypes: 'oci', architecture: 'arm64' },
      manifestType: OCI,
      configType: 'application/vnd.oci.image.config.v1+json',
      platform: { os: 'linux', architecture: 'arm64' },
    },
  ])('is $name, hashes to its digest, and leads to the configuration', async ({ image, ...expected }) => {
    const aws = await startAws({ images: { [V2]: image } });
    const { ecr } = connect(aws);
    const { image: found, manifest, digest } = await getImage(ecr, { imageTag: 'v2' });
    expect(found).toMatchObject({
      registryId: '123456789012',
      repositoryName: 'web',
      imageId: { imageTag: 'v2' },
      imageManifestMediaType: expected.manifestType,
    });
    expect(manifest).toMatchObject({ mediaType: expected.manifestType, config: { mediaType: expected.configType } });
    expect(digest).toBe(digestOf(found?.imageManifest ?? ''));
    expect(await configOf(ecr, manifest.config.digest)).toMatchObject(expected.platform);
    expect((await update(aws, V2)).CodeSha256).toBe(digest.slice('sha256:'.length));
  });

  it('is kept for a digest that was given, and need not hash to it', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { ecr } = connect(await startAws({ images: { [V2]: digest } }));
    expect((await getImage(ecr, { imageTag: 'v2' })).digest).toBe(digest);
    expect((await getImage(ecr, { imageDigest: digest })).image?.imageManifestMediaType).toBe(DOCKER);
  });

  it('names the architecture of the function set up with its repository', async () => {
    const functions = [{ name: 'web', imageUri: `${REPOSITORY}:v1`, architecture: 'arm64' as const }];
    const { ecr } = connect(await startAws({ functions, images: { [V2]: {} } }));
    for (const imageTag of ['v1', 'v2', 'unknown']) {
      const { manifest } = await getImage(ecr, { imageTag });
      expect(await configOf(ecr, manifest.config.digest)).toMatchObject({ architecture: 'arm64' });
    }
  });

  it('of an index with attestations names its image and an unknown platform', async () => {
    const aws = await startAws({ images: { [V2]: { index: true, architecture: 'arm64' } } });
    const { ecr } = connect(aws);
    const { manifest, image } = await getImage(ecr, { imageTag: 'v2' });
    expect(image?.imageManifestMediaType).toBe(OCI_INDEX);
    const [child, attestation] = manifest.manifests;
    expect(child?.platform).toEqual({ os: 'linux', architecture: 'arm64' });
    expect(attestation).toMatchObject({
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': child?.digest,
      },
    });
    const unsupported = {
      name: 'InvalidParameterValueException',
      message: expect.stringContaining('The image manifest, config or layer media type for the source image'),
    };
    await expect(update(aws, V2)).rejects.toMatchObject(unsupported);
    await expect(update(aws, `${REPOSITORY}@${attestation?.digest}`)).rejects.toMatchObject(unsupported);
    expect((await getImage(ecr, { imageDigest: child?.digest })).image?.imageManifestMediaType).toBe(OCI);
    expect(await update(aws, `${REPOSITORY}@${child?.digest}`)).toMatchObject({
      CodeSha256: child?.digest.slice('sha256:'.length),
    });
  });

  it('of several platforms leads to one image for each', async () => {
    const platforms = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'];
    const aws = await startAws({ images: { [V2]: { platforms, mediaTypes: 'docker' } } });
    const { ecr, lambda } = connect(aws);
    const { manifest } = await getImage(ecr, { imageTag: 'v2' });
    expect(manifest.mediaType).toBe(DOCKER_LIST);
    expect(manifest.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ]);
    await expect(update(aws, V2)).rejects.toThrow('is not supported');
    // The function is x86_64, so the second one deploys and then does not run.
    await update(aws, `${REPOSITORY}@${manifest.manifests[1]?.digest}`);
    await waitUntilFunctionUpdatedV2({ client: lambda, ...QUICK }, { FunctionName: 'web' });
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: 'web' }));
    expect(Payload?.transformToString()).toContain('exec format error');
  });

  it('comes in a format that is accepted: converted by tag, as it is by digest', async () => {
    const index = `${REPOSITORY}:index`;
    const { ecr } = connect(await startAws({ images: { [V2]: {}, [index]: { index: true } } }));
    const stored = await getImage(ecr, { imageTag: 'v2' }, { acceptedMediaTypes: [OCI, DOCKER] });
    expect(stored.image?.imageManifestMediaType).toBe(DOCKER);
    const converted = await getImage(ecr, { imageTag: 'v2' }, { acceptedMediaTypes: [OCI] });
    expect(converted.image?.imageManifestMediaType).toBe(OCI);
    expect(converted.manifest).toMatchObject({
      mediaType: OCI,
      config: { ...stored.manifest.config, mediaType: 'application/vnd.oci.image.config.v1+json' },
    });
    const imageId = { imageDigest: stored.digest };
    expect((await getImage(ecr, imageId, { acceptedMediaTypes: [OCI] })).manifest).toEqual(stored.manifest);
    const refused = await getImage(ecr, { imageTag: 'index' }, { acceptedMediaTypes: [OCI, DOCKER] });
    expect(refused.failure).toMatchObject({ failureCode: 'ImageNotFound', imageId: { imageTag: 'index' } });
  });
});

describe('a tag', () => {
  it('can be moved at any time, and what it named before stays', async () => {
    const aws = await startAws();
    const { ecr } = connect(aws);
    const first = aws.images.push(V2, { content: 'first' });
    expect((await getImage(ecr, { imageTag: 'v2' })).digest).toBe(first);
    const second = aws.images.push(V2, { content: 'second' });
    expect((await getImage(ecr, { imageTag: 'v2' })).digest).toBe(second);
    expect((await getImage(ecr, { imageDigest: first })).digest).toBe(first);
    expect(aws.images.push(`${REPOSITORY}:other`, { content: 'first' })).toBe(first);
    const both = await getImage(ecr, { imageTag: 'v2', imageDigest: first });
    expect(both.failure?.failureCode).toBe('ImageTagDoesNotMatchDigest');
  });

  it('can be given to a manifest that is there', async () => {
    const aws = await startAws({ images: { [V2]: { architecture: 'arm64' } } });
    const { ecr } = connect(aws);
    const { image, digest } = await getImage(ecr, { imageTag: 'v2' });
    const { imageManifest } = image ?? {};
    const put = new PutImageCommand({ ...WEB, imageManifest, imageTag: 'stable' });
    expect((await ecr.send(put)).image?.imageId).toEqual({ imageDigest: digest, imageTag: 'stable' });
    expect(aws.calls.at(-1)).toMatchObject({ action: 'PutImage', effect: true });
    await expect(ecr.send(put)).rejects.toMatchObject({ name: 'ImageAlreadyExistsException' });
    expect((await update(aws, `${REPOSITORY}:stable`)).CodeSha256).toBe(digest.slice('sha256:'.length));
    const wrong = { ...WEB, imageManifest, imageDigest: `sha256:${'0'.repeat(64)}` };
    await expect(ecr.send(new PutImageCommand(wrong))).rejects.toMatchObject({
      name: 'ImageDigestDoesNotMatchException',
    });
    await expect(ecr.send(new PutImageCommand({ ...WEB, imageManifest: 'no' }))).rejects.toThrow('Invalid JSON syntax');
  });
});

describe('images are described', () => {
  it('by tag and by digest, with type, tags and size', async () => {
    const images = { [V2]: {}, [`${REPOSITORY}:index`]: { index: true } };
    const { ecr } = connect(await startAws({ images }));
    const imageIds = [{ imageTag: 'v2' }, { imageTag: 'index' }];
    const { imageDetails } = await ecr.send(new DescribeImagesCommand({ ...WEB, imageIds }));
    const { digest, manifest } = await getImage(ecr, { imageTag: 'v2' });
    const imageSizeInBytes = manifest.config.size + (manifest.layers[0]?.size ?? 0);
    expect(imageDetails).toMatchObject([
      { imageDigest: digest, imageTags: ['v2'], imageManifestMediaType: DOCKER, imageSizeInBytes },
      { imageTags: ['index'], imageManifestMediaType: OCI_INDEX, imageSizeInBytes: expect.any(Number) },
    ]);
    expect(imageDetails?.[0]?.imagePushedAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
    const byDigest = new DescribeImagesCommand({ ...WEB, imageIds: [{ imageDigest: digest }] });
    expect((await ecr.send(byDigest)).imageDetails).toEqual(imageDetails?.slice(0, 1));
  });

  it('in pages, tagged or not', async () => {
    const { ecr } = connect(await startAws({ images: { [V2]: {}, [`${REPOSITORY}:index`]: { index: true } } }));
    const list = (input: object) => ecr.send(new DescribeImagesCommand({ ...WEB, ...input }));
    const tags = async (input: object) => (await list(input)).imageDetails?.map(({ imageTags }) => imageTags?.[0]);
    expect(await tags({ filter: { tagStatus: 'TAGGED' } })).toEqual(['v2', 'index', 'v1']);
    expect(await tags({ filter: { tagStatus: 'UNTAGGED' } })).toEqual([undefined, undefined]);
    const first = await list({ maxResults: 3 });
    const second = await list({ maxResults: 3, nextToken: first.nextToken });
    expect([first.imageDetails?.length, second.imageDetails?.length, second.nextToken]).toEqual([3, 2, undefined]);
  });
});

describe('what is not there', () => {
  it('is there by default, for ECR as for Lambda', async () => {
    const aws = await startAws();
    const { digest } = await getImage(connect(aws).ecr, { imageTag: 'unheard-of' });
    const updated = await update(aws, `${REPOSITORY}:unheard-of`);
    expect(updated.CodeSha256).toBe(digest.slice('sha256:'.length));
    const imageDigest = `sha256:${'e'.repeat(64)}`;
    expect((await getImage(connect(aws).ecr, { imageDigest })).digest).toBe(imageDigest);
  });

  it('is refused by name where unknown images are', async () => {
    const { ecr } = connect(await startAws({ unknownImages: 'reject' }));
    const missing = { imageTag: 'gone' };
    expect((await getImage(ecr, missing)).failure).toEqual({
      imageId: missing,
      failureCode: 'ImageNotFound',
      failureReason: 'Requested image not found',
    });
    await expect(ecr.send(new DescribeImagesCommand({ ...WEB, imageIds: [missing] }))).rejects.toMatchObject({
      name: 'ImageNotFoundException',
      message:
        "The image with imageId {imageDigest:'null', imageTag:'gone'} does not exist within the repository with name 'web' in the registry with id '123456789012'",
    });
    await expect(getImage(ecr, missing, { repositoryName: 'shop/api' })).rejects.toMatchObject({
      name: 'RepositoryNotFoundException',
      message: "The repository with name 'shop/api' does not exist in the registry with id '123456789012'",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(getImage(ecr, { imageTag: 'v1' }, { registryId: '999999999999' })).rejects.toMatchObject({
      name: 'RepositoryNotFoundException',
    });
    const layerDigest = `sha256:${'0'.repeat(64)}`;
    await expect(ecr.send(new GetDownloadUrlForLayerCommand({ ...WEB, layerDigest }))).rejects.toMatchObject({
      name: 'LayersNotFoundException',
    });
  });

  it.each([
    { name: 'no tag and no digest', imageId: {}, failureCode: 'MissingDigestAndTag' },
    { name: 'half a digest', imageId: { imageDigest: 'sha256:xyz' }, failureCode: 'InvalidImageDigest' },
    { name: 'a tag that is none', imageId: { imageTag: 'a b' }, failureCode: 'InvalidImageTag' },
  ])('$name fails on its own', async ({ imageId, failureCode }) => {
    const { ecr } = connect(await startAws());
    const imageIds = [{ imageTag: 'v1' }, imageId];
    const { images, failures } = await ecr.send(new BatchGetImageCommand({ ...WEB, imageIds }));
    expect(images).toMatchObject([{ imageId: { imageTag: 'v1' } }]);
    expect(failures).toMatchObject([{ imageId, failureCode }]);
  });

  it.each([
    { name: 'no repository', input: { repositoryName: 'NO' } },
    { name: 'no images', input: { imageIds: [] } },
  ])('$name is an error', async ({ input }) => {
    const { ecr } = connect(await startAws());
    await expect(getImage(ecr, { imageTag: 'v1' }, input)).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('is what Lambda cannot use: another Region', async () => {
    const aws = await startAws();
    const uri = V2.replace('us-east-1', 'eu-west-1');
    await expect(update(aws, uri)).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: `Source image ${uri} is not valid. Provide a valid source image.`,
    });
  });
});

describe('rights and faults', () => {
  it('are ECR’s own', async () => {
    const aws = await startAws({ deny: ['ecr:BatchGetImage', 'ecr:GetAuthorizationToken'] });
    const { ecr } = connect(aws);
    const denied = (action: string, resource: string) => ({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`is not authorized to perform: ecr:${action} on resource: ${resource} because`),
      $metadata: { httpStatusCode: 400 },
    });
    await expect(getImage(ecr, { imageTag: 'v1' })).rejects.toMatchObject(
      denied('BatchGetImage', 'arn:aws:ecr:us-east-1:123456789012:repository/web'),
    );
    await expect(ecr.send(new GetAuthorizationTokenCommand({}))).rejects.toMatchObject(
      denied('GetAuthorizationToken', '*'),
    );
    await ecr.send(new DescribeImagesCommand(WEB));
  });

  it.each([
    { kind: 'throttle' as const, error: { name: 'ThrottlingException', message: 'Rate exceeded' } },
    { kind: 'service-unavailable' as const, error: { $metadata: { httpStatusCode: 503 } } },
    { kind: 'internal-error' as const, error: { name: 'ServerException', $fault: 'server' } },
    { kind: 'expired-token' as const, error: { name: 'ExpiredTokenException' } },
    { kind: 'reset-before' as const, error: { code: 'ECONNRESET' } },
    { kind: 'html-200' as const, error: { name: 'SyntaxError' } },
    { kind: 'truncate' as const, error: { name: 'SyntaxError' } },
  ])('$kind is as the SDK knows it', async ({ kind, error }) => {
    const aws = await startAws();
    const { ecr } = connect(aws);
    aws.fault({ action: 'BatchGetImage', resource: 'web', kind });
    await expect(getImage(ecr, { imageTag: 'v1' })).rejects.toMatchObject(error);
    expect((await getImage(ecr, { imageTag: 'v1' })).failure).toBeUndefined();
  });

  it('reach the download of a configuration, which needs its signature', async () => {
    const aws = await startAws();
    const { ecr } = connect(aws);
    const { manifest } = await getImage(ecr, { imageTag: 'v1' });
    const layerDigest = manifest.config.digest;
    const { downloadUrl = '' } = await ecr.send(new GetDownloadUrlForLayerCommand({ ...WEB, layerDigest }));
    const statusOf = async (url: string) => (await fetch(url)).status;
    expect(await statusOf(downloadUrl)).toBe(200);
    expect(await statusOf(downloadUrl.split('?')[0] ?? '')).toBe(403);
    aws.fault({ action: 'DownloadLayer', resource: 'web', kind: 'service-unavailable' });
    expect(await statusOf(downloadUrl)).toBe(503);
    expect(aws.calls.at(-1)).toMatchObject({ service: 's3', iamAction: 'ecr:GetDownloadUrlForLayer', effect: false });
  });
});
