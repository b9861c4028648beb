import { parsePath } from './cloudfront/paths.ts';
import { type Fields, type InputName, type InputSource, readFields } from './fields.ts';
import { type ImageUri, parseImageUri } from './image/image-uri.ts';
import { type FunctionRef, parseFunctionRef, qualifierOf } from './lambda/function-ref.ts';
import { plain } from './plain.ts';

/** What each input says, alone; what it must not say next to another is a matter of the plan. */
export interface Inputs {
  /** What each input that holds anything says, be it right or wrong. */
  given: ReadonlyMap<InputName, string>;
  functions: readonly FunctionInput[];
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

export interface FunctionInput {
  ref: FunctionRef;
  /** Its own, from `name=image-uri`. */
  image: ImageUri | undefined;
}

export const regionPattern = /^[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/;

/** Reads every input; what is wrong with one is added to `problems` and leaves the others alone. */
export function parseInputs(source: InputSource, problems: string[]): Inputs {
  const fields = readFields(source, problems);
  return {
    given: fields.given,
    functions: readFunctions(fields),
    image: fields.given.has('image-uri') ? readImage(fields, 'image-uri', fields.text('image-uri')) : undefined,
    architecture: fields.choice('architecture', ['x86_64', 'arm64']),
    publish: fields.flag('publish'),
    versionDescription: fields.matching(
      'version-description',
      /^[^\p{Cc}]{1,256}$/u,
      'must be one line of at most 256 characters',
    ),
    revisionId: fields.matching('revision-id', /^[A-Za-z0-9-]{1,64}$/, 'must be the RevisionId of the function'),
    distributionIds: readDistributionIds(fields),
    ...readPaths(fields),
    waitForInvalidation: fields.choice('wait-for-invalidation', ['true', 'false', 'best-effort']) ?? 'true',
    region: fields.matching('region', regionPattern, 'must be an AWS Region such as eu-west-1'),
    dryRun: fields.flag('dry-run'),
    updateTimeoutMs: fields.durationMs('update-timeout'),
    invalidationTimeoutMs: fields.durationMs('invalidation-timeout'),
  };
}

function readFunctions(fields: Fields): FunctionInput[] {
  const functions = fields.items('function-name').flatMap((item) => {
    const [, name = '', ownImage] = /^([^=]*)(?:=(.*))?$/s.exec(item) ?? [];
    const ref = parseFunctionRef(name);
    if (ref === undefined) {
      const qualifier = qualifierOf(name);
      const what = qualifier
        ? `must not carry a version or alias ("${plain(qualifier)}"), because code is always updated on $LATEST`
        : 'must be a name of up to 64 letters, digits, "-" and "_", a partial ARN or an ARN';
      fields.reject('function-name', what, name);
    }
    const image = ownImage === undefined ? undefined : readImage(fields, 'function-name', ownImage);
    const isWhole = ref !== undefined && (ownImage === undefined || image !== undefined);
    return isWhole ? [{ ref, image }] : [];
  });
  for (const name of repeated(functions.map(({ ref }) => ref.name))) {
    fields.reject('function-name', 'must name each function once', name);
  }
  return functions;
}

function readImage(fields: Fields, name: InputName, text: string): ImageUri | undefined {
  const image = parseImageUri(text);
  if ('problem' in image) {
    fields.reject(name, image.problem, text);
    return undefined;
  }
  return image;
}

function readDistributionIds(fields: Fields): string[] {
  const ids = fields.items('distribution-id');
  for (const id of ids.filter((one) => !/^E[A-Z0-9]{8,31}$/.test(one))) {
    fields.reject('distribution-id', 'must be the id of a distribution, such as E2QWRUHAPOMQZL', id);
  }
  for (const id of repeated(ids)) {
    fields.reject('distribution-id', 'must name each distribution once', id);
  }
  return ids;
}

function readPaths(fields: Fields): Pick<Inputs, 'paths' | 'widenedPaths'> {
  const paths = new Set<string>();
  const widenedPaths: string[] = [];
  const read = (name: InputName, items: readonly string[]) => {
    for (const item of items) {
      const parsed = parsePath(item);
      if ('problem' in parsed) {
        fields.reject(name, parsed.problem, item);
        continue;
      }
      paths.add(parsed.path);
      if (parsed.widened) {
        widenedPaths.push(item);
      }
    }
  };
  read('paths', fields.items('paths'));
  read('paths-file', fields.fileLines('paths-file'));
  return { paths: [...paths], widenedPaths };
}

function repeated(items: readonly string[]): Set<string> {
  return new Set(items.filter((item, index) => items.indexOf(item) !== index));
}
