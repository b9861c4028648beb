/** Directories in which the tool itself says that nothing ever changes: Next.js and SvelteKit. */
const immutablePlaces = /(?:^|\/)(?:_next\/static|_app\/immutable)\//;

const code = /\.(?:m?js|css)(?:\.map)?$/;

/**
 * Whether a name carries a hash of its contents, so that other contents will have another name.
 *
 * A wrong yes keeps an old file in browsers for a year, a wrong no costs a question whether it is still the same. So what
 * could be a word, a date or a size is no hash: `bootstrap`, `20240101`, `1920x1080`, `chapter10`. The price is that a
 * quarter of the names that Vite and esbuild give to JavaScript are not recognised.
 */
export function isHashedName(key: string): boolean {
  if (immutablePlaces.test(key)) {
    return true;
  }
  const name = key.slice(key.lastIndexOf('/') + 1);
  const stem = name.replace(/(?<=.)\.(?:map|gz|br)$/, '').replace(/(?<=.)\.[A-Za-z0-9]+$/, '');
  if (stem.split(/[.\-_]/).some((segment) => isHex(segment) || isRandom(segment))) {
    return true;
  }
  // Eight characters are what Rollup and esbuild write; those of Rollup may be `-` and `_` themselves.
  const tail = /(?:^|[.-])([\w-]{8})$/.exec(stem)?.[1] ?? '';
  return isBase32(tail) || isRandom(tail) || (code.test(name) && isMixed(tail) && !isFamiliar(tail));
}

/** What people put into names. */
const familiar = [
  // Words, acronyms and numbers, one after the other: `GitHubUI`, `iPhone15`.
  /^(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]{2,}|\d+|[-_])+$/,
  /[a-z]{4}/,
  // A date, from its year on.
  /^[a-z]{0,3}(?:19|20)\d\d/i,
  // A size.
  /\d{2,}x\d{2,}/,
  // Words shortened with a number.
  /i18n|l10n|a11y|k8s|[bep]2[bep]/i,
];

function isFamiliar(text: string): boolean {
  return familiar.some((pattern) => pattern.test(text));
}

/** Of webpack, Parcel and others. */
function isHex(text: string): boolean {
  const hasBoth = /\d/.test(text) && /[a-f]/i.test(text);
  const isLong = text.length >= 16 || (text.length >= 8 && !/^[a-f]?(?:19|20)\d\d|^[a-f]\d+$/i.test(text));
  return hasBoth && isLong && /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(text);
}

/** Of esbuild. */
function isBase32(tail: string): boolean {
  return /^[A-Z2-7]{8}$/.test(tail) && /\d/.test(tail) && !/^[A-Z]+\d+$/.test(tail);
}

function isRandom(text: string): boolean {
  return text.length >= 8 && changesOfKind(text) >= Math.max(4, (text.length - 2) / 2) && !isFamiliar(text);
}

function isMixed(tail: string): boolean {
  return /[A-Z]/.test(tail) && /[a-z0-9]/.test(tail);
}

/** How often a capital, a small letter and a digit follow on one of another kind. */
function changesOfKind(text: string): number {
  const kinds = text.replace(/[A-Z]/g, 'A').replace(/[a-z]/g, 'a').replace(/\d/g, '0');
  return [...kinds].filter((kind, index) => index > 0 && kind !== kinds[index - 1]).length;
}
