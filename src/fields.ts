import defaults from './action.json' with { type: 'json' };
import { plain } from './plain.ts';

export type InputName = keyof typeof defaults;

/** Where the texts come from: the runner, in a workflow. */
export interface InputSource {
  /** As the workflow gave it; empty when it did not. */
  text(name: InputName): string;
  /** The contents of a file the workflow names; throws an error whose message says why it cannot be had. */
  file(path: string): string;
  /** A variable of the environment, which docker reads as well. */
  variable(name: string): string | undefined;
  /** How large a file is that docker can read; throws an error whose message says why it is none. */
  fileBytes(path: string): number;
}

/** A line of an input, and which one it is. */
export interface Line {
  text: string;
  number: number;
}

/** Reads single inputs. What is wrong goes to the problems and never stops the next one from being read. */
export interface Fields {
  /** What each input says that is not left at its default, be it right or wrong; the runner passes defaults on, too. */
  given: ReadonlyMap<InputName, string>;
  /** The text of an input, or its default. */
  text(name: InputName): string;
  /** The value is left out where it may be a secret. */
  reject(name: InputName, what: string, value?: string): void;
  choice<T extends string>(name: InputName, choices: readonly T[]): T | undefined;
  flag(name: InputName): boolean;
  durationMs(name: InputName): number;
  /** A whole number within bounds, both included. */
  integer(name: InputName, least: number, most: number): number;
  /** Empty when the text does not match. */
  matching(name: InputName, pattern: RegExp, what: string): string;
  /** One item a line; spaces and commas separate too, blank lines and comments are skipped. */
  items(name: InputName): string[];
  /** One item a line, with the spaces and commas in it; blank lines and comments are skipped. */
  lines(name: InputName): string[];
  numberedLines(name: InputName): Line[];
  /** The same, of the file that the input names. */
  fileLines(name: InputName): string[];
}

/** The longest a job on a GitHub-hosted runner may run. */
const longestSeconds = 6 * 3600;
const secondsOf: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600 };

export function readFields(source: InputSource, problems: string[]): Fields {
  const given = new Map<InputName, string>();
  for (const name of Object.keys(defaults) as InputName[]) {
    const text = source.text(name).trim();
    if (text !== '' && text !== defaults[name]) {
      given.set(name, text);
    }
  }
  /** An action's inputs are texts: what looks like a list of YAML arrives with its dashes. What follows may be a secret. */
  const undashed = (name: InputName, lines: readonly string[]): string[] => {
    if (lines.some((line) => yamlDash.test(line))) {
      fields.reject(name, 'must be one item a line, without the dashes of a YAML list', '- …');
    }
    return lines.map((line) => line.replace(yamlDash, ''));
  };
  const fields: Fields = {
    given,
    // An input that a calling workflow passes on empty means its default.
    text: (name) => given.get(name) ?? defaults[name],
    reject(name, what, value) {
      const got = value === undefined ? '' : `, got "${plain(wholeLine(fields.text(name), value))}"`;
      problems.push(`${name} ${what}${got}.`);
    },
    choice(name, choices) {
      const text = fields.text(name);
      const chosen = choices.find((one) => one === text.toLowerCase());
      if (chosen === undefined && text !== '') {
        fields.reject(name, `must be ${choices.join(', ').replace(/, ([^,]*)$/, ' or $1')}`, text);
      }
      return chosen;
    },
    flag: (name) => fields.choice(name, ['true', 'false']) === 'true',
    durationMs(name) {
      const text = fields.text(name);
      const [, count = '', unit = ''] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
      const seconds = Number(count) * (secondsOf[unit] ?? 0);
      if (seconds < 1 || seconds > longestSeconds) {
        fields.reject(name, 'must be seconds or a duration such as 90s, 10m or 1h, from 1 second to 6 hours', text);
      }
      return seconds * 1000;
    },
    integer(name, least, most) {
      const text = fields.text(name);
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= least && value <= most)) {
        fields.reject(name, `must be a whole number from ${least} to ${most}`, text);
      }
      return value;
    },
    matching(name, pattern, what) {
      const text = fields.text(name);
      if (text === '' || pattern.test(text)) {
        return text;
      }
      fields.reject(name, what, text);
      return '';
    },
    items(name) {
      const comment = name === 'paths' ? loneComment : anyComment;
      const items = undashed(name, linesOf(fields.text(name)))
        .flatMap((line) => line.replace(comment, '').split(/[\s,]+/))
        .filter((item) => item !== '');
      if (items.length === 0 && given.has(name)) {
        fields.reject(name, 'must name something, or be empty', fields.text(name));
      }
      return items;
    },
    lines: (name) =>
      undashed(
        name,
        contentOf(fields.text(name)).map(({ text }) => text),
      ),
    numberedLines(name) {
      const lines = contentOf(fields.text(name));
      const texts = undashed(
        name,
        lines.map(({ text }) => text),
      );
      return lines.map((line, index) => ({ ...line, text: texts[index] ?? line.text }));
    },
    fileLines(name) {
      const path = fields.text(name);
      try {
        return path === ''
          ? []
          : undashed(
              name,
              contentOf(source.file(path)).map(({ text }) => text),
            );
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        fields.reject(name, `must be a file that can be read (${plain(reason)})`, path);
        return [];
      }
    },
  };
  return fields;
}

const yamlDash = /^\s*-(?:\s+|$)/;
const anyComment = /(?:^|\s)#.*$/;
/** Among paths `#tag` is an item, a cache tag; only a `#` that stands alone begins a comment. */
const loneComment = /(?:^|\s)#(?:\s.*|$)/;

function contentOf(text: string): Line[] {
  return linesOf(text)
    .map((line, at) => ({ text: line.replace(/^\s*#(?:\s.*|$)/, '').trim(), number: at + 1 }))
    .filter((line) => line.text !== '');
}

/** An item with all of its line: the runner would not know a part of a secret. */
function wholeLine(text: string, item: string): string {
  return linesOf(text).find((line) => item !== '' && line.includes(item)) ?? item;
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|[\r\n]/);
}
