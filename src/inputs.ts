import type { ShiftStep } from './alias/switch.ts';
import { type HeaderRule, parseHeaderRule } from './assets/headers.ts';
import { parsePrefix } from './assets/keys.ts';
import type { AssetsRequest } from './assets/outcome.ts';
import { type PathMapping, parseMapping } from './cloudfront/changed-files.ts';
import { parsePath } from './cloudfront/paths.ts';
import { type Fields, type InputName, type InputSource, readFields } from './fields.ts';
import { fileGlob } from './file-glob.ts';
import { problemOfArg, problemOfSecret } from './image/build-inputs.ts';
import { type ImageUri, parseImageUri } from './image/image-uri.ts';
import { type FunctionRef, parseFunctionRef, qualifierOf } from './lambda/function-ref.ts';
import type { WarmUpPlan } from './lambda/warm-up.ts';
import { plain } from './plain.ts';
import { type ExpectedHeader, parseExpectedHeader } from './regenerate/expected-header.ts';
import { parsePageUrl } from './regenerate/page-url.ts';
import type { Build, DeploymentGroup, Target } from './world.ts';

/** What each input says, alone; what it must not say next to another is a matter of the plan. */
export interface Inputs {
  /** What each input says that is not left at its default, be it right or wrong. */
  given: ReadonlyMap<InputName, string>;
  functions: readonly FunctionInput[];
  image: ImageUri | undefined;
  zipFile: string;
  /** What stays out of the zip of a directory. */
  zipExclude(path: string): boolean;
  s3: { bucket: string; key: string; version: string };
  build: BuildInputs;
  architecture: 'x86_64' | 'arm64' | undefined;
  publish: boolean;
  versionDescription: string;
  revisionId: string;
  alias: string;
  warmUp: WarmUpPlan;
  trafficShift: readonly ShiftStep[];
  alarms: readonly string[];
  startInAlarm: boolean;
  bakeMs: number;
  rollback: boolean;
  codeDeploy: DeploymentGroup;
  keepVersions: number;
  assets: AssetsInputs;
  targets: readonly Target[];
  paths: readonly string[];
  /** Whether `@assets` is among the paths. */
  clearsAssets: boolean;
  widenedPaths: readonly WidenedPath[];
  changedFiles: readonly PathMapping[];
  pathVariants: boolean;
  maxPaths: number;
  invalidate: 'always' | 'changed';
  waitForInvalidation: 'true' | 'false' | 'best-effort';
  regeneration: RegenerationInputs;
  region: string;
  dryRun: boolean;
  updateTimeoutMs: number;
  invalidationTimeoutMs: number;
}

/** Without a directory and a bucket, there is nothing to upload. */
export type AssetsInputs = AssetsRequest;

/** A path that is cleared together with everything that begins like it. */
export interface WidenedPath {
  given: string;
  wildcard: string;
}

export interface RegenerationInputs {
  urls: readonly URL[];
  sitemaps: readonly URL[];
  expectHeader: ExpectedHeader | undefined;
  expectBody: string;
}

export type BuildInputs = Omit<Build, 'image'>;

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
    zipFile: fields.matching('zip-file', onePath, 'must be one path'),
    zipExclude: readGlobs(fields, 'zip-exclude'),
    s3: {
      bucket: fields.matching('s3-bucket', bucketName, 'must be the name of a bucket'),
      key: fields.matching('s3-key', /^[^\p{Cc}]{1,1024}$/u, 'must be a key of at most 1024 characters'),
      version: fields.matching('s3-object-version', /^[^\p{Cc}\s]{1,1024}$/u, 'must be the version of an object'),
    },
    build: readBuild(fields, source),
    architecture: fields.choice('architecture', ['x86_64', 'arm64']),
    publish: fields.flag('publish'),
    versionDescription: fields.matching(
      'version-description',
      /^[^\p{Cc}]{1,256}$/u,
      'must be one line of at most 256 characters',
    ),
    revisionId: fields.matching('revision-id', /^[A-Za-z0-9-]{1,64}$/, 'must be the RevisionId of the function'),
    alias: fields.matching(
      'alias',
      /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/,
      'must be the name of an alias: letters, digits, "-" and "_", not digits alone',
    ),
    warmUp: { count: fields.integer('warm-up', 0, mostInvocations), payload: readPayload(fields, source) },
    trafficShift: readTrafficShift(fields),
    alarms: readAlarms(fields),
    startInAlarm: fields.flag('start-in-alarm'),
    bakeMs: fields.integer('bake-seconds', 0, 6 * 3600) * 1000,
    rollback: fields.flag('rollback'),
    codeDeploy: {
      application: fields.matching('codedeploy-application', codeDeployName, 'must be the name of an application'),
      name: fields.matching('codedeploy-deployment-group', codeDeployName, 'must be the name of a deployment group'),
    },
    keepVersions: fields.integer('keep-versions', 0, 10_000),
    assets: readAssets(fields),
    targets: readTargets(fields),
    ...readPaths(fields),
    changedFiles: readChangedFiles(fields),
    pathVariants: fields.flag('path-variants'),
    maxPaths: fields.integer('max-paths', 1, mostPaths),
    invalidate: fields.choice('invalidate', ['always', 'changed']) ?? 'always',
    waitForInvalidation: fields.choice('wait-for-invalidation', ['true', 'false', 'best-effort']) ?? 'true',
    regeneration: readRegeneration(fields),
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
      const what = qualifierOf(name)
        ? 'must not carry a version or alias, because code is always updated on $LATEST'
        : 'must be a name of up to 64 letters, digits, "-" and "_", a partial ARN or an ARN';
      fields.reject('function-name', what, name);
    }
    const image = ownImage === undefined ? undefined : readImage(fields, 'function-name', ownImage);
    const isWhole = ref !== undefined && (ownImage === undefined || image !== undefined);
    return isWhole ? [{ ref, image }] : [];
  });
  for (const text of new Set(functions.flatMap(({ ref }, index) => (isRepeated(ref, index) ? [ref.name] : [])))) {
    fields.reject(
      'function-name',
      `must name each function once, by its ARN where two accounts have one, got "${plain(text)}"`,
    );
  }
  return functions;

  /** A name alone may be of any account. */
  function isRepeated({ name, accountId }: FunctionRef, index: number): boolean {
    const accounts = functions.slice(0, index).flatMap(({ ref }) => (ref.name === name ? [ref.accountId] : []));
    return accounts.some((other) => accountId === '' || other === '' || other === accountId);
  }
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

const onePath = /^[^\p{Cc}]{1,4096}$/u;

function readBuild(fields: Fields, source: InputSource): BuildInputs {
  const read = (name: 'build-args' | 'build-secrets', problemOf: (line: string, source: InputSource) => string) =>
    fields.numberedLines(name).map(({ text, number }) => {
      const problem = problemOf(text, source);
      if (problem !== '') {
        // Any line may hold a secret, or a part of one.
        fields.reject(name, `${problem} (line ${number})`);
      }
      return text;
    });
  const args = read('build-args', problemOfArg);
  const secrets = read('build-secrets', problemOfSecret);
  return {
    context: fields.matching('build-context', onePath, 'must be one path'),
    file: fields.matching('build-file', onePath, 'must be one path'),
    target: fields.matching('build-target', /^[\w.-]{1,128}$/, 'must be the name of a stage'),
    platform: fields.matching(
      'build-platform',
      /^linux\/(?:amd64|arm64)$/,
      'must be linux/amd64 or linux/arm64, one of them, because Lambda takes single-platform images',
    ),
    args,
    secrets,
  };
}

function readImage(fields: Fields, name: InputName, text: string): ImageUri | undefined {
  const image = parseImageUri(text);
  if ('problem' in image) {
    fields.reject(name, image.problem, text);
    return undefined;
  }
  return image;
}

/** The SDK opens no more connections at a time, and so many do not wait for one another. */
const mostInvocations = 50;
/** As Lambda takes it. */
const mostPayload = 6 * 1024 * 1024;

/** JSON, or `@` and the file that holds it. It may be a secret, so it is not repeated. */
function readPayload(fields: Fields, source: InputSource): string {
  const text = fields.text('warm-up-payload');
  if (text === '') {
    return '{}';
  }
  try {
    const payload = text.startsWith('@') ? source.file(text.slice(1)) : text;
    JSON.parse(payload);
    if (Buffer.byteLength(payload) <= mostPayload) {
      return payload;
    }
    fields.reject('warm-up-payload', `must be at most ${mostPayload} bytes`);
  } catch (error) {
    const isFile = text.startsWith('@');
    const reason =
      isFile && error instanceof Error && !(error instanceof SyntaxError) ? ` (${plain(error.message)})` : '';
    fields.reject(
      'warm-up-payload',
      `must be JSON, or "@" and a file that holds JSON${reason}`,
      isFile ? text : undefined,
    );
  }
  return '{}';
}

/** `10% 60s`, one a line or separated by commas. */
function readTrafficShift(fields: Fields): ShiftStep[] {
  const texts = fields.lines('traffic-shift').flatMap((line) => line.split(',').map((text) => text.trim()));
  const steps = texts
    .filter((text) => text !== '')
    .flatMap((text) => {
      const [, percent = '', count = '', unit = ''] =
        /^(\d{1,2}(?:\.\d{1,2})?)\s*%\s+(\d{1,5})\s*([smh]?)$/.exec(text) ?? [];
      const ms = Number(count) * { '': 1000, s: 1000, m: 60_000, h: 3_600_000 }[unit as 's'];
      if (percent === '' || Number(percent) === 0 || ms === 0) {
        fields.reject('traffic-shift', 'must be steps such as 10% 60s, of more than 0 and less than 100 percent', text);
        return [];
      }
      return [{ weight: Number(percent) / 100, ms }];
    });
  if (steps.some(({ weight }, index) => weight <= (steps[index - 1]?.weight ?? 0))) {
    fields.reject('traffic-shift', 'must have steps that grow', fields.text('traffic-shift'));
  }
  return steps;
}

function readAlarms(fields: Fields): string[] {
  const alarms = fields.lines('alarms');
  for (const name of alarms.filter((one) => !/^[^\p{Cc}]{1,255}$/u.test(one))) {
    fields.reject('alarms', 'must be names of CloudWatch alarms, one a line', name);
  }
  return [...new Set(alarms)];
}

const codeDeployName = /^[^\p{Cc}/]{1,100}$/u;

function readAssets(fields: Fields): AssetsInputs {
  const parsed = parsePrefix(fields.text('assets-prefix'));
  if ('problem' in parsed) {
    fields.reject('assets-prefix', parsed.problem, fields.text('assets-prefix'));
  }
  return {
    directory: fields.matching('assets-dir', onePath, 'must be one path'),
    bucket: fields.matching('assets-bucket', bucketName, 'must be the name of a bucket'),
    prefix: 'problem' in parsed ? '' : parsed.prefix,
    isExcluded: readGlobs(fields, 'assets-exclude'),
    headerRules: fields.lines('assets-headers').flatMap((line): HeaderRule[] => {
      const rule = parseHeaderRule(line);
      if ('problem' in rule) {
        fields.reject('assets-headers', rule.problem, line);
        return [];
      }
      return [rule];
    }),
    deletes: fields.flag('assets-delete'),
  };
}

const longestGlob = 1024;

/** Whether one of the globs matches. */
function readGlobs(fields: Fields, name: InputName): (path: string) => boolean {
  const globs = fields.lines(name).filter((line) => {
    if (/^[^\p{Cc}]*[^/\p{Cc}][^\p{Cc}]*$/u.test(line) && !line.startsWith('!') && line.length <= longestGlob) {
      return true;
    }
    fields.reject(name, 'must have one glob on each line, without a "!" in front', line);
    return false;
  });
  const matchers = globs.map(fileGlob);
  return (path) => matchers.some((matches) => matches(path));
}

function readTargets(fields: Fields): Target[] {
  const distributions = readIds(fields, 'distribution-id', {
    pattern: /^E[A-Z0-9]{8,31}$/,
    what: 'must be the id of a distribution, such as E2QWRUHAPOMQZL',
  });
  const tenants = readIds(fields, 'distribution-tenant-id', {
    pattern: /^dt_[A-Za-z0-9_-]{4,60}$/,
    what: 'must be the id of a distribution tenant, such as dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB',
  });
  return [
    ...distributions.map((id): Target => ({ kind: 'distribution', id })),
    ...tenants.map((id): Target => ({ kind: 'tenant', id })),
  ];
}

function readIds(fields: Fields, name: InputName, { pattern, what }: { pattern: RegExp; what: string }): string[] {
  const ids = fields.items(name);
  for (const id of ids.filter((one) => !pattern.test(one))) {
    fields.reject(name, what, id);
  }
  for (const id of repeated(ids)) {
    fields.reject(name, `must name each once, got "${plain(id)}"`);
  }
  return ids;
}

/** What lies above this is an accident: it would cost more than 100 dollars each time. */
const mostPaths = 20_000;

/** Stands in `paths` for the paths of the assets that this run changes. */
const changedAssets = '@assets';

function readPaths(fields: Fields): Pick<Inputs, 'paths' | 'clearsAssets' | 'widenedPaths'> {
  const paths = new Set<string>();
  const widenedPaths: WidenedPath[] = [];
  const read = (name: InputName, items: readonly string[]) => {
    for (const item of items) {
      const parsed = parsePath(item);
      if ('problem' in parsed) {
        fields.reject(name, parsed.problem, item);
        continue;
      }
      paths.add(parsed.path);
      if (parsed.widened) {
        widenedPaths.push({ given: item, wildcard: parsed.path });
      }
    }
  };
  const items = fields.items('paths');
  read(
    'paths',
    items.filter((item) => item !== changedAssets),
  );
  read('paths-file', fields.fileLines('paths-file'));
  return { paths: [...paths], clearsAssets: items.includes(changedAssets), widenedPaths };
}

function readChangedFiles(fields: Fields): PathMapping[] {
  return fields.lines('changed-files').flatMap((line) => {
    const mapping = parseMapping(line);
    if ('problem' in mapping) {
      fields.reject('changed-files', mapping.problem, line);
      return [];
    }
    return [mapping];
  });
}

function readRegeneration(fields: Fields): RegenerationInputs {
  const header = fields.text('expect-header');
  const expectHeader = header === '' ? undefined : parseExpectedHeader(header);
  if (expectHeader !== undefined && 'problem' in expectHeader) {
    fields.reject('expect-header', expectHeader.problem);
  }
  return {
    urls: readUrls(fields, 'regenerate-urls'),
    sitemaps: readUrls(fields, 'regenerate-sitemap'),
    expectHeader: expectHeader === undefined || 'problem' in expectHeader ? undefined : expectHeader,
    expectBody: fields.text('expect-body'),
  };
}

function readUrls(fields: Fields, name: InputName): URL[] {
  return fields.numberedLines(name).flatMap(({ text, number }) => {
    const url = parsePageUrl(text);
    if ('problem' in url) {
      // Before an "@" stands a password, behind a "?" a token.
      const isPublic = !/[@?#]/.test(text);
      fields.reject(name, isPublic ? url.problem : `${url.problem} (line ${number})`, isPublic ? text : undefined);
      return [];
    }
    return [url];
  });
}

function repeated(items: readonly string[]): Set<string> {
  return new Set(items.filter((item, index) => items.indexOf(item) !== index));
}
