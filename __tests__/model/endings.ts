import { describeTarget, versionsOf } from '../../src/alias/target.ts';
import { statusOf } from '../../src/outcome.ts';
import { shaOf } from './code.ts';
import {
  ended,
  firstRead,
  functionsOf,
  hasAlias,
  type Invariant,
  isAlone,
  reportOf,
  type Serving,
  seenServings,
  servings,
  statusIs,
  targetAt,
  textOf,
  wishOf,
} from './facts.ts';
import type { LambdaFunction } from './functions.ts';
import { invalidationTimeoutMs, isByCodeDeploy, type Story, type Told } from './story.ts';

// What the end of a run promises.

/** Every run ends, and none by throwing. */
export const ends: Invariant = ({ runs, isOver }) => [
  ...(isOver ? [] : ['a run waits for something that never comes']),
  ...runs
    .filter(({ actor, thrown }) => thrown !== undefined && !actor.isKilled)
    .map(({ actor, thrown }) => `${actor.name} threw ${thrown}`),
];

/**
 * What serves at the end of a green run is the intended code, whole, and every cache was invalidated after it went live.
 * Only what others did after the run looked for the last time is not its affair.
 */
export const greenIsProven: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'succeeded'))
    .flatMap((run) =>
      functionsOf(story).flatMap((fn) => {
        const { all, seen } = seenServings(story, run, fn);
        return isProven(story, run, all) || isProven(story, run, seen)
          ? []
          : [`${run.actor.name} succeeded, but ${fn.name}: ${all.slice(-4).map(shown).join(' | ')}`];
      }),
    );

/**
 * What others put in its place and took back shows in the revision alone. Of a function, anybody's change of a permission
 * changes that, and of an alias with provisioned concurrency, AWS itself does.
 */
function isHidden({ schedule }: Story, run: Told, by: string): boolean {
  return by !== run.actor.name && ['none', 'provisioned'].includes(schedule.workflow.alias);
}

function shown({ at, by, text }: Serving): string {
  return `${Math.round(at)} ${by} ${text}`;
}

function isProven(story: Story, run: Told, states: readonly Serving[]): boolean {
  const { account } = story;
  if (states.at(-1)?.code !== run.code) {
    return false;
  }
  const since =
    states[states.findLastIndex(({ code, by }) => code !== run.code && !isHidden(story, run, by)) + 1]?.at ?? 0;
  return [...account.distributions.values()].every(({ invalidations }) =>
    [...invalidations.values()].some(
      ({ by, createdAt, completedAt = Number.POSITIVE_INFINITY }) =>
        by === run.actor.name && createdAt >= since && completedAt <= run.endedAt,
    ),
  );
}

/** Who succeeds alone leaves no old page. */
export const cachesAreFresh: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'succeeded') && isAlone(story, run))
    .flatMap((run) =>
      [...story.account.distributions.values()].flatMap(({ id, pages }) =>
        pages
          .filter(({ code }) => code !== undefined && code !== run.code)
          .map(({ code }) => `${run.actor.name} succeeded, and ${id} keeps a page of code ${code?.[0]}`),
      ),
    );

/** Nothing is cleared while old code can answer. */
export const clearsLast: Invariant = (story) =>
  story.runs.flatMap((run) => {
    const [first] = invalidationsOf(story, run).toSorted((a, b) => a.createdAt - b.createdAt);
    return first === undefined
      ? []
      : functionsOf(story)
          .filter((fn) => !isOrWasIntended(story, fn, run, first.createdAt))
          .map((fn) => `${run.actor.name} cleared while ${fn.name} was at ${targetAt(fn, first.createdAt)}`);
  });

/** Whether it is as intended, or was during the run until somebody else changed it. */
function isOrWasIntended(story: Story, fn: LambdaFunction, run: Told, until: number): boolean {
  const states = servings(fn, hasAlias(story)).filter(({ at }) => at <= until);
  return states.some(
    ({ code }, index) =>
      code === run.code &&
      (states[index + 1] === undefined ||
        (states[index + 1]?.by !== run.actor.name &&
          (states[index + 1]?.at ?? 0) >= run.startedAt - story.schedule.pace.lagMs)),
  );
}

function invalidationsOf({ account }: Story, { actor }: Told) {
  return [...account.distributions.values()].flatMap(({ invalidations }) =>
    [...invalidations.values()].filter((one) => one.by === actor.name),
  );
}

/** `rolled-back` is what was there before the run changed anything. */
export const rolledBackIsBefore: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'rolled-back'))
    .flatMap((run) =>
      functionsOf(story)
        .filter((fn) => !isAsBefore(story, run, fn))
        .map(
          (fn) =>
            `${run.actor.name} is rolled-back, but ${fn.name}: ${servings(fn, hasAlias(story)).slice(-6).map(shown).join(' | ')}`,
        ),
    );

function isAsBefore(story: Story, run: Told, fn: LambdaFunction): boolean {
  const { all, seen } = seenServings(story, run, fn);
  if (hasAlias(story)) {
    const found = aliasBefore(story, fn, run);
    return found.length === 0 || [all, seen].some((states) => found.includes(wishAt(fn, states)));
  }
  const first = fn.latest.entries.find(({ by, value }) => by === run.actor.name && value.lastUpdateStatus !== '');
  const found = first && fn.serving.entries.findLast(({ at, by }) => at <= first.at && by !== run.actor.name);
  return found === undefined || [all, seen].some((states) => states.at(-1)?.code === found.value);
}

/**
 * Where it pointed before the run moved it; nowhere when it did not. One on $LATEST is pinned to what that has first. And
 * who has done what the run was about to do has changed nothing for it.
 */
function aliasBefore(story: Story, fn: LambdaFunction, run: Told): string[] {
  const { entries } = fn.alias;
  const first = entries.findIndex(({ by }) => by === run.actor.name);
  if (first === -1) {
    return [];
  }
  const found = entries.slice(0, first).findLast(({ by }) => by !== 'lambda')?.value;
  const pin = entries.findLast(
    ({ at, by, value }, index) =>
      by === run.actor.name &&
      entries[index - 1]?.value?.version === '$LATEST' &&
      fn.everyVersion.get(value?.version ?? '')?.now.codeSha256 === fn.serving.at(at),
  );
  const own = run.outcome?.functions.find(({ name }) => name === fn.name)?.version;
  const isDone = found?.version === own && wishOf(found) === textOf(found);
  return [
    wishOf(found),
    ...(pin === undefined ? [] : [wishOf(pin.value)]),
    ...(isDone ? [wishOf(fn.alias.at(firstRead(story, run, fn, 'lambda:GetAlias')))] : []),
  ];
}

function wishAt(fn: LambdaFunction, states: readonly Serving[]): string {
  return wishOf(fn.alias.at(states.at(-1)?.at ?? 0));
}

/** What a run leaves changed, its report names. */
export const failureIsNamed: Invariant = (story) =>
  ended(story)
    .filter((run) => !statusIs(run, 'succeeded'))
    .flatMap((run) =>
      functionsOf(story).flatMap((fn) =>
        isAsBefore(story, run, fn) || isOthersNow(story, run, fn) || isNamed(fn, run, hasAlias(story))
          ? []
          : [
              `${run.actor.name} ended as ${run.outcome && statusOf(run.outcome)} with ${fn.name} at ${targetAt(fn, run.endedAt)}, and its report does not say so:\n${reportOf(run)}`,
            ],
      ),
    );

/** What others have made of it since is not for this run to tell. */
function isOthersNow(story: Story, run: Told, fn: LambdaFunction): boolean {
  const last = seenServings(story, run, fn).all.findLast(({ by }) => by !== 'lambda');
  return last !== undefined && last.by !== run.actor.name;
}

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
export const wayBackIsTaken: Invariant = (story) => {
  const { workflow, meddling, deployers } = story.schedule;
  const isFree =
    meddling.length === 0 &&
    deployers.length === 1 &&
    deployers.every(({ faults }) => faults.every(({ action }) => action === 'cloudfront:CreateInvalidation'));
  return workflow.rollback && isFree && !['none', 'missing'].includes(workflow.alias)
    ? ended(story)
        .filter((run) => statusIs(run, 'failed') && invalidationsOf(story, run).length === 0)
        .flatMap((run) =>
          functionsOf(story)
            .filter((fn) => !isAsBefore(story, run, fn))
            .map((fn) => `${run.actor.name} failed, and ${fn.name} stays at ${targetAt(fn, run.endedAt)}`),
        )
    : [];
};

/** An invalidation that CloudFront accepted stands, however slow it is, and the code with it. */
export const acceptedStands: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'rolled-back'))
    .flatMap((run) =>
      functionsOf(story).flatMap((fn) => {
        const back = servings(fn, hasAlias(story)).findLast(({ by }) => by === run.actor.name)?.at ?? 0;
        const accepted = story.account.aws.calls.find(
          ({ by, action, applied, at, result }) =>
            by === run.actor.name &&
            action === 'cloudfront:CreateInvalidation' &&
            applied &&
            at < back &&
            /^(InProgress|Completed)/.test(result),
        );
        return accepted === undefined
          ? []
          : [`${run.actor.name} rolled ${fn.name} back after an accepted invalidation`];
      }),
    );

/** An alarm that was seen to ring ends a release. */
export const alarmsAreHeeded: Invariant = ({ schedule: { alarmAtMs = Number.POSITIVE_INFINITY }, account, runs }) =>
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
export const goesBackWhole: Invariant = (story) =>
  ended(story)
    .filter((run) => statusIs(run, 'rolled-back') && isAlone(story, run) && run.code !== shaOf(1))
    .flatMap((run) =>
      [...story.account.distributions.values()]
        .filter(({ invalidations }) => [...invalidations.values()].some(({ by }) => by === run.actor.name))
        .filter(({ pages }) => pages.some(({ code }) => code === run.code))
        .map(({ id }) => `${run.actor.name} is rolled-back, and ${id} keeps a page of its code`),
    );

/** Nothing but the run itself stands in the way of a green end. */
function isWell({ schedule }: Story): boolean {
  const [deployer] = schedule.deployers;
  return (
    schedule.deployers.length === 1 &&
    deployer !== undefined &&
    schedule.meddling.length === 0 &&
    schedule.alarmAtMs === undefined &&
    schedule.pace.invalidationMs <= invalidationTimeoutMs &&
    (schedule.flaw === 'none' || deployer.code !== 3) &&
    (schedule.ending === 'succeeds' || !isByCodeDeploy(schedule.workflow))
  );
}

/** Who was stopped is done by the run that follows, when nothing else is wrong. */
export const rerunSucceeds: Invariant = (story) =>
  story.runs
    .filter((run) => isWell(story) && run.isRerun && !statusIs(run, 'succeeded'))
    .map((run) => `${run.actor.name}, which follows one that was stopped, did not succeed:\n${reportOf(run)}`);

/** Without a fault, a run that is alone succeeds. */
export const aloneSucceeds: Invariant = (story) => {
  const { schedule, runs } = story;
  const [run] = runs;
  const isPlain =
    isWell(story) &&
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
