import type { AliasOutcome } from '../alias/alias.ts';
import { type AssetsOutcome, placeOf } from '../assets/outcome.ts';
import { costUsd } from '../cloudfront/cost.ts';
import type { DeployError } from '../errors.ts';
import {
  assetsChanged,
  type BuildOutcome,
  type DistributionOutcome,
  errorsOf,
  type FunctionOutcome,
  invalidationStatus,
  isChanged,
  type Outcome,
  type Status,
  statusOf,
} from '../outcome.ts';
import { leftOut } from '../plain.ts';
import type { RegenerationOutcome } from '../regenerate/outcome.ts';
import type { FunctionState } from '../world.ts';
import { regenerationResult } from './regeneration.ts';

/** The names are those of action.yml; every one is always set. */
export interface Outputs {
  status: Status;
  changed: 'true' | 'false';
  'function-arn': string;
  'function-version': string;
  'previous-version': string;
  'code-sha256': string;
  'image-uri': string;
  'previous-image-uri': string;
  'alias-arn': string;
  'invalidation-id': string;
  'invalidation-status': string;
  'assets-changed': string;
  result: string;
}

export function toOutputs(outcome: Outcome): Outputs {
  const { functions, distributions } = outcome;
  const results = functions.map((one) => toFunctionResult(one, outcome));
  return {
    status: statusOf(outcome),
    changed: isAnythingChanged(outcome) ? 'true' : 'false',
    'function-arn': lines(results.map(({ arn }) => arn)),
    'function-version': lines(results.map(({ version }) => version)),
    'previous-version': lines(results.map(({ previousVersion }) => previousVersion)),
    'code-sha256': lines(results.map(({ codeSha256 }) => codeSha256)),
    'image-uri': lines(results.map(({ imageUri }) => imageUri)),
    'previous-image-uri': lines(results.map(({ previousImageUri }) => previousImageUri)),
    'alias-arn': lines(functions.map(({ alias }) => alias?.now?.arn ?? '')),
    'invalidation-id': lines(distributions.map(idsOf)),
    'invalidation-status': lines(distributions.map(invalidationStatus)),
    'assets-changed': outcome.assets ? String(assetsChanged(outcome)) : '',
    result: resultText(toResult(outcome)),
  };
}

function isAnythingChanged(outcome: Outcome): boolean {
  return outcome.functions.some(isChanged) || assetsChanged(outcome) > 0;
}

/** Several ids of one distribution stand on its line. */
function idsOf({ invalidations }: DistributionOutcome): string {
  return invalidations.map(({ id }) => id).join(' ');
}

/** One line each, also for those that have nothing to say, so that the second line is the second function's. */
function lines(values: readonly string[]): string {
  return values.every((value) => value === '') ? '' : values.join('\n');
}

const mostPaths = 100;

/**
 * An output may have 1 MB, counted as UTF-16
 * (https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs).
 */
const mostCharacters = 450_000;

/** What is left out first when a release is so large that `result` would not fit. */
const reductions: readonly { what: string; reduce(result: Result): Result }[] = [
  {
    what: 'steps',
    reduce: (result) => ({
      ...result,
      functions: result.functions.map((one) => ({ ...one, steps: [] })),
      distributions: result.distributions.map((one) => ({ ...one, steps: [] })),
    }),
  },
  {
    what: 'messages',
    reduce: (result) => ({
      ...result,
      functions: result.functions.map((one) => ({ ...one, error: shortened(one.error) })),
      distributions: result.distributions.map((one) => ({ ...one, error: shortened(one.error) })),
      warnings: result.warnings.slice(0, 100),
    }),
  },
  {
    what: 'functions',
    reduce: (result) => ({ ...result, functions: result.functions.slice(0, 200) }),
  },
];

type Result = ReturnType<typeof toResult>;

function resultText(whole: Result): string {
  let result: Result & { leftOut: string[] } = { ...whole, leftOut: [] };
  for (const { what, reduce } of reductions) {
    const text = JSON.stringify(result);
    if (text.length <= mostCharacters) {
      return text;
    }
    result = { ...reduce(result), leftOut: [...result.leftOut, what] };
  }
  return JSON.stringify(result);
}

/** The whole texts are in the log. */
function shortened(error: ReturnType<typeof toErrorResult>) {
  return error && { ...error, message: leftOut(error.message.length), hint: '' };
}

/** The document of docs/result.schema.json. */
function toResult(outcome: Outcome) {
  const [error] = errorsOf(outcome);
  const paths = outcome.paths?.items ?? [];
  return {
    status: statusOf(outcome),
    changed: isAnythingChanged(outcome),
    dryRun: outcome.plan?.dryRun ?? false,
    region: outcome.plan?.region ?? '',
    error: toErrorResult(error),
    build: outcome.build ? toBuildResult(outcome.build, outcome) : null,
    assets: outcome.assets ? toAssetsResult(outcome.assets, outcome) : null,
    functions: outcome.functions.map((one) => toFunctionResult(one, outcome)),
    distributions: outcome.distributions.map((one) => toDistributionResult(one, outcome)),
    // The runner takes outputs of 1 MiB.
    paths: paths.slice(0, mostPaths),
    pathCount: paths.length,
    estimatedUsd: costUsd(paths.length, outcome.distributions.length),
    rollback: outcome.rollback
      ? { done: outcome.rollback.done, errors: outcome.rollback.errors.map(toErrorResult) }
      : null,
    warnings: outcome.warnings.map(toErrorResult),
    regeneration: outcome.regeneration ? toRegenerationResult(outcome.regeneration) : null,
    totalMs: outcome.totalMs,
  };
}

function toBuildResult({ plan, digest, error }: BuildOutcome, outcome: Outcome) {
  return {
    image: plan.image.text,
    digest,
    error: toErrorResult(error),
    steps: stepsOf(plan.image.text, outcome),
  };
}

function toAssetsResult(assets: AssetsOutcome, outcome: Outcome) {
  const { bucket, prefix, stage, uploaded, unchanged, deleted, bytes, error } = assets;
  return {
    bucket,
    prefix,
    stage,
    uploaded,
    unchanged,
    deleted,
    bytes,
    error: toErrorResult(error),
    steps: stepsOf(placeOf(assets), outcome),
  };
}

function toFunctionResult(one: FunctionOutcome, outcome: Outcome) {
  const { name, before, after, stage, version, previousVersion, alias, warmUp, error } = one;
  return {
    name,
    arn: before?.arn ?? '',
    stage,
    changed: isChanged(one),
    version,
    previousVersion: alias?.before?.version ?? previousVersion ?? '',
    codeSha256: after?.codeSha256 ?? '',
    previousCodeSha256: before?.codeSha256 ?? '',
    imageUri: imageOf(after),
    previousImageUri: imageOf(before),
    alias: alias ? toAliasResult(alias) : null,
    warmUp: warmUp ? { coldMs: warmUp.coldMs, warmMs: warmUp.warmMs } : null,
    error: toErrorResult(error),
    steps: stepsOf(name, outcome),
  };
}

function toAliasResult({ name, before, now, isMoved }: AliasOutcome) {
  return {
    name,
    arn: now?.arn ?? '',
    moved: isMoved,
    version: now?.version ?? '',
    weights: now?.weights ?? {},
    previousVersion: before?.version ?? '',
    previousWeights: before?.weights ?? {},
  };
}

/** By digest: as Lambda resolved it, else put together from the digest that an image function has for its SHA-256. */
function imageOf(state: FunctionState | undefined): string {
  const { resolvedImageUri = '', imageUri = '', codeSha256 = '' } = state ?? {};
  if (resolvedImageUri !== '' || imageUri === '') {
    return resolvedImageUri;
  }
  const repository = imageUri.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return /^[0-9a-f]{64}$/.test(codeSha256) ? `${repository}@sha256:${codeSha256}` : imageUri;
}

function toDistributionResult(one: DistributionOutcome, outcome: Outcome) {
  return {
    id: one.id,
    kind: one.kind,
    invalidationId: idsOf(one),
    invalidationStatus: invalidationStatus(one),
    callerReference: one.invalidations[0]?.callerReference ?? '',
    invalidations: one.invalidations.map(({ id, status, callerReference, pathCount }) => ({
      id,
      status,
      callerReference,
      pathCount,
    })),
    warning: toErrorResult(one.warning),
    error: toErrorResult(one.error),
    steps: stepsOf(one.id, outcome),
  };
}

function toRegenerationResult(regeneration: RegenerationOutcome) {
  const { warning, error } = regeneration;
  return { ...regenerationResult(regeneration), warning: toErrorResult(warning), error: toErrorResult(error) };
}

function stepsOf(subject: string, { steps }: Outcome) {
  return steps
    .filter((step) => step.subject === subject)
    .map(({ name, startMs, ms, failed }) => ({ name, startMs, ms, failed }));
}

function toErrorResult(error: DeployError | undefined): { code: string; message: string; hint: string } | null {
  return error ? { code: error.code, message: error.message, hint: error.hint ?? '' } : null;
}
