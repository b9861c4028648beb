import { describeTarget, versionsOf } from '../../src/alias/target.ts';
import { statusOf } from '../../src/outcome.ts';
import type { LoggedCall } from './aws.ts';
import type { Distribution } from './caches.ts';
import { type AliasRecord, type LambdaFunction, shownWeights } from './functions.ts';
import type { Entry } from './history.ts';
import {
  invalidationTimeoutMs,
  isByCodeDeploy,
  type Story,
  shaOf,
  stepMs,
  type Told,
  updateTimeoutMs,
} from './story.ts';

/** What must hold after every story; each returns what is wrong, a sentence each. */
type Invariant = (story: Story) => string[];

/** Every run ends, and none by throwing. */
const ends: Invariant = ({ runs, isOver }) => [
  ...(isOver ? [] : ['a run waits for something that never comes']),
  ...runs
    .filter(({ actor, thrown }) => thrown !== undefined && !actor.isKilled)
    .map(({ actor, thrown }) => `${actor.name} threw ${thrown}`),
];

/** The alias of a function in words, as it was at a moment. */
function targetAt(fn: LambdaFunction, at: number): string {
  const alias = fn.alias.at(at);
  return alias === undefined ? 'none' : textOf(alias);
}

function textOf(alias: AliasRecord): string {
  return describeTarget({ version: alias.version, weights: shownWeights(alias) });
}

function hasAlias({ schedule }: Story): boolean {
  return schedule.workflow.alias !== 'none';
}

/** Runs that came to their own end. */
function ended({ runs }: Story): Told[] {
  return runs.filter(({ outcome, actor }) => outcome !== undefined && !actor.isKilled);
}

function statusIs(run: Told, status: ReturnType<typeof statusOf>): boolean {
  return run.outcome !== undefined && statusOf(run.outcome) === status;
}

/** Whether a moment shows the function as the run wants it; versions never change their code. */
function isIntended(fn: LambdaFunction, run: Told, at: number, isAliased: boolean): boolean {
  if (!isAliased) {
    return fn.serving.at(at) === run.code;
  }
  const alias = fn.alias.at(at);
  const state = alias && fn.everyVersion.get(alias.version)?.at(at);
  return (
    alias !== undefined &&
    Object.keys(shownWeights(alias)).length === 0 &&
    state?.codeSha256 === run.code &&
    state.state === 'Active'
  );
}

function changesOf(fn: LambdaFunction, isAliased: boolean): readonly Entry<unknown>[] {
  return isAliased ? fn.alias.entries : fn.serving.entries;
}

/** Whether it is as intended, or was during the run until somebody else changed it. */
function isOrWasIntended(fn: LambdaFunction, run: Told, until: number, isAliased: boolean): boolean {
  if (isIntended(fn, run, until, isAliased)) {
    return true;
  }
  const changes = changesOf(fn, isAliased).filter(({ at }) => at <= until);
  const last = changes.at(-1);
  const isOthers = last !== undefined && last.by !== run.actor.name && last.at >= run.startedAt - maxLagMs;
  return (
    isOthers &&
    changes.some(
      ({ at }, index) =>
        (changes[index + 1]?.at ?? until) >= run.startedAt - maxLagMs && isIntended(fn, run, at, isAliased),
    )
  );
}

const maxLagMs = 900;
const firstCode = shaOf(1);

const successIsReal: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'succeeded'))
    .flatMap((run) =>
      [...story.account.functions.values()]
        .filter((fn) => !isOrWasIntended(fn, run, run.endedAt, hasAlias(story)))
        .map(
          (fn) =>
            `${run.actor.name} succeeded, but ${fn.name} serves ${hasAlias(story) ? targetAt(fn, run.endedAt) : fn.serving.at(run.endedAt)?.[0]}`,
        ),
    );

/** How the function was before the run touched it: what others left before its last change. */
function before(changes: readonly Entry<unknown>[], by: string): unknown {
  const last = changes.findLastIndex((entry) => entry.by === by);
  return changes.slice(0, Math.max(0, last)).findLast((entry) => entry.by !== by && entry.by !== 'lambda')?.value;
}

/** As it was, as far as the run is responsible for it. */
function isAsBefore(fn: LambdaFunction, run: Told, isAliased: boolean, until = run.endedAt): boolean {
  const changes = changesOf(fn, isAliased).filter(({ at }) => at <= until);
  const last = changes.findLast(({ by }) => by === run.actor.name);
  if (last === undefined) {
    return true;
  }
  if (changes.findLast(({ by }) => by !== 'lambda')?.by !== run.actor.name) {
    // Somebody else has moved it on.
    return true;
  }
  if (isAliased) {
    return wasBefore(fn, run, last.value as AliasRecord);
  }
  // Without an alias, nothing tells what somebody else deployed between the look and the update.
  const others = fn.serving.entries.filter(({ by, at }) => by !== run.actor.name && at >= run.startedAt);
  return [fn.serving.at(run.startedAt), ...others.map(({ value }) => value)].some((value) => value === last.value);
}

/** A state of others during the run; and what the run put it over named no version that it would have lost. */
function wasBefore(fn: LambdaFunction, run: Told, last: AliasRecord): boolean {
  const { entries } = fn.alias;
  const index = entries.findLastIndex(({ value }) => value === last);
  const own = run.outcome?.functions.find(({ name }) => name === fn.name)?.version ?? '';
  const replaced = entries[index - 1]?.value;
  const first = fn.alias.at(run.startedAt);
  const known = [own, ...versionsOf(last), ...(first === undefined ? [] : versionsOf(first))];
  const isKept = replaced !== undefined && versionsOf(replaced).every((version) => known.includes(version));
  const during = entries
    .slice(0, index)
    .filter((_, at) => (entries[at + 1]?.at ?? 0) >= run.startedAt - maxLagMs)
    .filter(({ by }) => by !== run.actor.name);
  return isKept && during.some(({ value }) => isSameTarget(value, last));
}

function isSameTarget(one: AliasRecord | undefined, other: AliasRecord): boolean {
  // Weights that Lambda adds while it provisions are not of the run's making.
  return one !== undefined && describeTarget(one) === describeTarget(other);
}

const rolledBackIsReal: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'rolled-back'))
    .flatMap((run) =>
      [...story.account.functions.values()]
        // What is still under way when the run ends counts, too.
        .filter((fn) => !isAsBefore(fn, run, hasAlias(story), hasAlias(story) ? run.endedAt : Number.POSITIVE_INFINITY))
        .map((fn) => `${run.actor.name} is rolled-back, but ${fn.name} is at ${targetAt(fn, run.endedAt)}`),
    );

function reportOf({ report }: Told): string {
  return [...(report?.lines ?? []), ...(report?.annotations ?? []).map(({ text }) => text)].join('\n');
}

/** What a run leaves changed, its report names. */
const failureIsNamed: Invariant = (story) =>
  ended(story)
    .filter((run) => !statusIs(run, 'succeeded'))
    .flatMap((run) =>
      [...story.account.functions.values()].flatMap((fn) =>
        isAsBefore(fn, run, hasAlias(story)) || isNamed(fn, run, hasAlias(story))
          ? []
          : [
              `${run.actor.name} ended as ${run.outcome && statusOf(run.outcome)} with ${fn.name} at ${targetAt(fn, run.endedAt)}, and its report does not say so:\n${reportOf(run)}`,
            ],
      ),
    );

function isNamed(fn: LambdaFunction, run: Told, isAliased: boolean): boolean {
  const outcome = run.outcome?.functions.find(({ name }) => name === fn.name);
  if (!isAliased) {
    return outcome !== undefined && outcome.stage !== 'untouched';
  }
  const sent = outcome?.alias?.sent;
  // The last own move: what others did after it is not for this run to tell.
  const last = fn.alias.entries.findLast(({ by, at }) => by === run.actor.name && at <= run.endedAt)?.value;
  // Of a shift that CodeDeploy was at, both ends are named.
  const named = [sent?.version, outcome?.alias?.now?.version];
  const isSent =
    sent !== undefined && last !== undefined && versionsOf(last).every((version) => named.includes(version));
  return isSent || (last !== undefined && reportOf(run).includes(describeTarget(last)));
}

/** Where the way back was asked for and nothing stood in it, it was gone. */
const wayBackIsTaken: Invariant = (story) => {
  const { workflow, deployers, meddling } = story.schedule;
  const isUndisturbed =
    meddling.length === 0 && deployers.length === 1 && deployers.every(({ faults }) => faults.length === 0);
  return workflow.rollback && isUndisturbed && workflow.alias !== 'none' && workflow.alias !== 'missing'
    ? ended(story)
        .filter((run) => statusIs(run, 'failed'))
        .flatMap((run) =>
          [...story.account.functions.values()]
            .filter((fn) => !isAsBefore(fn, run, true))
            .map((fn) => `${run.actor.name} failed, and ${fn.name} stays at ${targetAt(fn, run.endedAt)}`),
        )
    : [];
};

function publisher(fn: LambdaFunction, version: string): number {
  const description = fn.everyVersion.get(version)?.now.description ?? '';
  return Number(/runs\/(\d+)/.exec(description)?.[1] ?? 0);
}

function shareOf(alias: AliasRecord, version: string): number {
  const others = Object.entries(alias.weights);
  return alias.version === version
    ? 1 - others.reduce((sum, [, weight]) => sum + weight, 0)
    : (alias.weights[version] ?? 0);
}

/** No run takes traffic from a version that a newer one published. */
const nothingMovesBackwards: Invariant = ({ account, runs }) =>
  [...account.functions.values()].flatMap((fn) =>
    fn.alias.entries.flatMap(({ by, value }, index) => {
      const run = runs.find(({ actor }) => actor.name === by);
      const previous = fn.alias.entries[index - 1]?.value;
      if (run === undefined || previous === undefined || value === undefined) {
        return [];
      }
      return (
        versionsOf({ version: previous.version, weights: shownWeights(previous) })
          .filter((version) => publisher(fn, version) > Number(run.actor.run.runId))
          // Its own code, which a newer run happened to publish.
          .filter((version) => fn.everyVersion.get(version)?.now.codeSha256 !== run.code)
          .filter((version) => shareOf(value, version) < shareOf(previous, version))
          .map(
            (version) =>
              `${by} moved ${fn.name} from ${textOf(previous)} to ${textOf(value)}, behind version ${version}`,
          )
      );
    }),
  );

const aliasesNameOnlyActive: Invariant = ({ account, runs }) =>
  [...account.functions.values()].flatMap((fn) =>
    fn.alias.entries
      .filter(({ by }) => runs.some(({ actor }) => actor.name === by))
      .flatMap(({ by, at, value }) =>
        [value?.version ?? '', ...Object.keys(value?.weights ?? {})]
          .filter((version) => fn.everyVersion.get(version)?.at(at)?.state !== 'Active')
          .map((version) => `${by} moved ${fn.name} to version ${version}, which is not Active`),
      ),
  );

/** Nothing is cleared while old code can answer. */
const clearsLast: Invariant = (story) =>
  story.runs.flatMap((run) => {
    const [first] = invalidationsOf(story, run.actor.name).toSorted((a, b) => a.createdAt - b.createdAt);
    return first === undefined
      ? []
      : [...story.account.functions.values()]
          .filter((fn) => !isOrWasIntended(fn, run, first.createdAt, hasAlias(story)))
          .map((fn) => `${run.actor.name} cleared while ${fn.name} was at ${targetAt(fn, first.createdAt)}`);
  });

function invalidationsOf({ account }: Story, by: string) {
  return [...account.distributions.values()].flatMap(({ invalidations }) =>
    [...invalidations.values()].filter((one) => one.by === by),
  );
}

/** Who succeeds alone leaves no old page. */
const cachesAreFresh: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'succeeded') && isAlone(story, run))
    .flatMap((run) => {
      const lastMove = Math.max(
        ...[...story.account.functions.values()].map(
          (fn) => changesOf(fn, hasAlias(story)).findLast(({ by }) => by === run.actor.name)?.at ?? 0,
        ),
      );
      return [...story.account.distributions.values()].flatMap((one) => stale(one, run, lastMove));
    });

function stale({ id, pages, invalidations }: Distribution, run: Told, lastMove: number): string[] {
  const isCleared = [...invalidations.values()].some(
    ({ by, createdAt, completedAt }) =>
      by === run.actor.name && createdAt >= lastMove && (completedAt ?? Number.POSITIVE_INFINITY) <= run.endedAt,
  );
  return [
    ...(isCleared ? [] : [`${run.actor.name} succeeded without a completed invalidation of ${id} after its last move`]),
    ...pages
      .filter(({ code }) => code !== undefined && code !== run.code)
      .map(({ code }) => `${run.actor.name} succeeded, and ${id} keeps a page of code ${code?.[0]}`),
  ];
}

/** Whether nobody else did anything from its start to the end of the story. */
function isAlone({ runs, schedule }: Story, run: Told): boolean {
  return (
    schedule.meddling.length === 0 &&
    runs.every((other) => other === run || (other.endedAt + 5000 < run.startedAt && run.startedAt > other.startedAt))
  );
}

/** An answer that got lost doubles nothing. */
const appliesOnce: Invariant = (story) =>
  story.runs.flatMap((run) =>
    [...story.account.functions.values()].flatMap((fn) => [
      ...twice(fn, run),
      ...(isShared(story) || publishesOf(fn, run) <= 1 ? [] : [`${run.actor.name} published ${fn.name} twice`]),
    ]),
  );

/** Then the same code may need another version. */
function isShared({ schedule, runs }: Story): boolean {
  return schedule.meddling.length > 0 || runs.length > 1;
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

const invokesOnce: Invariant = ({ account, runs, schedule }) =>
  runs.flatMap(({ actor }) =>
    [...account.functions.values()]
      .map((fn) => ({ fn, count: fn.invocations.filter(({ by }) => by === actor.name).length }))
      .filter(({ count }) => count > schedule.workflow.warmUp)
      .map(({ fn, count }) => `${actor.name} ran ${fn.name} ${count} times`),
  );

/** Every phase has a deadline of its own; a call may be answered a second after it. */
const endsInTime: Invariant = ({ schedule: { workflow }, runs }) => {
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
const cancelEnds: Invariant = ({ runs, account }) =>
  runs.flatMap(({ actor, endedAt, outcome, startedAt }) => {
    const last = account.aws.calls.findLast(({ by }) => by === actor.name);
    const cancelledAt = account.aws.calls.find(({ result, by }) => by === actor.name && result.includes('[cancel'))?.at;
    const isCancelled = actor.cancel.signal.aborted && (cancelledAt ?? 0) < endedAt;
    if (!isCancelled || last === undefined || outcome === undefined) {
      return [];
    }
    return [
      ...(endedAt - (cancelledAt ?? startedAt) > 7000 ? [`${actor.name} took too long to end after its cancel`] : []),
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

const staysWithinPolicy: Invariant = (story) => {
  const policy = allowed(story);
  const called = new Set(story.account.aws.calls.map(({ action }) => action));
  return [...called].filter((action) => !policy.has(action)).map((action) => `${action} is in no policy`);
};

/** The version before stays, for requests on their way to it; and what a later run made is not this one's to delete. */
const prunesOnlyOld: Invariant = ({ account, runs, schedule }) =>
  account.aws.calls
    .filter(({ action, applied, result }) => action === 'lambda:DeleteFunction' && applied && result.includes('true'))
    .flatMap(({ by, target }) => {
      const [name = '', version = ''] = target.split(' ');
      const fn = account.functions.get(name);
      const run = runs.find(({ actor }) => actor.name === by);
      const previous = fn && (before(fn.alias.entries, by) as AliasRecord | undefined)?.version;
      const own = run?.outcome?.functions.find((one) => one.name === name)?.version ?? '';
      return [
        ...(previous === version && !isHidden(schedule) ? [`${by} deleted version ${version}, the one before`] : []),
        ...(own !== '' && Number(version) > Number(own) ? [`${by} deleted version ${version}, which is newer`] : []),
      ];
    });

/** What others did while provisioned concurrency followed the alias, or in the middle of a shift, no run can see. */
function isHidden({ meddling, workflow }: Story['schedule']): boolean {
  return meddling.length > 0 || workflow.alias === 'provisioned';
}

/** An alarm that was seen to ring ends a release. */
const alarmsAreHeeded: Invariant = ({ schedule: { alarmAtMs = Number.POSITIVE_INFINITY }, account, runs }) =>
  runs
    .filter((run) => statusIs(run, 'succeeded'))
    .filter(({ actor }) =>
      account.aws.calls.some(
        ({ by, action, at, result }) =>
          by === actor.name && action === 'cloudwatch:DescribeAlarms' && at >= alarmAtMs && result === 'states',
      ),
    )
    .map(({ actor }) => `${actor.name} succeeded, and the alarm rang`);

/** Who went back after a clearing leaves no new page. */
const goesBackWhole: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'rolled-back') && isAlone(story, run) && run.code !== firstCode)
    .flatMap((run) =>
      [...story.account.distributions.values()]
        .filter(({ invalidations }) => [...invalidations.values()].some(({ by }) => by === run.actor.name))
        .filter(({ pages }) => pages.some(({ code }) => code === run.code))
        .map(({ id }) => `${run.actor.name} is rolled-back, and ${id} keeps a page of its code`),
    );

/** No move is repeated at once, again and again. */
const staysCalm: Invariant = ({ account }) => {
  const recent = new Map<string, number[]>();
  return account.aws.calls.flatMap(({ by, action, target, at }) => {
    const key = `${by} ${action} ${target.replace(/ if .*/, '')}`;
    const times = [...(recent.get(key) ?? []), at].filter((time) => at - time < 1000);
    recent.set(key, times);
    return action === 'lambda:UpdateAlias' && times.length === 7 ? [`${key} was sent seven times in a second`] : [];
  });
};

/** Who was stopped is done by the run that follows, when nothing else is wrong. */
const rerunSucceeds: Invariant = (story) => {
  const { schedule, runs } = story;
  const [deployer] = schedule.deployers;
  const isWell =
    schedule.deployers.length === 1 &&
    deployer !== undefined &&
    schedule.meddling.length === 0 &&
    schedule.alarmAtMs === undefined &&
    (schedule.flaw === 'none' || deployer.code !== 3) &&
    (schedule.ending === 'succeeds' || !isByCodeDeploy(schedule.workflow));
  return runs
    .filter((run) => isWell && run.isRerun && !statusIs(run, 'succeeded'))
    .map((run) => `${run.actor.name}, which follows one that was stopped, did not succeed:\n${reportOf(run)}`);
};

/** Without a fault, a run that is alone succeeds. */
const aloneSucceeds: Invariant = (story) => {
  const { schedule, runs } = story;
  const [run] = runs;
  const isPlain =
    schedule.deployers.length === 1 &&
    schedule.meddling.length === 0 &&
    schedule.alarmAtMs === undefined &&
    schedule.flaw === 'none' &&
    (schedule.ending === 'succeeds' || !isByCodeDeploy(schedule.workflow)) &&
    schedule.deployers.every(
      ({ faults, stop }) => stop === undefined && faults.every(({ kind, action }) => isHarmless(kind, action)),
    );
  return isPlain && run !== undefined && !statusIs(run, 'succeeded')
    ? [`${run.actor.name} did not succeed, and nothing was wrong:\n${reportOf(run)}`]
    : [];
};

/** A fault that a release has to get over. */
function isHarmless(kind: string, action: string): boolean {
  const isInvocation = action === 'lambda:InvokeFunction';
  return kind !== 'denied' && !kind.startsWith('hang') && (!isInvocation || kind === 'throttled');
}

const invariants: Readonly<Record<string, Invariant>> = {
  ends,
  successIsReal,
  rolledBackIsReal,
  failureIsNamed,
  wayBackIsTaken,
  nothingMovesBackwards,
  aliasesNameOnlyActive,
  clearsLast,
  cachesAreFresh,
  appliesOnce,
  invokesOnce,
  endsInTime,
  cancelEnds,
  staysWithinPolicy,
  prunesOnlyOld,
  alarmsAreHeeded,
  goesBackWhole,
  staysCalm,
  rerunSucceeds,
  aloneSucceeds,
};

/** Everything that is wrong with a story, and the calls that led there; empty when nothing is. */
export function problemsOf(story: Story): string {
  const problems = Object.entries(invariants).flatMap(([name, invariant]) =>
    invariant(story).map((problem) => `${name}: ${problem}`),
  );
  return problems.length === 0
    ? ''
    : [...problems, '', ...story.account.aws.calls.map(lineOf), '', ...ends_(story)].join('\n');
}

function lineOf({ at, by, action, target, applied, result }: LoggedCall): string {
  return `${String(Math.round(at)).padStart(7)} ${by.padEnd(9)} ${action} ${target} → ${applied ? '' : '(not applied) '}${result}`;
}

function ends_({ runs }: Story): string[] {
  return runs.map(
    ({ actor, outcome, startedAt, endedAt, isRerun }) =>
      `${actor.name}${isRerun ? ' (re-run)' : ''}: ${Math.round(startedAt)} to ${Math.round(endedAt)} ms, ${actor.isKilled ? 'killed' : outcome && statusOf(outcome)}`,
  );
}
