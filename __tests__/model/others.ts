import { describeTarget, versionsOf } from '../../src/alias/target.ts';
import type { FunctionState } from '../../src/world.ts';
import { firstRead, functionsOf, type Invariant, isForeign, isUnanswered, textOf, wishOf } from './facts.ts';
import type { AliasRecord, LambdaFunction } from './functions.ts';
import { shownWeights } from './functions.ts';
import type { Entry } from './history.ts';
import type { Schedule } from './schedule.ts';
import type { Story, Told } from './story.ts';

// What runs owe to others: to people, and to other runs.

/**
 * No run moves an alias over what somebody else did since the run looked: but for a move of an older run, as long as the
 * run itself has moved nothing.
 */
export const movesOverNobody: Invariant = (story) =>
  story.runs.flatMap((run) =>
    functionsOf(story).flatMap((fn) => {
      const looked = firstRead(story, run, fn, 'lambda:GetAlias');
      const { entries } = fn.alias;
      return entries.flatMap((entry, index) => {
        const replaced = entries.slice(0, index).findLastIndex(({ by }) => by !== 'lambda');
        const lost = entries[replaced];
        if (entry.by !== run.actor.name || lost === undefined || !isForeign(lost, run) || lost.at <= looked) {
          return [];
        }
        const earlier = entries.slice(0, replaced);
        // Who has left it just as the run knew it has done nothing that could be lost.
        const known = [
          ...knownBefore(earlier, run, looked, story.schedule.pace.lagMs),
          ...unansweredMoves(story, run, fn),
        ];
        const isChange = !known.includes(wishOf(lost.value));
        const isFirst = !earlier.some(({ by }) => by === run.actor.name);
        const isTolerated = (isFirst && isOlder(fn, lost, run)) || looksHandedOver(story, run, lost);
        return isChange && wishOf(lost.value) !== wishOf(entry.value) && !isTolerated
          ? [`${run.actor.name} moved ${fn.name} to ${textOf(entry.value)} over ${textOf(lost.value)} of ${lost.by}`]
          : [];
      });
    }),
  );

/** As the run left it, or may have seen it by a first read that was behind. */
function knownBefore(
  entries: readonly Entry<AliasRecord | undefined>[],
  { actor }: Told,
  looked: number,
  lagMs: number,
): string[] {
  const own = entries.findLast(({ by }) => by === actor.name);
  const asked = entries.filter(({ by }) => by !== 'lambda');
  const seen = asked.filter(({ at }, index) => at <= looked && (asked[index + 1]?.at ?? looked) >= looked - lagMs);
  return own === undefined ? seen.map(({ value }) => wishOf(value)) : [wishOf(own.value)];
}

/** What the run asked for without an answer it cannot tell from the same move of somebody else. */
function unansweredMoves({ account }: Story, { actor }: Told, fn: LambdaFunction): string[] {
  return account.aws.calls
    .filter(
      ({ by, action, target }) => by === actor.name && action === 'lambda:UpdateAlias' && target.startsWith(fn.name),
    )
    .filter(isUnanswered)
    .map(({ target }) => {
      const [, version = '', weights = '{}'] = / to (\S+) (\{.*\}) if /.exec(target) ?? [];
      return describeTarget({ version, weights: JSON.parse(weights) });
    });
}

/**
 * Where a deployment of CodeDeploy that has failed may have left the alias itself: which of its moves were made, it does
 * not tell.
 */
function looksHandedOver({ account }: Story, run: Told, { value }: Entry<AliasRecord | undefined>): boolean {
  const failed = [...account.codeDeploy.deployments.values()].find(
    ({ by, status }) => by === run.actor.name && ['Failed', 'Stopped'].includes(status),
  );
  const named = failed === undefined ? [] : [failed.current, failed.target];
  return value !== undefined && versionsOf(value).every((one) => named.includes(one));
}

/** By an older run, or to versions of older runs alone: that cannot be told apart. */
function isOlder(fn: LambdaFunction, { by, value }: Entry<AliasRecord | undefined>, { actor }: Told): boolean {
  const own = Number(actor.run.runId);
  const [, id] = /^run (\d+)/.exec(by) ?? [];
  return (
    (id !== undefined && Number(id) <= own) ||
    (value !== undefined && versionsOf(value).every((version) => nameOf(fn, version) > 0 && nameOf(fn, version) <= own))
  );
}

/** The run that a description names; 0 for none. */
function nameOf(fn: LambdaFunction, version: string): number {
  const description = fn.everyVersion.get(version)?.now.description ?? '';
  return Number(/runs\/(\d+)/.exec(description)?.[1] ?? 0);
}

/** Going back, no run writes over code that somebody else has deployed since. */
export const writesOverNobody: Invariant = (story) =>
  story.runs.flatMap((run) =>
    functionsOf(story).flatMap((fn) => {
      const updates = fn.latest.entries.filter(({ value }) => value.lastUpdateStatus === 'InProgress');
      const own = updates.filter(({ by }) => by === run.actor.name);
      const since =
        own.find(({ value }) => value.codeSha256 === run.code)?.at ?? firstRead(story, run, fn, 'lambda:GetFunction');
      return own
        .filter(({ value }) => value.codeSha256 !== run.code)
        .flatMap((back) =>
          updates
            .slice(0, updates.indexOf(back))
            .slice(-1)
            .filter((one) => one.at > since && isForeign(one, run))
            .filter((one) => ![back.value.codeSha256, codeBefore(updates, one)].includes(one.value.codeSha256))
            .map(
              ({ by, value }) => `${run.actor.name} went back in ${fn.name} over code ${value.codeSha256[0]} of ${by}`,
            ),
        );
    }),
  );

/** A change of the configuration alone brings the code that was there. */
function codeBefore(updates: readonly Entry<FunctionState>[], one: Entry<FunctionState>): string | undefined {
  return updates[updates.indexOf(one) - 1]?.value.codeSha256;
}

/** The run whose code a version has; what a run found on $LATEST and gave a version is not its own. */
function publisher(fn: LambdaFunction, version: string): number {
  const isFound = fn.everyVersion.get(version)?.now.description.startsWith('pinned by');
  return isFound ? 0 : nameOf(fn, version);
}

function shareOf(alias: AliasRecord, version: string): number {
  const others = Object.entries(alias.weights);
  return alias.version === version
    ? 1 - others.reduce((sum, [, weight]) => sum + weight, 0)
    : (alias.weights[version] ?? 0);
}

/** No run takes traffic from a version that a newer one published. */
export const nothingMovesBackwards: Invariant = (story) =>
  functionsOf(story).flatMap((fn) =>
    fn.alias.entries.flatMap(({ by, value }, index) => {
      const run = story.runs.find(({ actor }) => actor.name === by);
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

export const aliasesNameOnlyActive: Invariant = (story) =>
  ownMoves(story).flatMap(({ fn, run, entry: { at, value } }) =>
    [value?.version ?? '', ...Object.keys(value?.weights ?? {})]
      .filter((version) => version !== '$LATEST')
      .filter((version) => fn.everyVersion.get(version)?.at(at)?.state !== 'Active')
      .map((version) => `${run.actor.name} moved ${fn.name} to version ${version}, which is not Active`),
  );

/** While an alias points to $LATEST, what is put there is live at once, before anything is proven. */
export const updatesNothingLive: Invariant = (story) => {
  const { alias } = story.schedule.workflow;
  const updates = story.runs.flatMap((run) =>
    functionsOf(story).flatMap((fn) =>
      fn.latest.entries
        .filter(({ by, value }) => by === run.actor.name && value.lastUpdateStatus === 'InProgress')
        .map((update) => ({ run, fn, update })),
    ),
  );
  const early = updates.filter(({ run, fn, update }) => {
    const moved = fn.alias.entries.findLast(({ at }) => at <= update.at);
    const knownAt = firstRead(story, run, fn, 'lambda:GetAlias') - story.schedule.pace.lagMs;
    return moved?.value?.version === '$LATEST' && moved.at < knownAt;
  });
  return alias === 'none'
    ? []
    : [
        ...early.map(({ run, fn }) => `${run.actor.name} updated ${fn.name} while its alias pointed to $LATEST`),
        ...ownMoves(story)
          .filter(({ entry }) => entry.value?.version === '$LATEST')
          .filter(({ fn, run, entry }) =>
            updates.some((one) => one.fn === fn && one.run === run && one.update.at < entry.at),
          )
          .map(({ fn, run }) => `${run.actor.name} moved ${fn.name} to $LATEST after its own update`),
      ];
};

function ownMoves(story: Story) {
  return functionsOf(story).flatMap((fn) =>
    fn.alias.entries.flatMap((entry) => {
      const run = story.runs.find(({ actor }) => actor.name === entry.by);
      return run === undefined ? [] : [{ fn, run, entry }];
    }),
  );
}

/** The version before stays, for requests on their way to it; and what a later run made is not this one's to delete. */
export const prunesOnlyOld: Invariant = ({ account, runs, schedule }) =>
  account.aws.calls
    .filter(({ action, applied, result }) => action === 'lambda:DeleteFunction' && applied && result.includes('true'))
    .flatMap(({ by, target }) => {
      const [name = '', version = ''] = target.split(' ');
      const fn = account.functions.get(name);
      const run = runs.find(({ actor }) => actor.name === by);
      const previous = fn && before(fn.alias.entries, by)?.version;
      const own = run?.outcome?.functions.find((one) => one.name === name)?.version ?? '';
      return [
        ...(previous === version && !isHidden(schedule) ? [`${by} deleted version ${version}, the one before`] : []),
        ...(own !== '' && Number(version) > Number(own) ? [`${by} deleted version ${version}, which is newer`] : []),
      ];
    });

/** How the alias was before the run touched it: what others left before its last change. */
function before(changes: readonly Entry<AliasRecord | undefined>[], by: string): AliasRecord | undefined {
  const last = changes.findLastIndex((entry) => entry.by === by);
  return changes.slice(0, Math.max(0, last)).findLast((entry) => entry.by !== by && entry.by !== 'lambda')?.value;
}

/** What others did while provisioned concurrency followed the alias, or in the middle of a shift, no run can see. */
function isHidden({ meddling, workflow }: Schedule): boolean {
  return meddling.length > 0 || workflow.alias === 'provisioned';
}
