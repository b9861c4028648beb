/** What a registry may be asked for; Lambda takes the first two. */
export const imageMediaTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

/** What a manifest is to Lambda. */
export type ManifestKind =
  | { kind: 'image'; configDigest: string }
  | { kind: 'index'; platforms: readonly string[]; hasAttestations: boolean }
  | { kind: 'unknown' };

interface RawManifest {
  mediaType?: string;
  config?: { digest?: string };
  manifests?: { platform?: { os?: string; architecture?: string }; annotations?: Record<string, string> }[];
}

/**
 * Attestations (provenance, SBOM) stand in an index as images of the platform unknown/unknown
 * (https://docs.docker.com/build/metadata/attestations/attestation-storage/).
 */
export function readManifest(text: string): ManifestKind {
  let raw: RawManifest;
  try {
    raw = JSON.parse(text) as RawManifest;
  } catch {
    return { kind: 'unknown' };
  }
  if (Array.isArray(raw?.manifests)) {
    const platforms = raw.manifests.map(
      ({ platform }) => `${platform?.os ?? 'unknown'}/${platform?.architecture ?? 'unknown'}`,
    );
    return {
      kind: 'index',
      platforms: platforms.filter((platform) => platform !== 'unknown/unknown'),
      hasAttestations: platforms.includes('unknown/unknown'),
    };
  }
  const configDigest = raw?.config?.digest;
  return typeof configDigest === 'string' ? { kind: 'image', configDigest } : { kind: 'unknown' };
}

/** Lambda's names and docker's for the same processors. */
const platforms: Record<string, string> = { x86_64: 'linux/amd64', arm64: 'linux/arm64' };

export function platformOf(architecture: string): string {
  return platforms[architecture] ?? platforms.x86_64 ?? '';
}
