import { buildImage, type Image, type Pushed, type StoredImage } from './image-manifest.ts';
import { hostIn, readUri } from './image-uri.ts';
import { type Registry, readFromRegistry } from './registry.ts';

/** Tags may be moved at any time, as by a push; what they named before stays. */
export interface Repository {
  tags: Map<string, string>;
  /** By digest, oldest first. */
  images: Map<string, StoredImage>;
  /** Configurations of images, by digest. */
  blobs: Map<string, Buffer>;
}

/** The images of every registry, which Lambda and ECR both look at. */
export interface Images {
  /** Moves the tag, or adds the digest, and returns the image's digest. A text is a digest. */
  push: (uri: string, image: string | Image) => string;
  /** The image, made up if unknown ones are accepted: by ECR and Lambda alike, so that they agree. */
  find: (uri: string) => StoredImage | undefined;
  /** By the tag that names it now, where it is given by digest and there is one. */
  nameOf: (uri: string) => string;
  /** As `find`, but makes nothing up. */
  findKnown: (uri: string) => StoredImage | undefined;
  /** For images that functions already run, which exist whatever else does not. */
  findOrPush: (uri: string, architecture: string) => StoredImage;
  /** A repository, as `host/name`, once it has had an image. */
  repository: (name: string) => Repository | undefined;
  add: (uri: string, pushed: Pushed) => void;
  /** Looks an image up again where it really is, if its host is the registry; otherwise does nothing. */
  refresh: (uri: string) => Promise<void>;
  acceptsUnknown: boolean;
}

export interface ImagesOptions {
  /** Of the functions set up with a repository, by `host/repository`. */
  architectures: Map<string, string>;
  known: Record<string, string | Image>;
  unknownImages: 'accept' | 'reject';
  registry: Registry | undefined;
}

export function startImages({ known, architectures, unknownImages, registry }: ImagesOptions): Images {
  const repositories = new Map<string, Repository>();

  function repositoryFor(name: string): Repository {
    const found = repositories.get(name);
    if (found !== undefined) return found;
    const repository: Repository = { tags: new Map(), images: new Map(), blobs: new Map() };
    repositories.set(name, repository);
    return repository;
  }

  const images: Images = {
    acceptsUnknown: unknownImages === 'accept',
    repository: (name) => repositories.get(name),
    add: (uri, { image, children, blobs }) => {
      const { repository: name, tag, digest } = readUri(uri);
      const repository = repositoryFor(name);
      for (const one of [...children, image]) repository.images.set(one.digest, one);
      for (const [blobDigest, blob] of blobs) repository.blobs.set(blobDigest, blob);
      if (digest === undefined) repository.tags.set(tag, image.digest);
    },
    push: (uri, image) => {
      const { repository, digest } = readUri(uri);
      const described = typeof image === 'string' ? { digest: withAlgorithm(image) } : image;
      const pushed = buildImage(
        { digest, ...described },
        described.content ?? uri,
        architectures.get(repository) ?? 'x86_64',
      );
      images.add(uri, pushed);
      return pushed.image.digest;
    },
    nameOf: (uri) => {
      const { repository: name, digest } = readUri(uri);
      const tags = [...(repositories.get(name)?.tags ?? [])];
      const [tag] = tags.findLast(([, tagged]) => tagged === digest) ?? [];
      return tag === undefined ? uri : `${name}:${tag}`;
    },
    findKnown: (uri) => {
      const { repository: name, tag, digest } = readUri(uri);
      const repository = repositories.get(name);
      return repository?.images.get(digest ?? repository.tags.get(tag) ?? '');
    },
    find: (uri) => {
      const found = images.findKnown(uri);
      if (found !== undefined || !images.acceptsUnknown || hostIn(uri) === registry?.host) return found;
      images.push(uri, {});
      return images.findKnown(uri);
    },
    findOrPush: (uri, architecture) => {
      const { repository } = readUri(uri);
      if (!architectures.has(repository)) architectures.set(repository, architecture);
      const found = images.findKnown(uri);
      if (found !== undefined) return found;
      const digest = images.push(uri, {});
      return repositoryFor(repository).images.get(digest) as StoredImage;
    },
    refresh: async (uri) => {
      if (registry === undefined || hostIn(uri) !== registry.host) return;
      const { repository: name, tag, digest } = readUri(uri);
      const pushed = await readFromRegistry(registry, name.slice(registry.host.length + 1), digest ?? tag);
      if (pushed !== undefined) images.add(uri, pushed);
      else if (digest !== undefined) repositories.get(name)?.images.delete(digest);
      else repositories.get(name)?.tags.delete(tag);
    },
  };
  for (const [uri, image] of Object.entries(known)) images.push(uri, image);
  return images;
}

function withAlgorithm(digest: string): string {
  return digest.startsWith('sha256:') ? digest : `sha256:${digest}`;
}
