import { statusOf } from '../../src/outcome.ts';
import { functionsOf, type Invariant } from './facts.ts';
import type { LambdaFunction } from './functions.ts';
import { invalidationTimeoutMs, isByCodeDeploy, type Story, stepMs, type Told, updateTimeoutMs } from './story.ts';

// How a run behaves on its way.

/** A cancelled job gets SIGINT, SIGTERM 7.5 s later, and is killed 2.5 s after that. */
const mostAfterCancelMs = 7500;

/** An answer that got lost doubles nothing. */
export const appliesOnce: Invariant = (story) =>
  story.runs.flatMap((run) =>
    functionsOf(story).flatMap((fn) => [
      ...twice(fn, run),
      ...(isShared(story) || publishesOf(fn, run) <= mostPublishes(story)
        ? []
        : [`${run.actor.name} published ${fn.name} twice`]),
    ]),
  );

/** Then the same code may need another version. */
function isShared({ schedule, runs }: Story): boolean {
  return schedule.meddling.length > 0 || runs.length > 1;
}

/** What an alias on $LATEST serves is published before the new code is. */
function mostPublishes({ schedule }: Story): number {
  return schedule.workflow.alias === 'on $LATEST' ? 2 : 1;
}

function publishesOf(fn: LambdaFunction, { actor }: Told): number {
  return [...fn.publishedBy.values()].filter((by) => by === actor.name).length;
}

function twice(fn: LambdaFunction, run: Told): string[] {
  const updates = fn.latest.entries.filter(({ value }) => value.lastUpdateStatus === 'InProgress');
  return updates.flatMap(({ by, value }, index) => {
    const previous = updates[index - 1];
    const isAgain = by === run.actor.name && previous?.by === by && previous.value.codeSha256 === value.codeSha256;
    const first = fn.latest.entries.findIndex((entry) => entry.by === by);
    // Code that was there before cannot tell whether an update took place.
    const isTold = fn.latest.entries.slice(0, first).every((entry) => entry.value.codeSha256 !== value.codeSha256);
    return isAgain && isTold ? [`${by} sent its update of ${fn.name} twice`] : [];
  });
}

export const invokesOnce: Invariant = ({ account, runs, schedule }) =>
  runs.flatMap(({ actor }) =>
    [...account.functions.values()]
      .map((fn) => ({ fn, count: fn.invocations.filter(({ by }) => by === actor.name).length }))
      .filter(({ count }) => count > schedule.workflow.warmUp)
      .map(({ fn, count }) => `${actor.name} ran ${fn.name} ${count} times`),
  );

/** Every phase has a deadline of its own; a call may be answered a second after it. */
export const endsInTime: Invariant = ({ schedule: { workflow }, runs }) => {
  const phase = 2000;
  const moves = workflow.steps + 2;
  const forward =
    updateTimeoutMs + moves * (updateTimeoutMs + stepMs + phase) + workflow.bakeMs + 60_000 + updateTimeoutMs;
  const back = workflow.rollback ? updateTimeoutMs + phase : 0;
  const clearings = workflow.distributions > 0 ? (invalidationTimeoutMs + phase) * (workflow.rollback ? 2 : 1) : 0;
  const most = forward + back + clearings + updateTimeoutMs;
  return runs
    .filter(({ startedAt, endedAt }) => endedAt - startedAt > most)
    .map(({ actor, startedAt, endedAt }) => `${actor.name} took ${endedAt - startedAt} ms, at most ${most} are due`);
};

/** A run that is cancelled ends at once, and changes nothing more. */
export const cancelEnds: Invariant = ({ runs, account }) =>
  runs.flatMap(({ actor, endedAt, outcome, startedAt }) => {
    const last = account.aws.calls.findLast(({ by }) => by === actor.name);
    const cancelledAt = account.aws.calls.find(({ result, by }) => by === actor.name && result.includes('[cancel'))?.at;
    const isCancelled = actor.cancel.signal.aborted && (cancelledAt ?? 0) < endedAt;
    if (!isCancelled || last === undefined || outcome === undefined) {
      return [];
    }
    return [
      ...(endedAt - (cancelledAt ?? startedAt) > mostAfterCancelMs
        ? [`${actor.name} took too long to end after its cancel`]
        : []),
      ...(statusOf(outcome) === 'cancelled' ? [] : [`${actor.name} was cancelled, and says ${statusOf(outcome)}`]),
    ];
  });

const always = ['lambda:GetFunction', 'lambda:UpdateFunctionCode'];

/** What a policy has to allow, feature by feature. */
function allowed({ schedule: { workflow } }: Story): Set<string> {
  const isAliased = workflow.alias !== 'none';
  const isHandedOver = isByCodeDeploy(workflow);
  return new Set([
    ...always,
    ...(isAliased
      ? [
          'lambda:PublishVersion',
          'lambda:ListVersionsByFunction',
          'lambda:GetAlias',
          'lambda:CreateAlias',
          'lambda:UpdateAlias',
          'lambda:GetProvisionedConcurrencyConfig',
        ]
      : []),
    // Which published version has the code of a zip, for the way back.
    ...(workflow.kind === 'zip' && workflow.rollback ? ['lambda:ListVersionsByFunction'] : []),
    ...(workflow.warmUp > 0 ? ['lambda:InvokeFunction'] : []),
    ...(isAliased && workflow.keepVersions > 0 ? ['lambda:ListAliases', 'lambda:DeleteFunction'] : []),
    ...(workflow.hasAlarm && !isHandedOver ? ['cloudwatch:DescribeAlarms'] : []),
    ...(isHandedOver ? codeDeployActions : []),
    ...(workflow.distributions > 0 ? ['cloudfront:CreateInvalidation', 'cloudfront:GetInvalidation'] : []),
  ]);
}

const codeDeployActions = [
  'CreateDeployment',
  'GetDeployment',
  'GetDeploymentConfig',
  'GetDeploymentGroup',
  'ListDeployments',
].map((action) => `codedeploy:${action}`);

export const staysWithinPolicy: Invariant = (story) => {
  const policy = allowed(story);
  const names = story.runs.map(({ actor }) => actor.name);
  const calls = story.account.aws.calls.filter(({ by }) => names.includes(by));
  const called = new Set(calls.map(({ action }) => action));
  return [...called].filter((action) => !policy.has(action)).map((action) => `${action} is in no policy`);
};

/** No move is repeated at once, again and again. */
export const staysCalm: Invariant = ({ account }) => {
  const recent = new Map<string, number[]>();
  return account.aws.calls.flatMap(({ by, action, target, at }) => {
    const key = `${by} ${action} ${target.replace(/ if .*/, '')}`;
    const times = [...(recent.get(key) ?? []), at].filter((time) => at - time < 1000);
    recent.set(key, times);
    return action === 'lambda:UpdateAlias' && times.length === 7 ? [`${key} was sent seven times in a second`] : [];
  });
};
