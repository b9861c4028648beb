import { type Input, textOf } from '../api.ts';
import type { StoredImage } from '../image-manifest.ts';
import { ecrHost } from '../image-uri.ts';
import type { Images, Repository } from '../images.ts';
import { EcrErrors } from './errors.ts';

/** Everything ECR's operations work on. */
export interface EcrStore {
  home: { accountId: string; region: string };
  images: Images;
  /** The real registry that stands behind ECR, if one does. */
  registryHost: string | undefined;
  user: string;
  password: string;
  /** Of local-aws itself, for what is downloaded from it. */
  url: string;
}

export interface ImageId {
  imageDigest?: string;
  imageTag?: string;
}

/** A repository as a call names it, which may be kept in two places. */
export interface Place {
  registryId: string;
  repositoryName: string;
  /** As `host/name`, the one that is asked first first. */
  names: string[];
}

const NAME = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

export function readPlace(store: EcrStore, input: Input): Place {
  const repositoryName = textOf(input, 'repositoryName') ?? '';
  if (!NAME.test(repositoryName)) {
    throw EcrErrors.invalid(
      `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '${NAME.source}''`,
    );
  }
  const registryId = textOf(input, 'registryId') ?? store.home.accountId;
  const hosts = [store.registryHost, ecrHost({ ...store.home, accountId: registryId })];
  const names = hosts.filter((host) => host !== undefined).map((host) => `${host}/${repositoryName}`);
  return { registryId, repositoryName, names };
}

/** Every repository is there if every image is; in front of a real registry nothing is made up. */
function makesUp(store: EcrStore): boolean {
  return store.images.acceptsUnknown && store.registryHost === undefined;
}

export function findRepositories(store: EcrStore, { names, repositoryName, registryId }: Place): Repository[] {
  const found = names.map(store.images.repository).filter((repository) => repository !== undefined);
  if (found.length === 0 && !makesUp(store)) throw EcrErrors.repositoryNotFound(repositoryName, registryId);
  return found;
}

export function findImage(store: EcrStore, place: Place, id: ImageId): StoredImage | undefined {
  const find = makesUp(store) ? store.images.find : store.images.findKnown;
  for (const name of place.names) {
    const image = find(uriOf(name, id));
    if (image !== undefined) return image;
  }
  return undefined;
}

/** The images a call asks for, as a real registry has them now. */
export async function refreshImages(store: EcrStore, input: Input): Promise<void> {
  const repositoryName = textOf(input, 'repositoryName');
  if (store.registryHost === undefined || repositoryName === undefined) return;
  for (const id of readIds(input)) {
    if (id.imageDigest === undefined && id.imageTag === undefined) continue;
    await store.images.refresh(uriOf(`${store.registryHost}/${repositoryName}`, id));
  }
}

export function readIds(input: Input): ImageId[] {
  return Array.isArray(input.imageIds) ? (input.imageIds as ImageId[]) : [];
}

function uriOf(name: string, { imageDigest, imageTag }: ImageId): string {
  return imageDigest === undefined ? `${name}:${imageTag}` : `${name}@${imageDigest}`;
}
