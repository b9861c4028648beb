export interface ExpectedHeader {
  /** In lower case. */
  name: string;
  value: string;
}

// A token of RFC 9110, 5.6.2, and what RFC 9110, 5.5 allows in a value.
const headerPattern = /^([!#$%&'*+.^_`|~0-9a-z-]{1,100})[ \t]*:(.*)$/i;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]{1,4000}$/;

/** A header that fresh answers carry, written as in HTTP: `name: value`. */
export function parseExpectedHeader(text: string): ExpectedHeader | { problem: string } {
  const [, name = '', rest = ''] = headerPattern.exec(text.trim()) ?? [];
  const value = rest.trim();
  return name !== '' && valuePattern.test(value)
    ? { name: name.toLowerCase(), value }
    : { problem: 'must be a header as in HTTP, "name: value"' };
}
