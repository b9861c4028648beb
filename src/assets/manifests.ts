import { splitName, tokensOf } from './hash-token.ts';

/** As long as a key may be. */
const longest = 1024;

/**
 * Where a build says which files it made: Vite, Laravel, webpack's manifest plugins, Create React App, Webpack Encore,
 * Shakapacker, Sprockets, Propshaft, Ember (broccoli-asset-rev), gulp-rev.
 */
const known =
  /(?:^|\/)(?:\.?manifest|(?:asset|assets|build|client|mix|rev|ssr|webpack)-manifest|\.sprockets-manifest-[0-9a-f]+|manifest-[0-9a-f]{32,64}|assetMap|entrypoints)\.json$/;

export function isManifest(path: string): boolean {
  return known.test(path);
}

/**
 * The files that a manifest beside them calls by another name than their own, which is the same without a hash; of Vite's
 * chunks, those that look like it. What stands behind a "?" is not in the name (Laravel
 * Mix).
 */
export function listedNames(manifest: string, text: string, paths: ReadonlySet<string>): string[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return [];
  }
  const folders = parentsOf(manifest);
  return [...entriesIn(content)].flatMap(({ key, value }) => {
    const path = value.length <= longest ? find(value, folders, paths) : undefined;
    return path !== undefined && isRenamed(key, path) ? [path] : [];
  });
}

/** Whether a name is the logical one and a hash. */
function isRenamed(key: string | undefined, path: string): boolean {
  const logical = key === undefined ? undefined : splitName(key);
  const { extension } = splitName(path);
  return tokensOf(path).some(
    ({ stem, certainty }) =>
      certainty > 0 && (logical === undefined ? stem !== '' : stem === logical.stem && extension === logical.extension),
  );
}

/** Names are relative to the manifest, to a folder above it, or to wherever the site is served from. */
function find(value: string, folders: readonly string[], paths: ReadonlySet<string>): string | undefined {
  const [bare = ''] = value.split(/[?#]/);
  let rest = bare.replace(/^(?:[a-z]+:)?\/\/[^/]*\//, '').replace(/^(?:\.?\/)+/, '');
  while (rest !== '') {
    const path = folders.map((folder) => `${folder}${rest}`).find((one) => paths.has(one));
    if (path !== undefined) {
      return path;
    }
    const slash = rest.indexOf('/');
    rest = slash < 0 ? '' : rest.slice(slash + 1);
  }
  return undefined;
}

/** `a/b/` and `a/` and the top, for `a/b/manifest.json`. */
function parentsOf(path: string): string[] {
  const slashes = [...path.matchAll(/\//g)].map(({ index }) => index + 1).reverse();
  return [...slashes.map((end) => path.slice(0, end)), ''];
}

/** Pairs of a logical name and a file; without the name where a build says itself what it made. */
interface Entry {
  key: string | undefined;
  value: string;
}

/** Without recursion: whoever writes the file says how deep it is. */
function* entriesIn(content: unknown): Generator<Entry, void, undefined> {
  const left = [content];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== 'object' || value === null) {
      continue;
    }
    const { file, css, assets } = value as Record<string, unknown>;
    if (typeof file === 'string') {
      // A chunk of Vite's manifest.
      yield* [file, css, assets]
        .flat()
        .flatMap((one) => (typeof one === 'string' ? [{ key: undefined, value: one }] : []));
      continue;
    }
    for (const [key, one] of Object.entries(value)) {
      const name = typeof one === 'string' ? one : (one as { digested_path?: unknown } | null)?.digested_path;
      if (typeof name === 'string') {
        yield { key, value: name };
      } else {
        left.push(one);
      }
    }
  }
}
