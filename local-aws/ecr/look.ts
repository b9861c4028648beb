import { type Input, type Reply, recordOf, textOf } from '../api.ts';
import { converted, readManifest, type StoredImage } from '../image-manifest.ts';
import type { Repository } from '../images.ts';
import { EcrErrors } from './errors.ts';
import { jsonReply } from './json-reply.ts';
import {
  type EcrStore,
  findImage,
  findRepositories,
  type ImageId,
  type Place,
  readIds,
  readPlace,
} from './repositories.ts';

const MOST_IDS = 100;

/** What is not there is a failure inside a 200. */
export function batchGetImage(store: EcrStore, input: Input): Reply {
  const place = readPlace(store, input);
  const ids = readIds(input);
  if (ids.length === 0 || ids.length > MOST_IDS) {
    throw EcrErrors.invalid(
      `Invalid parameter at 'imageIds' failed to satisfy constraint: 'must have 1 to ${MOST_IDS}'`,
    );
  }
  findRepositories(store, place);
  const accepted = Array.isArray(input.acceptedMediaTypes) ? (input.acceptedMediaTypes as string[]) : [];
  const images: object[] = [];
  const failures: object[] = [];
  for (const imageId of ids) {
    const found = findOne(store, place, imageId, accepted);
    if ('failureCode' in found) failures.push({ imageId, ...found });
    else images.push(imageDocument(place, imageId, found));
  }
  return jsonReply({ images, failures });
}

interface Failure {
  failureCode: string;
  failureReason: string;
}

const NOT_FOUND: Failure = { failureCode: 'ImageNotFound', failureReason: 'Requested image not found' };

function findOne(store: EcrStore, place: Place, id: ImageId, accepted: string[]): StoredImage | Failure {
  const wrong = wrongId(id);
  if (wrong !== undefined) return wrong;
  const image = findImage(store, place, id);
  if (image === undefined) return NOT_FOUND;
  const { imageDigest, imageTag } = id;
  if (imageDigest === undefined) return accepted.length === 0 ? image : (converted(image, accepted) ?? NOT_FOUND);
  if (imageTag !== undefined && findImage(store, place, { imageTag })?.digest !== imageDigest) {
    return {
      failureCode: 'ImageTagDoesNotMatchDigest',
      failureReason: 'Requested image tag does not match the requested image digest',
    };
  }
  // By digest nothing is converted: the manifest comes as it is, asked for or not (aws/containers-roadmap#1075). What
  // becomes of an index that was not asked for by tag is documented nowhere; above it is not found, as in registries.
  return image;
}

function wrongId({ imageDigest, imageTag }: ImageId): Failure | undefined {
  if (imageDigest === undefined && imageTag === undefined) {
    const failureReason = 'Invalid request parameters: both tag and digest cannot be null';
    return { failureCode: 'MissingDigestAndTag', failureReason };
  }
  if (imageDigest !== undefined && !/^[\w+.-]+:[a-fA-F0-9]+$/.test(imageDigest)) {
    const rule = "image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
    return { failureCode: 'InvalidImageDigest', failureReason: `Invalid request parameters: ${rule}` };
  }
  if (imageTag !== undefined && !/^\w[\w.-]{0,127}$/.test(imageTag)) {
    return { failureCode: 'InvalidImageTag', failureReason: 'Invalid request parameters: image tag is not valid' };
  }
  return undefined;
}

export function imageDocument({ registryId, repositoryName }: Place, id: ImageId, image: StoredImage): object {
  return {
    registryId,
    repositoryName,
    imageId: { imageDigest: image.digest, imageTag: id.imageTag },
    imageManifest: image.manifest,
    imageManifestMediaType: image.mediaType,
  };
}

/** Without ids all that are known here, oldest first. */
export function describeImages(store: EcrStore, input: Input): Reply {
  const place = readPlace(store, input);
  const repositories = findRepositories(store, place);
  const ids = readIds(input);
  const images = ids.length > 0 ? ids.map((id) => requireImage(store, place, id)) : filtered(repositories, input);
  const start = Number(textOf(input, 'nextToken') ?? 0);
  const end = start + Number(input.maxResults ?? 100);
  const known = new Map(repositories.flatMap((repository) => [...repository.images]));
  return jsonReply({
    imageDetails: images.slice(start, end).map((image) => detail(place, image, repositories, known)),
    ...(ids.length === 0 && end < images.length && { nextToken: String(end) }),
  });
}

function requireImage(store: EcrStore, place: Place, id: ImageId): StoredImage {
  const wrong = wrongId(id);
  if (wrong !== undefined) throw EcrErrors.invalid(wrong.failureReason);
  const image = findImage(store, place, id);
  if (image === undefined) throw EcrErrors.imageNotFound(id, place.repositoryName, place.registryId);
  return image;
}

function filtered(repositories: Repository[], input: Input): StoredImage[] {
  const status = textOf(recordOf(input, 'filter') ?? {}, 'tagStatus') ?? 'ANY';
  return repositories
    .flatMap((repository) => [...repository.images.values()])
    .filter((image) => status === 'ANY' || tagsOf(repositories, image).length > 0 === (status === 'TAGGED'));
}

function detail(
  { registryId, repositoryName }: Place,
  image: StoredImage,
  repositories: Repository[],
  known: Map<string, StoredImage>,
): object {
  const tags = tagsOf(repositories, image);
  return {
    registryId,
    repositoryName,
    imageDigest: image.digest,
    ...(tags.length > 0 && { imageTags: tags }),
    imageSizeInBytes: sizeOf(image, known),
    imagePushedAt: image.pushedAt.getTime() / 1000,
    imageManifestMediaType: image.mediaType,
    artifactMediaType: readManifest(image.manifest).config?.mediaType,
  };
}

function tagsOf(repositories: Repository[], image: StoredImage): string[] {
  const tags = repositories.flatMap((repository) => [...repository.tags]);
  return tags.filter(([, digest]) => digest === image.digest).map(([tag]) => tag);
}

/** Of an index the size of its largest image. */
function sizeOf(image: StoredImage, known: Map<string, StoredImage>): number {
  const { config, layers = [], manifests = [] } = readManifest(image.manifest);
  const children = manifests.map(({ digest = '' }) => known.get(digest)).filter((child) => child !== undefined);
  const own = (config?.size ?? 0) + layers.reduce((total, { size = 0 }) => total + size, 0);
  return Math.max(own, ...children.map((child) => sizeOf(child, known)));
}
