import { count } from '../regenerate/count.ts';
import type { RegenerationOutcome } from '../regenerate/outcome.ts';
import { seconds } from '../timeline.ts';
import { code, escapeMarkdown, table } from './markdown.ts';

/** The part of the job summary about the pages; empty when none were to be fetched. */
export function regenerationSummary(outcome: RegenerationOutcome): string {
  if (outcome.requests === 0) {
    return '';
  }
  const { pages, fresh, stale, unknown, bytes } = outcome;
  const parts = [
    table(
      ['Pages', 'Fresh', 'Stale', 'Not known', 'Bytes', 'Requests a second'],
      [[...[pages, fresh, stale, unknown].map(integer), escapeMarkdown(sizeText(bytes)), integer(rateOf(outcome))]],
    ),
    listOf(
      ['Stale page', 'Looks at fault', 'Age'],
      outcome.stalePages.map(({ url, layer, age }) => [code(url), layer, age === undefined ? '' : `${integer(age)} s`]),
      stale,
    ),
    listOf(
      ['Failed page', 'Reason'],
      outcome.failedPages.map(({ url, reason }) => [code(url), escapeMarkdown(reason)]),
      outcome.failed,
    ),
    listOf(
      ['Slowest pages', 'Time'],
      outcome.slowest.map(({ url, ms }) => [
        code(url),
        escapeMarkdown(ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms)),
      ]),
    ),
    listOf(
      ['Edge location', 'Hit', 'Miss', 'Other'],
      edgesOf(outcome).map(({ edge, hit, miss, other }) => [code(edge), ...[hit, miss, other].map(integer)]),
    ),
    leftOutLine(outcome),
    reach,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

const reach =
  'One runner fills one edge location, the regional cache behind it and, where it is on, Origin Shield; not the whole world.';

function listOf(head: readonly string[], rows: readonly (readonly string[])[], whole = rows.length): string {
  const more = whole > rows.length ? `\n\n… and ${integer(whole - rows.length)} more` : '';
  return rows.length === 0 ? '' : `${table(head, rows)}${more}`;
}

function leftOutLine({ leftOut, skipped, isTruncated }: RegenerationOutcome): string {
  return [
    ...(skipped > 0 ? [`${integer(skipped)} left out because the invalidation did not clear them.`] : []),
    ...(leftOut > 0 ? [`${integer(leftOut)} left out because the workflow does not name their host.`] : []),
    ...(isTruncated ? ['The sitemaps name more pages than are fetched.'] : []),
  ].join(' ');
}

/** The part of the `result` output about the pages. */
export function regenerationResult(outcome: RegenerationOutcome) {
  const { pages, fresh, stale, unknown, failed, requests, bytes, ms, clearedAgain, leftOut, skipped } = outcome;
  return {
    pages,
    fresh,
    stale,
    unknown,
    failed,
    requests,
    bytes,
    ms,
    clearedAgain,
    leftOut,
    skipped,
    truncated: outcome.isTruncated,
    edges: edgesOf(outcome),
    slowest: outcome.slowest.map(({ url, ms }) => ({ url, ms: Math.round(ms) })),
    stalePages: outcome.stalePages.map(({ url, layer, age }) => ({ url, layer, age: age ?? null })),
    failedPages: outcome.failedPages.map(({ url, reason }) => ({ url, reason })),
  };
}

/** Where the pages stand, for the end of the log. */
export function regenerationStanding(outcome: RegenerationOutcome): string {
  if (outcome.pages === 0 || outcome.requests === 0) {
    return 'no page was fetched';
  }
  const { pages, fresh, stale, unknown, failed, requests, bytes, clearedAgain } = outcome;
  const extras = [
    ...(failed > 0 ? [`${integer(failed)} failed`] : []),
    ...(clearedAgain > 0 ? [`${integer(clearedAgain)} cleared once more`] : []),
  ];
  return [
    `${count(pages, 'page')}: ${integer(fresh)} fresh, ${integer(stale)} stale, ${integer(unknown)} not known`,
    ...extras,
    `${count(requests, 'request')}, ${sizeText(bytes)}, ${integer(rateOf(outcome))} a second`,
  ].join('; ');
}

const mostEdges = 20;

/** Those that answered most come first. */
function edgesOf({ edges }: RegenerationOutcome) {
  return [...edges]
    .map(([edge, counts]) => ({ edge, ...counts }))
    .toSorted((a, b) => b.hit + b.miss + b.other - (a.hit + a.miss + a.other))
    .slice(0, mostEdges);
}

function rateOf({ requests, ms }: RegenerationOutcome): number {
  return ms === 0 ? 0 : Math.round((requests * 1000) / ms);
}

function integer(number: number): string {
  return number.toLocaleString('en-US');
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
