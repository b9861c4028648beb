const levels = ['debug', 'info', 'warn', 'error'] as const;

type Fields = Record<string, string | number | readonly string[] | undefined>;

/** Structured logs: each line is one JSON object with a level, a message and fields. */
export type Log = Record<(typeof levels)[number], (message: string, fields?: Fields) => void>;

/** A key has at most 1,024 bytes and a message of AWS is cut already; this is for whatever else arrives. */
const longestText = 2000;
/** Of a list, as many as show what it is about. */
const mostItems = 20;

/**
 * Writes what is at least as grave as `level`, by the names that Lambda has for it in AWS_LAMBDA_LOG_LEVEL; unknown ones
 * mean info. In JSON, text of others can neither end a line nor look like a field.
 */
export function createLog(write: (line: string) => void, level = 'info'): Log {
  const least = levelNamed(level);
  const at =
    (name: (typeof levels)[number]): Log['info'] =>
    (message, fields = {}) => {
      if (levels.indexOf(name) >= least) {
        write(`${JSON.stringify({ level: name, message, ...fields }, shorten)}\n`);
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function levelNamed(level: string): number {
  const name = level.toLowerCase().replace('trace', 'debug').replace('fatal', 'error');
  const index = (levels as readonly string[]).indexOf(name);
  return index === -1 ? levels.indexOf('info') : index;
}

function shorten(_: string, value: unknown): unknown {
  if (Array.isArray(value) && value.length > mostItems) {
    return [...value.slice(0, mostItems), `and ${value.length - mostItems} more`];
  }
  return typeof value === 'string' && value.length > longestText ? `${value.slice(0, longestText)}…` : value;
}
