import defaults from './action.json' with { type: 'json' };
import { parsePath } from './cloudfront/paths.ts';
import { type ImageUri, parseImageUri } from './image/image-uri.ts';
import { type FunctionRef, parseFunctionRef, qualifierOf } from './lambda/function-ref.ts';
import { plain } from './plain.ts';

export type InputName = keyof typeof defaults;

/** Where the texts come from: the runner, in a workflow. */
export interface InputSource {
  /** As the workflow gave it; empty when it did not. */
  text(name: InputName): string;
  /** The contents of a file the workflow names. */
  file(path: string): string;
}

/** What an input says, each alone; what it must not say next to another is a matter of the plan. */
export interface Inputs {
  /** The inputs that hold anything, be it right or wrong. */
  given: ReadonlySet<InputName>;
  functions: readonly { ref: FunctionRef; image: ImageUri | undefined }[];
  image: ImageUri | undefined;
  architecture: 'x86_64' | 'arm64' | undefined;
  publish: boolean;
  versionDescription: string;
  revisionId: string;
  distributionIds: readonly string[];
  paths: readonly string[];
  /** Paths that are cleared together with everything that begins like them, as they were given. */
  widenedPaths: readonly string[];
  waitForInvalidation: 'true' | 'false' | 'best-effort';
  region: string;
  dryRun: boolean;
  updateTimeoutMs: number;
  invalidationTimeoutMs: number;
}

/** Reads every input; what is wrong with one is added to `problems` and never stops the others from being read. */
export function parseInputs(source: InputSource, problems: string[]): Inputs {
  const given = new Set<InputName>();
  const texts = new Map<InputName, string>();
  for (const name of Object.keys(defaults) as InputName[]) {
    const text = source.text(name).trim();
    if (text !== '') {
      given.add(name);
    }
    // An input that a calling workflow passes on empty means its default.
    texts.set(name, text || defaults[name]);
  }
  const read = (name: InputName) => texts.get(name) ?? '';
  const reject = (name: InputName, what: string, value: string) => {
    problems.push(`${name} ${what}, got "${plain(value, 120)}".`);
  };
  const choice = <T extends string>(name: InputName, choices: readonly T[]): T | undefined => {
    const text = read(name);
    const chosen = choices.find((one) => one === text.toLowerCase());
    if (chosen === undefined && text !== '') {
      reject(name, `must be ${choices.join(', ').replace(/, ([^,]*)$/, ' or $1')}`, text);
    }
    return chosen;
  };
  const duration = (name: InputName): number => {
    const [, count = '', unit = 's'] = /^(\d{1,6})(s|m|h)?$/.exec(read(name)) ?? [];
    const seconds = Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
    if (count === '' || seconds < 1 || seconds > longestSeconds) {
      reject(name, 'must be seconds or a duration such as 90s, 10m or 1h, from 1 second to 6 hours', read(name));
    }
    return seconds * 1000;
  };
  const single = (name: InputName, pattern: RegExp, what: string): string => {
    const text = read(name);
    if (text !== '' && !pattern.test(text)) {
      reject(name, what, text);
      return '';
    }
    return text;
  };
  const image = (name: InputName, text: string): ImageUri | undefined => {
    const parsed = parseImageUri(text);
    if ('problem' in parsed) {
      reject(name, parsed.problem, text);
      return undefined;
    }
    return parsed;
  };

  const functions = listItems(read('function-name')).flatMap((item) => {
    const [nameText = '', imageText] = splitOnce(item, '=');
    const ref = parseFunctionRef(nameText);
    if (ref === undefined) {
      const qualifier = qualifierOf(nameText);
      reject(
        'function-name',
        qualifier === undefined
          ? 'must be a name of up to 64 letters, digits, "-" and "_", a partial ARN or an ARN'
          : `must not carry a version or alias ("${plain(qualifier)}"), because code is always updated on $LATEST`,
        nameText,
      );
    }
    const own = imageText === undefined ? undefined : image('function-name', imageText);
    return ref && (own !== undefined || imageText === undefined) ? [{ ref, image: own }] : [];
  });
  repeated(functions.map(({ ref }) => ref.name)).forEach((name) => {
    reject('function-name', 'must name each function once', name);
  });

  const distributionIds = listItems(read('distribution-id')).filter((id) => {
    const right = /^E[A-Z0-9]{8,31}$/.test(id);
    if (!right) {
      reject('distribution-id', 'must be the id of a distribution, such as E2QWRUHAPOMQZL', id);
    }
    return right;
  });
  repeated(distributionIds).forEach((id) => {
    reject('distribution-id', 'must name each distribution once', id);
  });

  const { paths, widened } = readPaths(
    [
      { name: 'paths', items: listItems(read('paths'), loneComment) },
      { name: 'paths-file', items: readPathsFile(source, read('paths-file'), reject) },
    ],
    reject,
  );

  return {
    given,
    functions,
    image: given.has('image-uri') ? image('image-uri', read('image-uri')) : undefined,
    architecture: choice('architecture', ['x86_64', 'arm64']),
    publish: choice('publish', ['true', 'false']) === 'true',
    versionDescription: single(
      'version-description',
      /^[^\p{Cc}]{1,256}$/u,
      'must be one line of at most 256 characters',
    ),
    revisionId: single('revision-id', /^[A-Za-z0-9-]{1,64}$/, 'must be the RevisionId of the function'),
    distributionIds,
    paths,
    widenedPaths: widened,
    waitForInvalidation: choice('wait-for-invalidation', ['true', 'false', 'best-effort']) ?? 'true',
    region: single('region', regionPattern, 'must be an AWS Region such as eu-west-1'),
    dryRun: choice('dry-run', ['true', 'false']) === 'true',
    updateTimeoutMs: duration('update-timeout'),
    invalidationTimeoutMs: duration('invalidation-timeout'),
  };
}

/** The longest a job on a GitHub-hosted runner may run. */
const longestSeconds = 6 * 3600;

export const regionPattern = /^[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/;

type Reject = (name: InputName, what: string, value: string) => void;

const anyComment = /(?:^|\s)#.*$/;
/** Among paths `#tag` is an item, a cache tag; only a `#` that stands alone begins a comment. */
const loneComment = /(?:^|\s)#(?:\s.*|$)/;

/** One item a line; spaces and commas separate too, blank lines and comments are skipped. */
function listItems(text: string, comment = anyComment): string[] {
  return text
    .split(/\r\n|[\r\n]/)
    .map((line) => line.replace(comment, ''))
    .flatMap((line) => line.split(/[\s,]+/))
    .filter((item) => item !== '');
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function repeated(items: readonly string[]): Set<string> {
  return new Set(items.filter((item, index) => items.indexOf(item) !== index));
}

function readPathsFile(source: InputSource, path: string, reject: Reject): string[] {
  if (path === '') {
    return [];
  }
  try {
    return source
      .file(path)
      .replace(/^\ufeff/, '')
      .split(/\r\n|[\r\n]/)
      .map((line) => line.replace(/^#(?:\s.*|$)/, '').trim())
      .filter((line) => line !== '');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    reject('paths-file', `must be a file that can be read (${plain(code)})`, path);
    return [];
  }
}

function readPaths(lists: { name: InputName; items: string[] }[], reject: Reject) {
  const paths = new Set<string>();
  const widened: string[] = [];
  for (const { name, items } of lists) {
    for (const item of items) {
      const parsed = parsePath(item);
      if ('problem' in parsed) {
        reject(name, parsed.problem, item);
        continue;
      }
      paths.add(parsed.path);
      if (parsed.widened) {
        widened.push(item);
      }
    }
  }
  return { paths: [...paths], widened };
}
