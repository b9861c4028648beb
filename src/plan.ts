import { runUrl } from './alias/run-order.ts';
import type { ShiftStep } from './alias/switch.ts';
import type { AssetsRequest } from './assets/outcome.ts';
import type { PathMapping } from './cloudfront/changed-files.ts';
import type { InputName } from './fields.ts';
import { type ImageUri, parseImageUri } from './image/image-uri.ts';
import { platformOf } from './image/manifest.ts';
import { type FunctionInput, type Inputs, regionPattern, type WidenedPath } from './inputs.ts';
import type { CodeSource } from './lambda/code.ts';
import type { FunctionRef } from './lambda/function-ref.ts';
import type { WarmUpPlan } from './lambda/warm-up.ts';
import { plain } from './plain.ts';
import type { RegenerationPlan } from './regenerate/plan.ts';
import type { Build, DeploymentGroup, Run, Target } from './world.ts';

export interface Plan {
  dryRun: boolean;
  region: string;
  build: BuildPlan | undefined;
  functions: readonly FunctionPlan[];
  updateTimeoutMs: number;
  rollout: RolloutPlan;
  assets: AssetsRequest | undefined;
  clearing: ClearingPlan | undefined;
}

/** Without a platform, that of the functions is taken. */
export type BuildPlan = Omit<Build, 'platform'> & { platform: string | undefined };

export interface FunctionPlan {
  ref: FunctionRef;
  source: CodeSource;
  /** The input that names the source. */
  sourceInput: InputName;
  architecture: string | undefined;
  revisionId: string | undefined;
  /** Undefined: no version is published. */
  version: { description: string | undefined } | undefined;
  /** Moved to the new version; empty: none is. */
  alias: string;
  warmUp: WarmUpPlan | undefined;
  /** What the instances of a function on Lambda Managed Instances get on top of the time of the update. */
  startUpMs: number;
}

/**
 * Instances are launched, and the initialization alone may take 15 minutes
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html).
 */
const startUpMs = 15 * 60_000;

/** How the versions that are ready go into use. */
export interface RolloutPlan {
  steps: readonly ShiftStep[];
  alarms: readonly string[];
  /** Whether an alarm may be in ALARM before the start. */
  startInAlarm: boolean;
  bakeMs: number;
  /** Whether a release that fails is taken back. */
  rollback: boolean;
  codeDeploy: DeploymentGroup | undefined;
  /** How many versions stay; 0 keeps all. */
  keepVersions: number;
}

export interface ClearingPlan {
  targets: readonly Target[];
  /** Encoded paths, wildcards and tags that the inputs name. */
  paths: readonly string[];
  /** Whether the paths of changed assets are cleared, too. */
  clearsAssets: boolean;
  widenedPaths: readonly WidenedPath[];
  /** Which paths show the files that a push changed; they are cleared, too. */
  changedFiles: readonly PathMapping[];
  /** Whether `/dir/`, `/dir` and `/dir/index.html` stand for one another. */
  variants: boolean;
  maxPaths: number;
  /** Whether to clear nothing when nothing changed. */
  onlyChanged: boolean;
  wait: 'true' | 'false' | 'best-effort';
  timeoutMs: number;
  regeneration: RegenerationPlan | undefined;
}

/** What is to be done, from inputs that are right each alone; contradictions between them are added to `problems`. */
export function planRelease(inputs: Inputs, run: Run, problems: string[]): Plan {
  const { given } = inputs;
  if (!['function-name', 'assets-dir', ...clearable].some((name) => given.has(name as InputName))) {
    problems.push(
      'function-name, distribution-id, distribution-tenant-id or assets-dir must be given: there is nothing to do.',
    );
  }
  for (const [name, ...needed] of companions) {
    if (!needed.some((one) => given.has(one))) {
      needs(name, needed.join(' or '), inputs, problems);
    }
  }
  if (!inputs.publish) {
    for (const name of ['version-description', 'alias', 'keep-versions'] as const) {
      needs(name, 'publish: true', inputs, problems);
    }
  }
  if (given.has('revision-id') && inputs.functions.length > 1) {
    problems.push(`revision-id goes with one function, got ${inputs.functions.length} in function-name.`);
  }
  const sources = (['image-uri', 'zip-file', 's3-bucket'] as const).filter((name) => given.has(name));
  if (sources.length > 1) {
    const values = sources.map((name) => `"${plain(given.get(name) ?? '')}"`).join(' and ');
    problems.push(`${sources.join(' and ')} exclude each other, a function gets one code, got ${values}.`);
  }

  checkDeleting(inputs, problems);
  const region = chooseRegion(inputs, run, problems);
  const build = planBuild(inputs, run, problems);
  return {
    dryRun: inputs.dryRun,
    region,
    build,
    functions: planFunctions(inputs, run, region, build?.image, problems),
    updateTimeoutMs: inputs.updateTimeoutMs,
    rollout: planRollout(inputs, problems),
    assets: inputs.assets.directory !== '' && inputs.assets.bucket !== '' ? inputs.assets : undefined,
    clearing: planClearing(inputs, problems),
  };
}

const clearable = ['distribution-id', 'distribution-tenant-id'] as const;
const regenerable = ['regenerate-urls', 'regenerate-sitemap'] as const;

/** Inputs that mean nothing without one of the others behind them. */
const companions: readonly (readonly [InputName, ...InputName[]])[] = [
  ['image-uri', 'function-name'],
  ['zip-file', 'function-name'],
  ['zip-exclude', 'function-name'],
  ['s3-bucket', 'function-name'],
  ['architecture', 'function-name'],
  ['version-description', 'function-name'],
  ['revision-id', 'function-name'],
  ['build-context', 'function-name'],
  ['s3-bucket', 's3-key'],
  ['s3-key', 's3-bucket'],
  ['s3-object-version', 's3-bucket'],
  ['build-context', 'image-uri'],
  ['build-file', 'build-context'],
  ['build-target', 'build-context'],
  ['build-platform', 'build-context'],
  ['build-args', 'build-context'],
  ['build-secrets', 'build-context'],
  ['paths', ...clearable],
  ['paths-file', ...clearable],
  ['changed-files', ...clearable],
  ['regenerate-urls', ...clearable],
  ['regenerate-sitemap', ...clearable],
  ['expect-header', ...regenerable],
  ['expect-body', ...regenerable],
  ['assets-dir', 'assets-bucket'],
  ['assets-bucket', 'assets-dir'],
  ['assets-prefix', 'assets-dir'],
  ['assets-exclude', 'assets-dir'],
  ['assets-headers', 'assets-dir'],
  ['assets-delete', 'assets-dir'],
  ['alias', 'function-name'],
  ['warm-up', 'function-name'],
  ['warm-up-payload', 'warm-up'],
  ['traffic-shift', 'alias'],
  ['alarms', 'traffic-shift', 'bake-seconds'],
  ['start-in-alarm', 'alarms'],
  ['bake-seconds', 'alarms'],
  ['bake-seconds', 'function-name'],
  ['codedeploy-application', 'alias'],
  ['codedeploy-application', 'codedeploy-deployment-group'],
  ['codedeploy-deployment-group', 'codedeploy-application'],
  ['keep-versions', 'function-name'],
];

/** What they say is nobody's business. */
const privateInputs: ReadonlySet<InputName> = new Set([
  'build-args',
  'build-secrets',
  'warm-up-payload',
  'regenerate-urls',
  'regenerate-sitemap',
  'expect-header',
  'expect-body',
]);

/** What is deleted is gone, so where is said in so many words, and no page that is still cached may need it. */
function checkDeleting({ given, assets, waitForInvalidation }: Inputs, problems: string[]): void {
  if (!assets.deletes) {
    return;
  }
  if (!given.has('assets-prefix')) {
    problems.push(
      'assets-delete needs assets-prefix, which is missing, got "true": it says what the assets have to themselves; "/" is the whole bucket.',
    );
  }
  if (waitForInvalidation === 'false' && clearable.some((name) => given.has(name))) {
    problems.push(
      'assets-delete must not go with wait-for-invalidation: false, got "false": pages that are still cached would lose their files.',
    );
  }
}

function needs(name: InputName, needed: string, { given }: Inputs, problems: string[]): void {
  const text = given.get(name);
  if (text !== undefined) {
    const value = privateInputs.has(name) ? '' : `, got "${plain(text)}"`;
    problems.push(`${name} needs ${needed}, which is missing${value}.`);
  }
}

/** What is built is pushed under a tag; without one it gets the commit's, so that it can be found again. */
function planBuild(inputs: Inputs, run: Run, problems: string[]): BuildPlan | undefined {
  const { build, image, architecture } = inputs;
  if (build.context === '' || image === undefined) {
    return undefined;
  }
  if (image.digest !== '') {
    problems.push(
      `image-uri must have a tag or nothing behind the repository when build-context is given, got "${image.text}".`,
    );
  }
  if (image.tag === '' && run.sha === '') {
    problems.push(`image-uri needs a tag: there is no commit to take it from, got "${image.text}".`);
  }
  if (build.platform !== '' && architecture !== undefined && build.platform !== platformOf(architecture)) {
    problems.push(`build-platform "${build.platform}" does not fit architecture "${architecture}".`);
  }
  const tagged = image.tag === '' ? parseImageUri(`${image.text}:${run.sha}`) : image;
  return { ...build, platform: build.platform || undefined, image: 'problem' in tagged ? image : tagged };
}

/** `AWS_REGION` names the Region of the credentials, so it comes before the ARN's; in conflict, neither is guessed. */
function chooseRegion(inputs: Inputs, run: Run, problems: string[]): string {
  if (inputs.given.has('region') && inputs.region === '') {
    return '';
  }
  const source = inputs.region === '' ? ' (from AWS_REGION)' : '';
  const stated = inputs.region || run.awsRegion;
  if (stated !== '' && !regionPattern.test(stated)) {
    problems.push(`region must be an AWS Region such as eu-west-1, got "${plain(stated)}"${source}.`);
    return '';
  }
  const region = stated || (inputs.functions.find(({ ref }) => ref.region !== '')?.ref.region ?? '');
  if (region === '' && inputs.functions.length > 0) {
    problems.push(
      'region must be given: neither AWS_REGION nor AWS_DEFAULT_REGION nor the ARN of a function says where the functions are.',
    );
  }
  for (const { ref } of inputs.functions) {
    if (ref.region !== '' && ref.region !== region) {
      problems.push(`function-name "${ref.text}" is in ${ref.region}, but region is "${region}"${source}.`);
    }
  }
  return region;
}

const sourceInputs = { image: 'image-uri', zip: 'zip-file', s3: 's3-key' } as const;

function planFunctions(
  inputs: Inputs,
  run: Run,
  region: string,
  built: ImageUri | undefined,
  problems: string[],
): FunctionPlan[] {
  return inputs.functions.flatMap((input) => {
    const { ref } = input;
    const source = chooseSource(input, inputs, built, problems);
    if (source === undefined) {
      return [];
    }
    if (source.kind === 'image') {
      checkImage(source.image, input, region, problems);
    }
    return [
      {
        ref,
        source,
        sourceInput: input.image === undefined ? sourceInputs[source.kind] : 'function-name',
        architecture: inputs.architecture,
        revisionId: inputs.revisionId || undefined,
        version: inputs.publish ? { description: inputs.versionDescription || describe(run) || undefined } : undefined,
        alias: inputs.alias,
        warmUp: inputs.warmUp.count > 0 ? inputs.warmUp : undefined,
        startUpMs: inputs.given.has('update-timeout') ? 0 : startUpMs,
      },
    ];
  });
}

/** The function's own image before what is common to all. */
function chooseSource(
  { ref, image: own }: FunctionInput,
  { given, image, zipFile, zipExclude, s3 }: Inputs,
  built: ImageUri | undefined,
  problems: string[],
): CodeSource | undefined {
  if (own !== undefined) {
    return { kind: 'image', image: own, isBuilt: false };
  }
  if (image !== undefined) {
    return { kind: 'image', image: built ?? image, isBuilt: built !== undefined };
  }
  if (zipFile !== '') {
    return { kind: 'zip', path: zipFile, isExcluded: zipExclude };
  }
  if (s3.bucket !== '' && s3.key !== '') {
    return { kind: 's3', bucket: s3.bucket, key: s3.key, version: s3.version || undefined };
  }
  // What is given but malformed or not whole has been reported already.
  if (!(['image-uri', 'zip-file', 's3-bucket', 's3-key'] as const).some((name) => given.has(name))) {
    problems.push(
      `image-uri must be given for function-name "${ref.text}", it has no image of its own; or zip-file, or s3-bucket and s3-key.`,
    );
  }
  return undefined;
}

/** Lambda pulls only from the function's Region, and what runs must be plain. */
function checkImage(image: ImageUri, { ref, image: own }: FunctionInput, region: string, problems: string[]): void {
  const input = own ? 'function-name' : 'image-uri';
  const functionRegion = ref.region || region;
  if (image.region !== '' && functionRegion !== '' && image.region !== functionRegion) {
    problems.push(
      `${input} has an image in ${image.region}, but "${ref.text}" is in ${functionRegion} and Lambda pulls only from its own Region, got "${image.text}".`,
    );
  }
  if (image.tag === '' && image.digest === '') {
    problems.push(`${input} must end in a tag or a digest, so that it is plain which image runs, got "${image.text}".`);
  }
}

function planRollout(inputs: Inputs, problems: string[]): RolloutPlan {
  const { given, codeDeploy } = inputs;
  const isHandedOver = codeDeploy.application !== '' && codeDeploy.name !== '';
  if (isHandedOver) {
    for (const name of (['traffic-shift', 'alarms', 'bake-seconds'] as const).filter((one) => given.has(one))) {
      problems.push(
        `${name} must not go with codedeploy-application: the deployment group has steps and alarms of its own, got "${plain(given.get(name) ?? '')}".`,
      );
    }
    if (inputs.functions.length > 1) {
      problems.push(
        `codedeploy-application goes with one function, because a deployment group makes one deployment at a time, got ${inputs.functions.length} in function-name.`,
      );
    }
  }
  return {
    steps: inputs.trafficShift,
    alarms: inputs.alarms,
    startInAlarm: inputs.startInAlarm,
    bakeMs: inputs.bakeMs,
    rollback: inputs.rollback,
    codeDeploy: isHandedOver ? codeDeploy : undefined,
    keepVersions: inputs.keepVersions,
  };
}

/** Lambda takes 256 characters. */
function describe(run: Run): string {
  const url = runUrl(run);
  const attempt = url && run.runAttempt && run.runAttempt !== '1' ? `/attempts/${run.runAttempt}` : '';
  return plain(`${run.sha.slice(0, 7)} ${url}${attempt}`, 1000).slice(0, 256);
}

function planClearing(inputs: Inputs, problems: string[]): ClearingPlan | undefined {
  const { given } = inputs;
  if (!clearable.some((name) => given.has(name))) {
    return undefined;
  }
  if (inputs.clearsAssets && !given.has('assets-dir')) {
    problems.push('paths needs assets-dir for "@assets", which is missing, got "@assets".');
  }
  if (inputs.invalidate === 'changed' && !given.has('function-name') && !given.has('assets-dir')) {
    problems.push(
      'invalidate: changed needs function-name, got "changed": without code nothing would ever be cleared.',
    );
  }
  const everything = !(['paths', 'paths-file', 'changed-files'] as const).some((name) => given.has(name));
  return {
    targets: inputs.targets,
    paths: everything ? ['/*'] : inputs.paths,
    clearsAssets: inputs.clearsAssets,
    widenedPaths: inputs.widenedPaths,
    changedFiles: inputs.changedFiles,
    variants: inputs.pathVariants,
    maxPaths: inputs.maxPaths,
    onlyChanged: inputs.invalidate === 'changed',
    wait: inputs.waitForInvalidation,
    timeoutMs: inputs.invalidationTimeoutMs,
    regeneration: planRegeneration(inputs, problems),
  };
}

function planRegeneration(inputs: Inputs, problems: string[]): RegenerationPlan | undefined {
  const named = regenerable.filter((name) => inputs.given.has(name));
  if (named.length === 0) {
    return undefined;
  }
  if (inputs.waitForInvalidation === 'false') {
    problems.push(
      `${named.join(' and ')} must not go with wait-for-invalidation: false, got "false": pages fetched before the end would be the old ones.`,
    );
  }
  return { ...inputs.regeneration, timeoutMs: inputs.invalidationTimeoutMs };
}
