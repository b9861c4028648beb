import { splitName, type Token, tokensOf } from './hash-token.ts';

/** Folders that nothing but one bundler writes to, and what its files are called there. */
const folders: readonly (readonly [place: RegExp, form: (path: string) => boolean])[] = [
  // Next.js, packages/next/src/build/webpack-config.ts; fonts are `hash-s.p.woff2`.
  [
    /(?:^|\/)_next\/static\/(?:chunks|css|media|runtime|wasm)\//,
    (path) => has(path.replace(/(?:-s)?(?:\.p)?(?=\.\w+$)/, ''), /^hex(?:8|16|20|32)$/, 2),
  ],
  // Its build id: a nanoid, or a commit.
  [
    /(?:^|\/)_next\/static\/(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?:[\w-]{21}|[0-9a-f]{40})\/_\w+Manifest\.js(?:on)?$/,
    () => true,
  ],
  // SvelteKit, packages/kit/src/exports/vite/index.js.
  [/(?:^|\/)_app\/immutable\//, (path) => has(path, /^hex8$|^base/)],
  // Nuxt, packages/vite/src/client.ts and packages/nitro-server: one file for each build.
  [/(?:^|\/)_nuxt\/builds\/meta\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json$/, () => true],
  [/(?:^|\/)_nuxt\/(?!builds\/)/, (path) => has(path, /^hex(?:7|8|20|32)$|^base/)],
  // Astro, packages/astro/src/core/build/static-build.ts; pictures have a second hash, of how they were made.
  [/(?:^|\/)_astro\//, (path) => has(path.replace(/(?<=[.-][\w-]{8})_[A-Za-z0-9]{4,8}(?=\.\w+$)/, ''), /^hex8$|^base/)],
  // Expo, packages/@expo/cli/src/export.
  [/(?:^|\/)_expo\/static\//, (path) => has(path, /^hex32$/)],
  // Qwik, packages/qwik/src/optimizer/src/plugins/rollup.ts.
  [/(?:^|\/)build\/q-[^/]+\.js$/, (path) => has(path, /^hex8$|^base/)],
  // VitePress, src/node/build/bundle.ts: the script of a page.
  [/(?:^|\/)assets\/[^/]+\.md\.[\w-]{8}(?:\.lean)?\.js$/, (path) => has(path, /^hex8$|^base/)],
  // Pagefind, pagefind/src/output.
  [
    /(?:^|\/)pagefind\/(?:(?:filter|fragment|index)\/)?[\w.-]+_[0-9a-f]{7,}\.pf_(?:filter|fragment|index|meta)$/,
    () => true,
  ],
  // workbox-webpack-plugin up to version 4.
  [/(?:^|\/)precache-manifest\.[0-9a-f]{32}\.js$/, () => true],
  // rustdoc, src/librustdoc/html/static_files.rs.
  [/(?:^|\/)static\.files\//, (path) => has(path, /^hex(?:8|16)$/, 2)],
];

/** Where a bundler has left its first script: what it names alike beside it is its work, too. */
const entry =
  /^(?:app|application|book|bundle|chunk|chunk-vendors|client|commons?|entry|framework|index|main|polyfills?|runtime|runtime[-~.]\w+|scripts|styles?|umi|vendors?|vendors~main|webpack-runtime|worker)(?:[-.](?:client|es\d+|esm|legacy|modern))?$/;
/** So many scripts of one form in a folder are a bundler's work, too. */
const enough = 3;

const code = /^(?:cjs|css|js|mjs|wasm)$/;
/** Documents and data have names of their own accord; only a manifest can say otherwise. */
const data = /^(?:csv|docx?|html?|json|md|pdf|rss|txt|webmanifest|xhtml|xlsx?|xml|ya?ml|zip)$/;
/** Folders that bundlers sort into by kind; their parent holds them all. */
const sorted = /(?:^|\/)(?:chunks|css|entries|javascripts|js|scripts|styles|stylesheets)\/$/;
/** Below that parent. */
const parts = /^(?:assets|chunks|css|files|fonts?|images?|img|js|media|medias|static|svg|videos?)\//;

/** A folder that a bundler has filled. */
interface Root {
  /** Where its first script is. */
  home: string;
  /** The folder that holds the pictures and fonts, too. */
  top: string;
  forms: Set<string>;
  isGatsby: boolean;
}

/**
 * The names that carry a hash of the contents, so that other contents will have another name.
 *
 * A wrong yes keeps an old file in browsers for a year, a wrong no costs a question whether it is still the same. So the
 * look of a name alone is not enough: a bundler is known by its folder and its form, or a manifest beside the files says
 * so (`listed`). The folder may be in the prefix: `.next/static` goes to `_next/static/`.
 */
export function findHashedNames(
  paths: readonly string[],
  { listed = new Set(), prefix = '' }: { listed?: ReadonlySet<string>; prefix?: string } = {},
): Set<string> {
  const roots = findRoots(paths);
  const isHashed = (path: string) =>
    !isPage(path) &&
    (listed.has(path) ||
      folders.some(([place, form]) => place.test(`${prefix}${path}`) && form(path)) ||
      roots.some((root) => belongsTo(root, path)));
  return new Set(paths.filter(isHashed));
}

export function isPage(path: string): boolean {
  return /\.x?html?$/i.test(path);
}

function has(path: string, kind: RegExp, least?: Token['certainty']): boolean {
  const { extension } = splitName(path);
  const isCode = code.test(extension);
  const certainty = least ?? (isCode ? 1 : 2);
  return (
    !data.test(extension) &&
    tokensOf(path).some(
      (token) =>
        kind.test(token.kind) &&
        token.certainty >= certainty &&
        (token.separator !== '' || isCode || token.kind === 'hex16'),
    )
  );
}

function findRoots(paths: readonly string[]): Root[] {
  const roots = new Map<string, Root>();
  const rootAt = (home: string): Root => {
    const top = home.replace(sorted, (all) => (all.startsWith('/') ? '/' : ''));
    const root = roots.get(home) ?? { home, top, forms: new Set(), isGatsby: false };
    roots.set(home, root);
    return root;
  };
  const stemsOf = new Map<string, Set<string>>();
  for (const path of paths) {
    const home = folderOf(path);
    const [expo] = /^(?:.*\/)?(?=_expo\/static\/)/.exec(path) ?? [];
    if (expo !== undefined) {
      rootAt(expo).forms.add('.hex32');
    }
    const token = code.test(splitName(path).extension) ? tokensOf(path).find(isCertain) : undefined;
    if (token === undefined) {
      continue;
    }
    const form = formOf(token);
    const stems = stemsOf.get(`${home} ${form}`) ?? new Set();
    stemsOf.set(`${home} ${form}`, stems.add(token.stem));
    if (entry.test(token.stem) || (stems.size >= enough && /^\.|base64$/.test(form))) {
      const root = rootAt(home);
      root.forms.add(form);
      root.isGatsby ||= token.stem === 'webpack-runtime';
    }
  }
  return [...roots.values()];
}

function isCertain({ stem, separator, kind, certainty }: Token): boolean {
  return stem !== '' && separator !== '' && certainty >= (kind.startsWith('hex') ? 2 : 3);
}

function belongsTo({ home, top, forms, isGatsby }: Root, path: string): boolean {
  const { extension } = splitName(path);
  if (!path.startsWith(top) || data.test(extension)) {
    return false;
  }
  const below = path.slice(top.length);
  // https://www.gatsbyjs.com/docs/how-to/previews-deploys-hosting/caching/: below a digest of the contents.
  if (isGatsby && /^static\/(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{32}\/./.test(below)) {
    return true;
  }
  const place = { isHome: folderOf(path) === home, isPart: parts.test(below), isTop: top === '' };
  // What is below the top of a site is everybody's.
  if (place.isTop && !place.isHome && !place.isPart) {
    return false;
  }
  const fits = code.test(extension) ? fitsCode : fitsMedia;
  return tokensOf(path).some(
    (token) => token.stem !== '' && token.separator !== '' && fits(token, forms.has(formOf(token)), place),
  );
}

interface Place {
  isHome: boolean;
  isPart: boolean;
  isTop: boolean;
}

function fitsCode({ stem, kind, certainty }: Token, isAlike: boolean, { isHome }: Place): boolean {
  if (kind === 'base32') {
    // What esbuild calls a chunk, anybody may call a library.
    return isAlike && certainty >= 1 && entry.test(stem);
  }
  return (isAlike && certainty >= 2) || (isHome && /^hex(?:16|20|32)$/.test(kind));
}

/** Pictures and fonts may have a hash of another length than scripts. */
function fitsMedia({ kind, certainty }: Token, isAlike: boolean, { isHome, isPart, isTop }: Place): boolean {
  if (kind === 'base32') {
    return isAlike && certainty >= 1 && !isHome;
  }
  const isOther =
    (isHome || isPart) && certainty === 3 && (isTop ? /^hex(?:16|20|32)$/ : /^hex(?:8|16|20|32)$/).test(kind);
  return (isAlike && certainty >= 2) || isOther;
}

function formOf({ separator, kind }: Token): string {
  return `${separator}${kind}`;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
