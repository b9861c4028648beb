import { createHash } from 'node:crypto';

/** An image as a test describes it; what is left out is made up, and always the same way. */
export interface Image {
  /** `sha256:…`; default: the hash of the manifest. A manifest is never made to fit a digest that is given. */
  digest?: string | undefined;
  /**
   * As Lambda spells it; a mismatch with the function shows at invocation, as on AWS. Without it the image runs on
   * either, and its configuration names the architecture of its repository, which is that of the function set up with
   * it, else x86_64.
   */
  architecture?: string | undefined;
  /** An index of one image and its attestation (what a build with provenance pushes), which Lambda refuses. */
  index?: boolean | undefined;
  /** An index of images for these platforms, such as `linux/arm64`; with `index` one that has an attestation too. */
  platforms?: string[] | undefined;
  /** Default: docker's for a single image, OCI's for an index, as docker pushes them. */
  mediaTypes?: 'docker' | 'oci' | undefined;
  /** What tells it from others; default: its URI. The same content has the same digest. */
  content?: string | undefined;
}

export interface StoredImage {
  digest: string;
  mediaType: string;
  manifest: string;
  /** As Lambda spells it; undefined runs on either. */
  architecture: string | undefined;
  pushedAt: Date;
}

/** What a push brings into a repository. */
export interface Pushed {
  image: StoredImage;
  /** The images of an index. */
  children: StoredImage[];
  /** Configurations by digest; layers exist in manifests only. */
  blobs: Map<string, Buffer>;
}

const DOCKER = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};
const OCI: typeof DOCKER = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};
export const MANIFEST_TYPES = [DOCKER.manifest, OCI.manifest, DOCKER.index, OCI.index];

/** Image formats have another name for one of Lambda's architectures. */
function platformOf(architecture: string): string {
  return `linux/${architecture === 'x86_64' ? 'amd64' : architecture}`;
}

export function architectureIn(config: Buffer): string | undefined {
  const { architecture } = JSON.parse(config.toString()) as { architecture?: string };
  return architecture === 'amd64' ? 'x86_64' : architecture;
}

export function buildImage(image: Image, content: string, repositoryArchitecture: string): Pushed {
  const { architecture, index = false, platforms, mediaTypes } = image;
  const platform = platformOf(architecture ?? repositoryArchitecture);
  if (!index && platforms === undefined) {
    const { stored, blobs } = single(platform, mediaTypes === 'oci' ? OCI : DOCKER, content);
    return { image: { ...stored, architecture, digest: image.digest ?? stored.digest }, children: [], blobs };
  }
  const types = mediaTypes === 'docker' ? DOCKER : OCI;
  const images = (platforms ?? [platform]).map((one) => ({ platform: one, ...single(one, types, content) }));
  const descriptors = images.map(({ platform: one, stored }) => descriptor(stored, one));
  const all = [...images];
  if (index) {
    for (const { stored } of images) {
      const attestation = single(
        'unknown/unknown',
        OCI,
        `attestation of ${stored.digest}`,
        'application/vnd.in-toto+json',
      );
      all.push({ platform: 'unknown/unknown', ...attestation });
      const annotations = {
        'vnd.docker.reference.digest': stored.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      };
      descriptors.push({ ...descriptor(attestation.stored, 'unknown/unknown'), annotations });
    }
  }
  const manifest = written({ schemaVersion: 2, mediaType: types.index, manifests: descriptors });
  const digest = image.digest ?? digestOf(manifest);
  return {
    image: { digest, mediaType: types.index, manifest, architecture: undefined, pushedAt: new Date() },
    children: all.map(({ stored }) => stored),
    blobs: new Map(all.flatMap(({ blobs }) => [...blobs])),
  };
}

function single(
  platform: string,
  types: typeof DOCKER,
  content: string,
  layerType = types.layer,
): { stored: StoredImage; blobs: Map<string, Buffer> } {
  const layer = digestOf(`layer of ${content}`);
  const config = Buffer.from(
    JSON.stringify({
      ...platformMembers(platform),
      config: { Cmd: ['index.handler'] },
      rootfs: { type: 'layers', diff_ids: [layer] },
      history: [{ created_by: content }],
    }),
  );
  const configDigest = digestOf(config);
  const manifest = written({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, size: config.length, digest: configDigest },
    layers: [{ mediaType: layerType, size: 1_000_000, digest: layer }],
  });
  const stored: StoredImage = {
    digest: digestOf(manifest),
    mediaType: types.manifest,
    manifest,
    architecture: architectureIn(config),
    pushedAt: new Date(),
  };
  return { stored, blobs: new Map([[configDigest, config]]) };
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform: Record<string, string>;
  annotations?: Record<string, string>;
}

function descriptor({ mediaType, digest, manifest }: StoredImage, platform: string): Descriptor {
  return { mediaType, digest, size: Buffer.byteLength(manifest), platform: platformMembers(platform) };
}

function platformMembers(platform: string): Record<string, string> {
  const [os = '', architecture = '', variant] = platform.split('/');
  return { architecture, os, ...(variant !== undefined && { variant }) };
}

export interface Manifest {
  mediaType?: string;
  config?: { mediaType?: string; digest?: string; size?: number };
  layers?: { mediaType?: string; size?: number }[];
  manifests?: { digest?: string }[];
}

export function readManifest(text: string): Manifest {
  return JSON.parse(text) as Manifest;
}

/** Single images with ordinary configurations and gzipped layers: all that Lambda runs. */
export function isSupportedByLambda({ mediaType, manifest }: StoredImage): boolean {
  const types = [DOCKER, OCI].find((candidate) => candidate.manifest === mediaType);
  if (types === undefined) return false;
  const { config, layers = [] } = readManifest(manifest);
  const configTypes: (string | undefined)[] = [DOCKER.config, OCI.config];
  const layerTypes: (string | undefined)[] = [DOCKER.layer, OCI.layer];
  return configTypes.includes(config?.mediaType) && layers.every((layer) => layerTypes.includes(layer.mediaType));
}

/** The same image in a format that is accepted, where ECR knows how: docker's and OCI's single images. */
export function converted(image: StoredImage, accepted: string[]): StoredImage | undefined {
  if (accepted.includes(image.mediaType)) return image;
  for (const [from, to] of [
    [DOCKER, OCI],
    [OCI, DOCKER],
  ] as const) {
    if (image.mediaType !== from.manifest || !accepted.includes(to.manifest)) continue;
    const { config, layers = [] } = readManifest(image.manifest);
    const manifest = written({
      schemaVersion: 2,
      mediaType: to.manifest,
      config: { ...config, mediaType: to.config },
      layers: layers.map((layer) => ({ ...layer, mediaType: to.layer })),
    });
    return { ...image, mediaType: to.manifest, manifest };
  }
  return undefined;
}

export function digestOf(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function written(manifest: object): string {
  return JSON.stringify(manifest, undefined, 2);
}
