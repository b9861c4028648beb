import { createHash } from 'node:crypto';

/** What a registry knows about an image; only a digest is needed. */
export interface Image {
  /** `sha256:…` */
  digest: string;
  /** Set when the image runs on one architecture only; a mismatch shows at invocation, as on AWS. */
  architecture?: string | undefined;
  /** An image index (what a build with attestations pushes), which Lambda refuses. */
  index?: boolean | undefined;
}

/** The images that functions can use; tags may be moved at any time, as by a push. */
export interface Images {
  push: (uri: string, image: string | Image) => void;
  find: (uri: string) => Image | undefined;
  /** For images that functions already run, which exist whatever else does not. */
  findOrPush: (uri: string) => Image;
}

export function startImages(known: Record<string, string | Image>, unknownImages: 'accept' | 'reject'): Images {
  const images = new Map<string, Image>();
  const push: Images['push'] = (uri, image) => {
    images.set(uri, typeof image === 'string' ? { digest: withAlgorithm(image) } : image);
  };
  for (const [uri, image] of Object.entries(known)) push(uri, image);
  const find: Images['find'] = (uri) => {
    const known = images.get(uri) ?? findByDigest(images, uri);
    return known ?? (unknownImages === 'accept' ? { digest: ownDigest(uri) } : undefined);
  };
  return {
    push,
    find,
    findOrPush: (uri) => {
      const found = find(uri);
      if (found !== undefined) return found;
      push(uri, ownDigest(uri));
      return { digest: ownDigest(uri) };
    },
  };
}

function findByDigest(images: Map<string, Image>, uri: string): Image | undefined {
  const digest = digestIn(uri);
  return digest === undefined ? undefined : [...images.values()].find((image) => image.digest === digest);
}

/** The digest that the URI names, or one made from the URI. */
function ownDigest(uri: string): string {
  return digestIn(uri) ?? `sha256:${createHash('sha256').update(uri).digest('hex')}`;
}

function digestIn(uri: string): string | undefined {
  return /@(sha256:[0-9a-f]{64})$/.exec(uri)?.[1];
}

function withAlgorithm(digest: string): string {
  return digest.startsWith('sha256:') ? digest : `sha256:${digest}`;
}

/** `repository:tag` or `repository@digest` → `repository@digest`. */
export function resolveUri(uri: string, digest: string): string {
  const [withTag = uri] = uri.split('@');
  return `${withTag.replace(/:[^:/]+$/, '')}@${digest}`;
}
