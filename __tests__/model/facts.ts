import { describeTarget, isSplit } from '../../src/alias/target.ts';
import { statusOf } from '../../src/outcome.ts';
import type { LoggedCall } from './aws.ts';
import { type AliasRecord, type LambdaFunction, shownWeights } from './functions.ts';
import type { Entry } from './history.ts';
import type { Story, Told } from './story.ts';

/** What must hold after every story; each returns what is wrong, a sentence each. */
export type Invariant = (story: Story) => string[];

export function functionsOf({ account }: Story): LambdaFunction[] {
  return [...account.functions.values()];
}

/** Whether visitors are served through an alias. */
export function hasAlias({ schedule }: Story): boolean {
  return schedule.workflow.alias !== 'none';
}

/** Runs that came to their own end. */
export function ended({ runs }: Story): Told[] {
  return runs.filter(({ outcome, actor }) => outcome !== undefined && !actor.isKilled);
}

export function statusIs(run: Told, status: ReturnType<typeof statusOf>): boolean {
  return run.outcome !== undefined && statusOf(run.outcome) === status;
}

export function reportOf({ report }: Told): string {
  return [...(report?.lines ?? []), ...(report?.annotations ?? []).map(({ text }) => text)].join('\n');
}

/** The alias of a function in words, as it was at a moment. */
export function targetAt(fn: LambdaFunction, at: number): string {
  return textOf(fn.alias.at(at));
}

export function textOf(alias: AliasRecord | undefined): string {
  return alias === undefined ? 'none' : describeTarget({ version: alias.version, weights: shownWeights(alias) });
}

/** Where somebody asked the alias to point: the weight that AWS adds for a while is nobody's wish. */
export function wishOf(alias: AliasRecord | undefined): string {
  return alias === undefined ? 'none' : describeTarget(alias);
}

/** By nobody who acts for the run. */
export function isForeign({ by }: Entry<unknown>, run: Told): boolean {
  return by !== run.actor.name && by !== 'lambda';
}

/** Whether nobody else did anything from its start to the end of the story. */
export function isAlone({ runs, schedule }: Story, run: Told): boolean {
  return (
    schedule.meddling.length === 0 &&
    runs.every((other) => other === run || (other.endedAt + 5000 < run.startedAt && run.startedAt > other.startedAt))
  );
}

/** What a release has still to look at, when all else is done, is looked at after the last of these. */
const lookingAndTidying = [
  'lambda:GetFunction',
  'lambda:GetAlias',
  'lambda:GetProvisionedConcurrencyConfig',
  'lambda:ListVersionsByFunction',
  'lambda:ListAliases',
  'lambda:DeleteFunction',
];

/** When somebody else's change is certain to be seen, since the run still had to look after that: reads may be behind. */
function surelySeenUntil({ account, schedule }: Story, run: Told): number {
  const last = account.aws.calls.findLast(
    ({ by, action }) => by === run.actor.name && !lookingAndTidying.includes(action),
  );
  return (last?.at ?? run.startedAt) - schedule.pace.lagMs;
}

/** By a fault, or the end of the run. */
export function isUnanswered({ applied, result }: LoggedCall): boolean {
  return !applied || /^(throttled|lost|error|hang|denied|stopped)/.test(result);
}

export function firstRead({ account }: Story, run: Told, fn: LambdaFunction, action: string): number {
  const isOfFunction = (target: string) => target === fn.name || target.startsWith(`${fn.name} `);
  const first = account.aws.calls.find(
    (call) => call.by === run.actor.name && call.action === action && !isUnanswered(call) && isOfFunction(call.target),
  );
  return first?.at ?? Number.POSITIVE_INFINITY;
}

/** What the visitors of a function are served with, one state after the other. */
export interface Serving {
  at: number;
  by: string;
  /** When whoever made it so began to. */
  begunAt: number;
  /** The code, where all of them get the same. */
  code: string | undefined;
  text: string;
}

export function servings(fn: LambdaFunction, isAliased: boolean): Serving[] {
  return isAliased ? aliasServings(fn) : codeServings(fn);
}

function codeServings(fn: LambdaFunction): Serving[] {
  return fn.serving.entries.map(({ at, by, value }) => {
    const begun = fn.latest.entries.findLast(
      (entry) => entry.by === by && entry.at <= at && entry.value.lastUpdateStatus === 'InProgress',
    );
    return { at, by, begunAt: begun?.at ?? at, code: value, text: `code ${value[0]}` };
  });
}

/** With those of $LATEST where the alias points there. */
function aliasServings(fn: LambdaFunction): Serving[] {
  const moves = fn.alias.entries.map(({ at, by, value }) => ({
    at,
    by,
    begunAt: at,
    code: wholeCode(fn, value, at),
    text: textOf(value),
  }));
  const under = codeServings(fn)
    .filter(({ at }) => fn.alias.at(at)?.version === '$LATEST')
    .map((one) => ({ ...one, text: `version $LATEST, ${one.text}` }));
  return [...moves, ...under].toSorted((a, b) => a.at - b.at);
}

function wholeCode(fn: LambdaFunction, alias: AliasRecord | undefined, at: number): string | undefined {
  if (alias === undefined || isSplit({ version: alias.version, weights: shownWeights(alias) })) {
    return undefined;
  }
  // Who moves it to one that is not Active yet moves it to what that becomes.
  const state = fn.everyVersion.get(alias.version)?.now;
  return alias.version === '$LATEST' ? fn.serving.at(at) : state?.state === 'Active' ? state.codeSha256 : undefined;
}

/** Up to the end of the run; without what came too late for it to see, and what followed from that. */
export function seenServings(story: Story, run: Told, fn: LambdaFunction): { all: Serving[]; seen: Serving[] } {
  const all = servings(fn, hasAlias(story)).filter(({ at }) => at <= run.endedAt);
  const until = surelySeenUntil(story, run);
  const late = all.findIndex((one) => isOthers(one, run) && one.begunAt >= until);
  return { all, seen: late === -1 ? all : all.slice(0, late) };
}

function isOthers({ by }: Serving, run: Told): boolean {
  return by !== run.actor.name && by !== 'lambda';
}
