/** An image as people write it: `host/repository`, then `:tag`, `@digest`, both or neither. */
interface ImageReference {
  /** `host/repository`. */
  repository: string;
  /** `latest` where nothing is said. */
  tag: string;
  /** `sha256:…`; where there is one, it decides. */
  digest: string | undefined;
}

export function readUri(uri: string): ImageReference {
  const [named = uri, digest] = uri.split('@');
  const tag = /:([^:/]+)$/.exec(named)?.[1];
  return { repository: tag === undefined ? named : named.slice(0, -tag.length - 1), tag: tag ?? 'latest', digest };
}

/** `repository:tag` or `repository@digest` → `repository@digest`. */
export function resolveUri(uri: string, digest: string): string {
  return `${readUri(uri).repository}@${digest}`;
}

export function hostIn(uri: string): string {
  return uri.split('/')[0] ?? '';
}

/** The Region of a private ECR registry; undefined for any other registry. */
export function regionIn(uri: string): string | undefined {
  return /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\./.exec(hostIn(uri))?.[1];
}

export function ecrHost({ accountId, region }: { accountId: string; region: string }): string {
  return `${accountId}.dkr.ecr.${region}.amazonaws.com`;
}
