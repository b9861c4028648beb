import type { AliasOutcome } from '../alias/alias.ts';
import { describeTarget, pointsTo } from '../alias/target.ts';
import { type AssetsOutcome, type AssetsPlan, placeOf } from '../assets/outcome.ts';
import { costText } from '../cloudfront/cost.ts';
import { isUpToDate, sourceText } from '../lambda/code.ts';
import { isBusy } from '../lambda/state.ts';
import {
  type DistributionOutcome,
  type FunctionOutcome,
  invalidationStatus,
  isChanged,
  type Outcome,
} from '../outcome.ts';
import { decoded, plain } from '../plain.ts';
import type { ClearingPlan } from '../plan.ts';
import { count } from '../regenerate/count.ts';
import type { RegenerationPlan } from '../regenerate/plan.ts';
import { regenerationStanding } from './regeneration.ts';

/** Where every function and distribution stands at the end, a line each. */
export function standingLines({ build, assets, functions, distributions, regeneration, rollback }: Outcome): string[] {
  return [
    ...(build ? [`${build.plan.image.text}: ${build.digest ? `pushed as ${build.digest}` : 'was not pushed'}`] : []),
    ...(assets ? [`${placeOf(assets)}: ${assetsStanding(assets)}`] : []),
    ...functions.map((one) => `${one.name}: ${functionStanding(one)}${codeText(one)}`),
    ...(rollback?.done ?? []),
    ...distributions.map((one) => `${one.id}: ${distributionStanding(one)}`),
    ...(regeneration ? [regenerationStanding(regeneration)] : []),
  ];
}

function codeText({ stage, plan, after }: FunctionOutcome): string {
  return stage === 'ready' ? `, ${plain(after?.resolvedImageUri || sourceText(plan.source))}` : '';
}

export function functionStanding(outcome: FunctionOutcome): string {
  const { stage, version, plan, alias, error, isPutBack } = outcome;
  if (isPutBack) {
    return 'holds the code from before again';
  }
  const code = isChanged(outcome) ? 'the new code' : 'this code';
  switch (stage) {
    case 'untouched':
      return 'was not changed';
    case 'update-sent':
      return error?.code === 'update-failed'
        ? `the update to ${sourceText(plan.source)} failed, the old code serves`
        : `the update to ${sourceText(plan.source)} was sent, its end was not seen`;
    case 'updated':
      return `holds ${code}${plan.version ? ', no version of it was published' : ''}`;
    case 'publish-sent':
      return `holds ${code}; a version of it was asked for, the answer was not seen`;
    case 'published':
      return `holds ${code}; version ${version} is published, but was not seen Active${plan.warmUp ? ' and warm' : ''}`;
    case 'ready':
      return alias
        ? `version ${version} is ready, ${aliasStanding(alias)}`
        : `serves ${code}${version ? ` as version ${version}` : ''}`;
  }
}

export function assetsStanding({ plan, stage, uploaded, unchanged, deleted }: AssetsOutcome): string {
  if (plan === undefined || stage === 'untouched') {
    return 'nothing was uploaded';
  }
  const whole = stage === 'uploading' ? ` of ${plan.new + plan.changed}` : '';
  return `${uploaded}${whole} uploaded, ${unchanged} unchanged, ${deleted} deleted`;
}

function aliasStanding({ name, now, before, knowledge }: AliasOutcome): string {
  const asked = knowledge.pending.at(-1);
  const open =
    asked === undefined || (now !== undefined && pointsTo(now, asked))
      ? ''
      : `; a move to ${describeTarget(asked)} was asked for, its end was not seen`;
  if (now === undefined) {
    return `alias ${name} is not there${open}`;
  }
  const earlier =
    before !== undefined && before.version !== now.version ? `, before to version ${plain(before.version)}` : '';
  return `alias ${name} points to ${describeTarget(now)}${earlier}${open}`;
}

export function distributionStanding(outcome: DistributionOutcome): string {
  const { invalidations, isSent } = outcome;
  if (invalidations.length === 0) {
    return isSent ? 'the invalidation was sent, the answer was not seen' : 'was not cleared';
  }
  const ids = invalidations.map(({ id }) => id).join(' ');
  const [subject, verb] = invalidations.length === 1 ? ['invalidation', 'is'] : ['invalidations', 'are'];
  return `${subject} ${plain(ids)} ${verb} ${plain(invalidationStatus(outcome))}`;
}

/** What a real run would do. */
export function planLines({ plan, build, assets, functions, paths }: Outcome): string[] {
  const clearing = plan?.clearing;
  return [
    'Plan (nothing was changed):',
    ...(build ? [`- build ${build.plan.image.text} from ${plain(build.plan.context)} and push it`] : []),
    ...(assets?.plan ? [`- ${placeOf(assets)}: ${uploadText(assets.plan)}`] : []),
    ...functions.map((one) => `- ${one.name}: ${updateText(one)}`),
    ...(clearing?.targets ?? []).map(
      ({ id }) => `- ${id}: ${clearing ? clearingText(clearing, paths?.items ?? []) : ''}`,
    ),
    ...(clearing ? costLines(clearing, paths?.items ?? []) : []),
  ];
}

function uploadText({ new: added, changed, stale, request }: AssetsPlan): string {
  const removal = request.deletes && stale.length > 0 ? `, delete ${stale.length} when everything else is done` : '';
  return `upload ${added} new and ${changed} changed files${removal}`;
}

function updateText(outcome: FunctionOutcome): string {
  const { plan, before, expectedSha256, accepted } = outcome;
  const then = [
    ...(plan.version ? ['publish a version and wait until it is Active'] : []),
    ...(plan.warmUp ? [`invoke it ${plan.warmUp.count} times at once`] : []),
    ...(outcome.alias ? [moveText(outcome.alias)] : []),
  ].map((text) => `, ${text}`);
  if (before !== undefined && isUpToDate(before, expectedSha256, plan.architecture)) {
    return `holds this code already${then.join('')}`;
  }
  const from = plain(before?.resolvedImageUri || before?.imageUri || before?.codeSha256 || 'unknown code');
  const wait = accepted || (before !== undefined && !isBusy(before)) ? '' : 'wait until it is free, then ';
  return `${wait}update from ${from} to ${sourceText(plan.source)}${then.join('')}`;
}

function moveText({ name, before }: AliasOutcome): string {
  if (before === undefined) {
    return `create alias ${name} for it`;
  }
  const isOnLatest = before.version === '$LATEST';
  const first = isOnLatest ? `; before the update, fix alias ${name} to a version of the code it serves` : '';
  return `move alias ${name} to it from ${describeTarget(before)}${first}`;
}

function costLines({ targets, regeneration }: ClearingPlan, paths: readonly string[]): string[] {
  if (paths.length === 0) {
    return [];
  }
  return [
    `- clearing would cost ${costText(paths.length, targets.length)}`,
    ...(regeneration ? [`- then ${fetchingText(regeneration)}`] : []),
  ];
}

/** What a real run would do with the pages. */
export function fetchingText({ urls, sitemaps }: RegenerationPlan): string {
  const pages = [
    ...(urls.length > 0 ? [count(urls.length, 'page')] : []),
    ...(sitemaps.length > 0
      ? [`${urls.length > 0 ? 'those' : 'the pages'} of ${count(sitemaps.length, 'sitemap')}`]
      : []),
  ];
  const isOne = urls.length === 1 && sitemaps.length === 0;
  return `fetch ${pages.join(' and ')} through the CDN and see that ${isOne ? 'it is' : 'they are'} fresh`;
}

function clearingText({ wait, onlyChanged }: ClearingPlan, paths: readonly string[]): string {
  if (paths.length === 0) {
    return 'nothing to clear, no path is named';
  }
  const shown = paths
    .slice(0, 10)
    .map((path) => plain(decoded(path)))
    .join(' ');
  const more = paths.length > 10 ? ` and ${paths.length - 10} more` : '';
  return `${onlyChanged ? 'if anything changed, ' : ''}clear ${shown}${more}${wait === 'false' ? '' : ' and wait until that is done'}`;
}
