import type {
  BatchGetImageCommandOutput,
  GetAuthorizationTokenCommandOutput,
  GetDownloadUrlForLayerCommandOutput,
  ImageFailure,
} from '@aws-sdk/client-ecr';
import type { ImageUri } from '../image/image-uri.ts';
import { imageMediaTypes } from '../image/manifest.ts';
import { partitionOf } from '../partition.ts';
import type { Ecr, Manifest } from '../world.ts';
import { attempt } from './attempt.ts';
import { clientSettings, once } from './client-settings.ts';

const patienceMs = 10_000;
/** The configuration of an image is a few kB; whatever is longer is none. */
const longestConfig = 1024 * 1024;

export function connectEcr(region: string, cancelled: AbortSignal): Ecr {
  const connection = once(async () => {
    // In the one file of the bundle, but evaluated only when it is needed.
    const sdk = await import(/* webpackMode: "eager" */ './ecr-sdk.ts');
    return { sdk, client: new sdk.ECRClient(clientSettings(region)) };
  });
  const about = ({ accountId, repository, registry }: ImageUri) => ({
    subject: `Repository ${registry}/${repository}`,
    resource: `arn:${partitionOf(region)}:ecr:${region}:${accountId || '*'}:repository/${repository}`,
    failure: 'unexpected' as const,
  });

  return {
    async signIn(deadline) {
      const { sdk, client } = await connection();
      return attempt(
        {
          subject: 'Amazon ECR',
          resource: '*',
          failure: 'unexpected',
          action: 'ecr:GetAuthorizationToken',
          send: (abortSignal) => client.send(new sdk.GetAuthorizationTokenCommand({}), { abortSignal }),
          read: ({ authorizationData }: GetAuthorizationTokenCommandOutput) => {
            const token = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
            const [, user, password] = /^([^:]+):(.+)$/s.exec(token) ?? [];
            return user && password ? { user, password } : undefined;
          },
        },
        { patienceMs, deadline, cancelled },
      );
    },
    async manifest(image, deadline) {
      const { sdk, client } = await connection();
      const answer = await attempt<{ manifest: Manifest | undefined }>(
        {
          ...about(image),
          action: 'ecr:BatchGetImage',
          send: async (abortSignal) => {
            try {
              const answer: BatchGetImageCommandOutput = await client.send(
                new sdk.BatchGetImageCommand({
                  registryId: image.accountId || undefined,
                  repositoryName: image.repository,
                  imageIds: [image.digest ? { imageDigest: image.digest } : { imageTag: image.tag }],
                  acceptedMediaTypes: [...imageMediaTypes],
                }),
                { abortSignal },
              );
              refuseFailure(answer);
              return answer;
            } catch (error) {
              if (error instanceof Error && error.name === 'RepositoryNotFoundException') {
                return { failures: [{ failureCode: 'ImageNotFound' }] };
              }
              throw error;
            }
          },
          read: ({ images, failures }: BatchGetImageCommandOutput) => {
            const [found] = images ?? [];
            if (found?.imageManifest && found.imageId?.imageDigest) {
              const { imageManifest: text, imageManifestMediaType: mediaType = '' } = found;
              return { manifest: { digest: found.imageId.imageDigest, mediaType, text } };
            }
            return failures?.some(isMissing) ? { manifest: undefined } : undefined;
          },
        },
        { patienceMs, deadline, cancelled },
      );
      return answer.kind === 'answered' ? { kind: 'answered', value: answer.value.manifest } : answer;
    },
    async platform(image, configDigest, deadline) {
      const { sdk, client } = await connection();
      const answer = await attempt<{ platform: string | undefined }>(
        {
          ...about(image),
          action: 'ecr:GetDownloadUrlForLayer',
          send: async (abortSignal) => {
            const layer: GetDownloadUrlForLayerCommandOutput = await client.send(
              new sdk.GetDownloadUrlForLayerCommand({
                registryId: image.accountId || undefined,
                repositoryName: image.repository,
                layerDigest: configDigest,
              }),
              { abortSignal },
            );
            // A presigned URL: nothing of it, and nothing that fetch says about it, goes any further.
            return readConfig(layer.downloadUrl ?? '', abortSignal);
          },
          read: (text: string) => ({ platform: readPlatform(text) }),
        },
        { patienceMs, deadline, cancelled },
      );
      return answer.kind === 'answered' ? { kind: 'answered', value: answer.value.platform } : answer;
    },
  };
}

function isMissing({ failureCode }: ImageFailure): boolean {
  return failureCode === 'ImageNotFound';
}

/** Of a pull-through cache whose upstream registry does not answer (ImageFailureCode of ECR's API). */
const passingFailures: ReadonlySet<string | undefined> = new Set(['UpstreamTooManyRequests', 'UpstreamUnavailable']);

/** A failure inside a 200 that neither passes nor says that the image is missing, such as ImageInaccessible. */
function refuseFailure({ failures = [] }: BatchGetImageCommandOutput): void {
  const failure = failures.find((one) => !isMissing(one) && !passingFailures.has(one.failureCode));
  if (failure !== undefined) {
    throw Object.assign(new Error(failure.failureReason), {
      name: failure.failureCode ?? 'ImageFailure',
      $metadata: { httpStatusCode: 400 },
    });
  }
}

/** From a presigned URL: nothing of it, and nothing that fetch says about it, goes any further. */
async function readConfig(url: string, signal: AbortSignal): Promise<string> {
  const failure = (name: string, rest: object) =>
    Object.assign(new Error('The configuration of the image could not be fetched.'), { name, ...rest });
  const { status, text } = await fetch(url, { signal })
    .then(async (answer) => ({ status: answer.status, text: await answer.text() }))
    .catch(({ cause }: { cause?: { code?: unknown } }) => {
      throw failure('TimeoutError', { code: cause?.code });
    });
  if (status !== 200) {
    throw failure('LayerNotReadable', { $metadata: { httpStatusCode: status } });
  }
  return text.length <= longestConfig ? text : '';
}

function readPlatform(text: string): string | undefined {
  try {
    const { os, architecture } = JSON.parse(text) as { os?: unknown; architecture?: unknown };
    return typeof os === 'string' && typeof architecture === 'string' ? `${os}/${architecture}` : undefined;
  } catch {
    return undefined;
  }
}
