import { count } from '../regenerate/count.ts';
import type { RegenerationOutcome } from '../regenerate/outcome.ts';
import { seconds } from '../timeline.ts';
import { code, fence, row, table } from './markdown.ts';

/** The part of the job summary about the pages; empty when none were to be fetched. */
export function regenerationSummary(outcome: RegenerationOutcome): string {
  if (outcome.requests === 0) {
    return '';
  }
  const { pages, fresh, stale, unknown, bytes } = outcome;
  const parts = [
    table(
      ['Pages', 'Fresh', 'Stale', 'Not known', 'Bytes', 'Requests a second'],
      [row([...[pages, fresh, stale, unknown].map(integer), sizeText(bytes), integer(rateOf(outcome))])],
    ),
    listOf(
      'Stale pages, what looks at fault, and the Age',
      outcome.stalePages.map(
        ({ url, layer, age }) => `${url}  ${layer}${age === undefined ? '' : `, ${integer(age)} s`}`,
      ),
      stale,
    ),
    listOf(
      'Failed pages',
      outcome.failedPages.map(({ url, reason }) => `${url}  ${reason}`),
      outcome.failed,
    ),
    listOf(
      'Slowest pages',
      outcome.slowest.map(({ url, ms }) => `${ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms)}  ${url}`),
    ),
    edgesTable(outcome),
    leftOutLine(outcome),
    reach,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

const reach =
  'One runner fills one edge location, the regional cache behind it and, where it is on, Origin Shield; not the whole world.';

/** Addresses and reasons are text of others. */
function listOf(title: string, lines: readonly string[], whole = lines.length): string {
  const more = whole > lines.length ? `\n\n… and ${integer(whole - lines.length)} more` : '';
  return lines.length === 0 ? '' : `${title}:\n\n${fence(lines.join('\n'))}${more}`;
}

function edgesTable(outcome: RegenerationOutcome): string {
  const rows = edgesOf(outcome).map(({ edge, hit, miss, other }) =>
    row([code(edge), ...[hit, miss, other].map(integer)]),
  );
  return rows.length === 0 ? '' : table(['Edge location', 'Hit', 'Miss', 'Other'], rows);
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
