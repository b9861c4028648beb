/** What stands at the end of a name and may be a hash. */
export interface Token {
  /** What is in front of it and of the separator; empty where the name is nothing else. */
  stem: string;
  separator: string;
  /** The alphabet and the length, which all names share that one bundler wrote. */
  kind: string;
  /** How much it looks like chance: 3 in any company, 2 among others that do, 1 where only a bundler writes. */
  certainty: 0 | 1 | 2 | 3;
}

/** What bundlers and compressors put behind the hash. */
const endings = /(?:\.(?:map|gz|br|LICENSE\.txt))*$/i;
const suffixes = /(?:\.(?:async|bundle|chunk|entry|esm|lean|legacy|min|modern|module|worker))*(?:_bg)?$/;

/** A name without the folder, what is behind the hash, and the extension. */
export function splitName(path: string): { stem: string; extension: string } {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(endings, '');
  const dot = name.lastIndexOf('.');
  return dot <= 0
    ? { stem: name, extension: '' }
    : { stem: name.slice(0, dot).replace(suffixes, ''), extension: name.slice(dot + 1).toLowerCase() };
}

/** Every reading of the end of a name. */
export function tokensOf(path: string): Token[] {
  const { stem } = splitName(path);
  const hex = /^(?:(.*)([.\-~]))?([0-9a-f]{7,128})$/.exec(stem);
  const eight = /^(?:(.*)([.-]))?([\w-]{8})$/.exec(stem);
  return [
    ...toToken(hex, (text) => (hexSizes.has(text.length) ? [`hex${text.length}`, certaintyOfHex(text)] : undefined)),
    ...toToken(eight, (text) =>
      /^[A-Z2-7]{8}$/.test(text) ? ['base32', certaintyOfBase32(text)] : ['base64', certaintyOfBase64(text)],
    ),
  ];
}

function toToken(
  match: RegExpExecArray | null,
  read: (text: string) => [string, Token['certainty']] | undefined,
): Token[] {
  const [, stem = '', separator = '', text = ''] = match ?? [];
  const [kind, certainty] = (text && read(text)) || [];
  return kind === undefined || certainty === undefined ? [] : [{ stem, separator, kind, certainty }];
}

/** The lengths that bundlers use; a UUID ends in 12. */
const hexSizes = new Set([7, 8, 10, 16, 20, 32, 40, 64, 96, 128]);

/** A number, a date, a word of the letters a to f, or one behind the other, such as `facade01`, is none. */
function certaintyOfHex(text: string): Token['certainty'] {
  if (!/\d/.test(text) || !/[a-f]/.test(text)) {
    return 0;
  }
  if (text.length >= 16) {
    return 3;
  }
  if (/^[a-f]?(?:19|20)\d\d|^[a-f]{3,}\d+$|^\d+[a-f]{3,}$/.test(text)) {
    return 0;
  }
  return /^[a-f]?\d+[a-f]?$/.test(text) ? 2 : 3;
}

/** Of esbuild; `Q3REPORT` and `3DMODELS` are a word and a number. */
function certaintyOfBase32(text: string): Token['certainty'] {
  const letters = text.match(/[A-Z]+/g) ?? [];
  const longest = Math.max(0, ...letters.map(({ length }) => length));
  if (longest === 0) {
    return 0;
  }
  if (longest < text.length && letters.length >= 2 && longest <= 5) {
    return longest <= 3 ? 3 : 2;
  }
  return letters.every(isPronounceable) ? 0 : 1;
}

/** What people put into names: versions, years, sizes, and words shortened with a number. */
const familiar =
  /v\d|(?:^|[-_])q[1-4]|[bep]2[bep]|es\d|h26\d|mp[34]|gl\d|auth|x86|x64|i18n|l10n|a11y|k8s|(?:19|20)\d\d|\d{2,}x\d{2,}/i;

/**
 * Of Rollup, whose hash may hold `-` and `_`. Words, acronyms and numbers one after the other, as in `iPhone15`, are
 * none: chance changes more often between them, and makes words that nobody can say.
 */
function certaintyOfBase64(text: string): Token['certainty'] {
  if (familiar.test(text) || /\dto[A-Z]|[a-z]to[A-Z][a-z]/.test(text)) {
    return 0;
  }
  const chunks = text.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g) ?? [];
  const isOdd = chunks.some((chunk) => /[a-z]/.test(chunk) && chunk.length > 1 && !isPronounceable(chunk));
  if (!/[a-z]/.test(text) || !/[A-Z]/.test(text)) {
    return chunks.length >= 4 || (isOdd && /[a-z]{6}/.test(text)) ? 1 : 0;
  }
  return isOdd ? odd(chunks.length) : sayable(chunks.length, /\d/.test(text));
}

function odd(chunks: number): Token['certainty'] {
  return chunks >= 4 ? 3 : chunks === 3 ? 2 : 1;
}

function sayable(chunks: number, hasDigit: boolean): Token['certainty'] {
  return chunks >= 5 ? 3 : chunks === 4 || (chunks === 3 && hasDigit) ? 1 : 0;
}

const abbreviations =
  /^(?:api|btn|cdn|cmd|css|ctx|db|dll|fr|gb|gql|grpc|html?|https?|img|jpg|js|json|ltr|md|mgr|mp|msg|nav|pkg|pl|png|pt|px|rtl|sql|src|ssl|str|svg|tls|tmp|tr|ts|xml)$/;

/** Whether it could be a word, as far as its vowels go. */
function isPronounceable(chunk: string): boolean {
  const text = chunk.toLowerCase();
  return (
    abbreviations.test(text) ||
    (/[aeiouy]/.test(text) && !/[^aeiouy]{4}|q[^u]|^(?!chr|phr|sch|scr|shr|sph|spl|spr|str|thr)[^aeiouy]{3}/.test(text))
  );
}
