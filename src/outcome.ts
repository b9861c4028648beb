import { type AliasOutcome, emptyAlias } from './alias/alias.ts';
import { type AssetsOutcome, emptyAssetsOutcome } from './assets/outcome.ts';
import type { PathPlan } from './cloudfront/planner.ts';
import type { DeployError } from './errors.ts';
import type { WarmUpOutcome } from './lambda/warm-up.ts';
import type { BuildPlan, FunctionPlan, Plan } from './plan.ts';
import { emptyRegeneration, type RegenerationOutcome } from './regenerate/outcome.ts';
import type { Step } from './timeline.ts';
import type { Code, FunctionState, Invalidation, Target } from './world.ts';

/** How far a function got; a later one includes those before it. */
export type Stage = 'untouched' | 'update-sent' | 'updated' | 'publish-sent' | 'published' | 'ready';

/** What is known of one function; filled in as the release goes on, so that a failure or a cancel loses nothing. */
export interface FunctionOutcome {
  readonly name: string;
  readonly plan: FunctionPlan;
  /** What is sent; undefined until it is known. */
  code: Code | undefined;
  /** The CodeSha256 that the code will have, where it can be known beforehand. */
  expectedSha256: string | undefined;
  stage: Stage;
  before: FunctionState | undefined;
  after: FunctionState | undefined;
  version: string;
  /** Newest version before this run: empty when there was none, undefined when it is not known. */
  previousVersion: string | undefined;
  /** True when this run's update would be, or was, accepted. */
  accepted: boolean;
  /** What Lambda called the code when it took this run's update; empty while it did not say. */
  sentSha256: string;
  /** $LATEST as publishing left it, where no alias stands between it and its callers; undefined when that is not known. */
  left: Promise<FunctionState | undefined> | undefined;
  /** When `before` was read, in milliseconds of the clock. */
  seenAt: number;
  /** The update goes in only where the function has it; as the workflow asked, until this run itself changes it. */
  revisionId: string | undefined;
  /** Undefined when no alias is moved. */
  readonly alias: AliasOutcome | undefined;
  /** Undefined when it was not warmed up, or not to the end. */
  warmUp: WarmUpOutcome | undefined;
  /** Whether a failed release put the code from before back. */
  isPutBack: boolean;
  error: DeployError | undefined;
}

export interface BuildOutcome {
  readonly plan: BuildPlan;
  /** Of the plan or of the functions; empty until they have been looked at. */
  platform: string;
  /** Of what was pushed, `sha256:…`; empty until then. */
  digest: string;
  error: DeployError | undefined;
}

/** Of a distribution or a distribution tenant. */
export interface DistributionOutcome extends Readonly<Target> {
  /** More than one where the paths did not fit one call, or where pages that stayed stale were cleared again. */
  readonly invalidations: CreatedInvalidation[];
  /** Whether an invalidation may have been made although no answer named it. */
  isSent: boolean;
  /** Whether CloudFront refused to invalidate it, or some of its paths. */
  isRefused: boolean;
  /** When the first was sent, in milliseconds of the clock. */
  sentAt: number | undefined;
  /** Why the end of the invalidation was not seen, where that is no failure. */
  warning: DeployError | undefined;
  error: DeployError | undefined;
}

export interface CreatedInvalidation extends Invalidation {
  readonly callerReference: string;
  readonly pathCount: number;
}

/** `Completed` when all of them are; empty without any. */
export function invalidationStatus({ invalidations }: DistributionOutcome): string {
  const open = invalidations.find(({ status }) => status !== 'Completed');
  return (open ?? invalidations[0])?.status ?? '';
}

/** What became of taking a failed release back. */
export interface RollbackOutcome {
  /** What is as it was, or was left on purpose; one text each. */
  readonly done: string[];
  readonly errors: DeployError[];
}

export type Status = 'succeeded' | 'planned' | 'rolled-back' | 'failed' | 'cancelled';

export interface Outcome {
  /** Undefined when the inputs were wrong. */
  readonly plan: Plan | undefined;
  readonly build: BuildOutcome | undefined;
  readonly functions: readonly FunctionOutcome[];
  readonly distributions: readonly DistributionOutcome[];
  /** Undefined when no assets ship with the code. */
  readonly assets: AssetsOutcome | undefined;
  /** What is cleared in every distribution; undefined until it is known. */
  paths: PathPlan | undefined;
  /** Undefined when no page was to be fetched. */
  readonly regeneration: RegenerationOutcome | undefined;
  /** Undefined when there was nothing to take back. */
  rollback: RollbackOutcome | undefined;
  /** What went wrong without failing the release. */
  readonly warnings: DeployError[];
  steps: readonly Step[];
  totalMs: number;
  /** What stopped the whole run, rather than one function or distribution. */
  error: DeployError | undefined;
}

/** The bare name, and a partial ARN where functions of two accounts have the same. */
function nameOf({ ref }: FunctionPlan, all: readonly FunctionPlan[]): string {
  const isShared = all.filter((other) => other.ref.name === ref.name).length > 1;
  return isShared && ref.accountId !== '' ? `${ref.accountId}:function:${ref.name}` : ref.name;
}

export function emptyOutcome(plan: Plan | undefined, error?: DeployError): Outcome {
  return {
    plan,
    build: plan?.build && { plan: plan.build, platform: '', digest: '', error: undefined },
    functions: (plan?.functions ?? []).map((one) => ({
      name: nameOf(one, plan?.functions ?? []),
      plan: one,
      code: undefined,
      expectedSha256: undefined,
      stage: 'untouched',
      before: undefined,
      after: undefined,
      version: '',
      previousVersion: undefined,
      accepted: false,
      sentSha256: '',
      revisionId: one.revisionId,
      left: undefined,
      seenAt: 0,
      alias: one.alias === '' ? undefined : emptyAlias(one.alias),
      warmUp: undefined,
      isPutBack: false,
      error: undefined,
    })),
    distributions: (plan?.clearing?.targets ?? []).map((target) => ({
      ...target,
      invalidations: [],
      isSent: false,
      isRefused: false,
      sentAt: undefined,
      warning: undefined,
      error: undefined,
    })),
    assets: plan?.assets && emptyAssetsOutcome(plan.assets),
    paths: undefined,
    regeneration: plan?.clearing?.regeneration && emptyRegeneration(),
    rollback: undefined,
    warnings: [],
    steps: [],
    totalMs: 0,
    error,
  };
}

/** Every failure of a run, each once, the one to name first at the front. */
export function errorsOf(outcome: Outcome): DeployError[] {
  const all = [
    outcome.error,
    outcome.build?.error,
    outcome.assets?.error,
    ...outcome.functions.map(({ error }) => error),
    ...outcome.distributions.map(({ error }) => error),
    outcome.regeneration?.error,
    ...(outcome.rollback?.errors ?? []),
  ];
  const errors = all.filter((error) => error !== undefined);
  // What ended the release may be what stands in the way back, too.
  return [...new Map(errors.map((error) => [`${error.code} ${error.message}`, error])).values()];
}

/** What did not fail the run, and somebody should look at. */
export function warningsOf({ warnings, distributions, regeneration }: Outcome): DeployError[] {
  const all = [...warnings, ...distributions.map(({ warning }) => warning), regeneration?.warning];
  return all.filter((warning) => warning !== undefined);
}

export function statusOf(outcome: Outcome): Status {
  const errors = errorsOf(outcome);
  if (errors.some(({ code }) => code === 'cancelled')) {
    return 'cancelled';
  }
  if (errors.length > 0) {
    return isTakenBack(outcome, errors) ? 'rolled-back' : 'failed';
  }
  return outcome.plan?.dryRun ? 'planned' : 'succeeded';
}

/** By this run, or by CodeDeploy; where others came in between, what serves is for them to say. */
function isTakenBack({ rollback }: Outcome, errors: readonly DeployError[]): boolean {
  if (errors.some(({ code }) => code === 'conflict')) {
    return false;
  }
  return rollback === undefined ? errors.every(({ code }) => code === 'rolled-back') : rollback.errors.length === 0;
}

/** Whether this run changed what serves, or made a version that was not there before. */
export function isChanged({ before, after, version, previousVersion }: FunctionOutcome): boolean {
  const newVersion = version !== '' && previousVersion !== undefined && Number(version) > Number(previousVersion);
  return newVersion || (before !== undefined && after !== undefined && servesOther(before, after));
}

/** How many assets this run uploaded and deleted. */
export function assetsChanged({ assets }: Outcome): number {
  return assets === undefined ? 0 : assets.uploaded + assets.deleted;
}

/** A function whose last update Failed shows its hash, while what served before still did. */
export function servesOther(before: FunctionState, after: FunctionState): boolean {
  return (
    after.codeSha256 !== before.codeSha256 ||
    after.architectures.join() !== before.architectures.join() ||
    (before.lastUpdateStatus === 'Failed' && after.lastUpdateStatus === 'Successful')
  );
}

/** Not the opposite of isChanged: whether a version is new is not known to a role that may not list versions. */
export function isKnownUnchanged(outcome: FunctionOutcome): boolean {
  const { version, previousVersion } = outcome;
  return !isChanged(outcome) && (version === '' || previousVersion !== undefined);
}
