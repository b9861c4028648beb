const longest = 500;

/**
 * Text that somebody else wrote, safe to print: one line, nothing the runner takes for a command, no password and no
 * query string of a URL, no endless value.
 *
 * The runner executes `::command::` at the start of a line and `##[command]` anywhere in it
 * (actions/runner, ActionCommand.TryParse and TryParseV2).
 */
export function plain(text: string, limit = longest): string {
  return safe(text, limit, /^/);
}

/** Like `plain`, but a URL keeps its query, by which pages may differ, unless that looks like a credential. */
export function plainPage(text: string, limit = longest): string {
  return safe(text, limit, credential);
}

const credential = /x-amz-|(?:signature|sig|token|secret|password|key)=/i;

/** A presigned URL is a credential: what follows its question mark signs it. */
function safe(text: string, limit: number, secretQuery: RegExp): string {
  const line = inert(text.replace(/(?<=:\/\/)[^\s/]*@/g, '…@').slice(0, limit * 4))
    .replace(/(https?:\/\/[^\s?"']{1,2000}\?)([^\s"']*)/gi, (whole, page, query) =>
      secretQuery.test(query) ? `${page}…` : whole,
    )
    .replace(/\b(x-amz-[a-z-]{1,40}["']?\s?[:=]\s?)[^\s&"',;]+/gi, '$1…')
    .replace(/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, '…')
    .trim();
  return line.length > limit ? `${line.slice(0, limit)}… (${text.length} characters)` : line;
}

/** A line the runner cannot take for a command, whatever stands in it; everything logged goes through here. */
export function inert(text: string): string {
  return (
    text
      // Control characters (ESC and line breaks too), line and paragraph separators, bidirectional overrides.
      .replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+/gu, ' ')
      .replace(/##\[/g, '## [')
      // Not behind a colon, so that `arn:aws:s3:::bucket` stays as it is.
      .replace(/(?<!:)::(?=[a-z])/gi, ': :')
      .replace(/^(\s*):(?=:)/, '$1: ')
  );
}
