const mostKeyBytes = 1024;

/**
 * A prefix is a folder: `static` means `static/`. As a mere beginning of keys it would cover `static-old/` too, and
 * assets-delete with it.
 */
export function parsePrefix(text: string): { prefix: string } | { problem: string } {
  if (text === '' || text === '/') {
    return { prefix: '' };
  }
  const segments = text
    .replace(/^\//, '')
    .replace(/(?<=.)\/$/, '')
    .split('/');
  const problem = segments.map(problemOfSegment).find((one) => one !== undefined);
  return problem === undefined ? { prefix: `${segments.join('/')}/` } : { problem: `has a folder that ${problem}` };
}

function problemOfSegment(segment: string): string | undefined {
  if (segment === '' || segment === '.' || segment === '..') {
    return `is called "${segment}"`;
  }
  return problemOfName(segment);
}

/** Why a name could not be asked for by the same URL in every browser. */
export function problemOfName(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) {
    return 'has a control character in its name';
  }
  if (name.includes('\\')) {
    return 'has a backslash in its name, which browsers turn into a slash';
  }
  return name.isWellFormed() && !name.includes('\ufffd') ? undefined : 'has a name that is not UTF-8';
}

export function isTooLong(key: string): boolean {
  return Buffer.byteLength(key) > mostKeyBytes;
}
