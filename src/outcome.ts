import type { DeployError } from './errors.ts';
import type { FunctionPlan, Plan } from './plan.ts';
import type { Step } from './timeline.ts';
import type { FunctionState } from './world.ts';

/** How far a function got; a later one includes those before it. */
export type Stage = 'untouched' | 'update-sent' | 'updated' | 'published' | 'ready';

/** What is known of one function; filled in as the release goes on, so that a failure or a cancel loses nothing. */
export interface FunctionOutcome {
  readonly name: string;
  readonly plan: FunctionPlan;
  stage: Stage;
  before: FunctionState | undefined;
  after: FunctionState | undefined;
  version: string;
  /** Newest version before this run: empty when there was none, undefined when it is not known. */
  previousVersion: string | undefined;
  /** True when this run's update would be, or was, accepted. */
  accepted: boolean;
  error: DeployError | undefined;
}

export interface DistributionOutcome {
  readonly id: string;
  invalidationId: string;
  invalidationStatus: string;
  callerReference: string;
  /** Why the end of the invalidation was not seen, where that is no failure. */
  warning: string;
  error: DeployError | undefined;
}

export type Status = 'succeeded' | 'planned' | 'failed' | 'cancelled';

export interface Outcome {
  /** Undefined when the inputs were wrong. */
  readonly plan: Plan | undefined;
  readonly functions: readonly FunctionOutcome[];
  readonly distributions: readonly DistributionOutcome[];
  steps: readonly Step[];
  totalMs: number;
  /** What stopped the whole run, rather than one function or distribution. */
  error: DeployError | undefined;
}

export function emptyOutcome(plan: Plan | undefined, error?: DeployError): Outcome {
  return {
    plan,
    functions: (plan?.functions ?? []).map((one) => ({
      name: one.ref.name,
      plan: one,
      stage: 'untouched',
      before: undefined,
      after: undefined,
      version: '',
      previousVersion: undefined,
      accepted: false,
      error: undefined,
    })),
    distributions: (plan?.clearing?.distributionIds ?? []).map((id) => ({
      id,
      invalidationId: '',
      invalidationStatus: '',
      callerReference: '',
      warning: '',
      error: undefined,
    })),
    steps: [],
    totalMs: 0,
    error,
  };
}

/** Every failure of a run, the one to name first at the front. */
export function errorsOf(outcome: Outcome): DeployError[] {
  const all = [
    outcome.error,
    ...outcome.functions.map(({ error }) => error),
    ...outcome.distributions.map(({ error }) => error),
  ];
  return all.filter((error) => error !== undefined);
}

export function statusOf(outcome: Outcome): Status {
  const errors = errorsOf(outcome);
  if (errors.some(({ code }) => code === 'cancelled')) {
    return 'cancelled';
  }
  if (errors.length > 0) {
    return 'failed';
  }
  return outcome.plan?.dryRun ? 'planned' : 'succeeded';
}

/** Whether this run changed the code or made a version of it that was not there before. */
export function isChanged({ before, after, version, previousVersion }: FunctionOutcome): boolean {
  const newCode = after !== undefined && before !== undefined && after.codeSha256 !== before.codeSha256;
  const newVersion = version !== '' && previousVersion !== undefined && Number(version) > Number(previousVersion);
  return newCode || newVersion;
}
