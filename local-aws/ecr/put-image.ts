import { type Input, type Reply, textOf } from '../api.ts';
import { digestOf, readManifest, type StoredImage } from '../image-manifest.ts';
import { EcrErrors } from './errors.ts';
import { jsonReply } from './json-reply.ts';
import { imageDocument } from './look.ts';
import { type EcrStore, findRepositories, readPlace } from './repositories.ts';

/** Tags are mutable here, and layers are not asked for. In front of a real registry, it never gets there. */
export function putImage(store: EcrStore, input: Input): Reply {
  const place = readPlace(store, input);
  const repositories = findRepositories(store, place);
  const manifest = textOf(input, 'imageManifest') ?? '';
  const imageTag = textOf(input, 'imageTag');
  const stored = repositories.flatMap(({ images }) => [...images.values()]);
  // A manifest that was made up for a given digest keeps that digest.
  const known = stored.find((image) => image.manifest === manifest);
  const image = known ?? newImage(manifest, textOf(input, 'imageManifestMediaType'));
  const { repositoryName, registryId } = place;
  const given = textOf(input, 'imageDigest');
  if (given !== undefined && given !== image.digest) throw EcrErrors.digestMismatch(given, image.digest);
  const isTagged = imageTag === undefined || repositories.some(({ tags }) => tags.get(imageTag) === image.digest);
  if (known !== undefined && isTagged) {
    throw EcrErrors.alreadyExists(image.digest, imageTag, repositoryName, registryId);
  }
  const name = place.names.at(-1);
  const uri = imageTag === undefined ? `${name}@${image.digest}` : `${name}:${imageTag}`;
  store.images.add(uri, { image, children: [], blobs: new Map() });
  return jsonReply({ image: imageDocument(place, imageTag === undefined ? {} : { imageTag }, image) }, true);
}

function newImage(manifest: string, givenType: string | undefined): StoredImage {
  const mediaType = givenType ?? mediaTypeIn(manifest);
  if (mediaType === undefined) {
    throw EcrErrors.invalid("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'");
  }
  return { digest: digestOf(manifest), mediaType, manifest, architecture: undefined, pushedAt: new Date() };
}

function mediaTypeIn(manifest: string): string | undefined {
  try {
    return readManifest(manifest).mediaType;
  } catch {
    return undefined;
  }
}
