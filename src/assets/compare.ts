import type { AssetUpload, StoredObject } from '../world.ts';
import { isPage } from './hashed-names.ts';
import type { AssetsPlan, PlannedUpload } from './outcome.ts';

/** What a listing says about the files; nothing was read for it but lengths. */
export interface Comparison {
  /** Not there, or of another length. */
  different: PlannedUpload[];
  /** There with the same length: the contents decide. */
  alike: { upload: AssetUpload; etag: string }[];
  stale: string[];
}

export function compare(
  files: readonly AssetUpload[],
  stored: readonly StoredObject[],
  isKept: (key: string) => boolean,
): Comparison {
  const rest = new Map(stored.map((object) => [object.key, object]));
  const comparison: Comparison = { different: [], alike: [], stale: [] };
  for (const upload of files) {
    const object = rest.get(upload.key);
    rest.delete(upload.key);
    if (object?.bytes === upload.file.bytes) {
      comparison.alike.push({ upload, etag: object.etag });
    } else {
      comparison.different.push({ ...upload, kind: object ? 'changed' : 'new', fingerprint: undefined });
    }
  }
  comparison.stale = [...rest.values()]
    .filter((object) => !isFolderMark(object) && !isKept(object.key))
    .map(({ key }) => key);
  return comparison;
}

/** What consoles make of an empty folder; nobody's page, and it would come back. */
function isFolderMark({ key, bytes }: StoredObject): boolean {
  return bytes === 0 && key.endsWith('/');
}

/**
 * Hashed files first, for anything may name them; then whatever else is no page, such as a service worker or a manifest,
 * which name those; pages last.
 */
export function inOrder<T extends AssetUpload>(uploads: readonly T[]): T[][] {
  const rank = ({ key, isHashed }: T) => (isPage(key) ? 2 : isHashed ? 0 : 1);
  const waves: T[][] = [[], [], []];
  for (const upload of uploads) {
    waves[rank(upload)]?.push(upload);
  }
  return waves.filter((wave) => wave.length > 0);
}

/**
 * The keys whose answers in a cache are old, or will be when the stale ones are deleted. A new file counts, too, because
 * its "not found" may be cached, or a page that stands in for it; not one with a hash in its name, which nobody asked for
 * before.
 */
export function keysToClear({ uploads, stale, request }: AssetsPlan): string[] {
  const sent = uploads.flat().filter(({ kind, isHashed }) => kind === 'changed' || !isHashed);
  return [...sent.map(({ key }) => key), ...(request.deletes ? stale : [])];
}
