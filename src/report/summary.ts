import { placeOf } from '../assets/outcome.ts';
import { costText } from '../cloudfront/cost.ts';
import type { DeployError } from '../errors.ts';
import { sourceText } from '../lambda/code.ts';
import {
  type DistributionOutcome,
  errorsOf,
  type FunctionOutcome,
  type Outcome,
  type Status,
  statusOf,
  warningsOf,
} from '../outcome.ts';
import { decoded } from '../plain.ts';
import { count } from '../regenerate/count.ts';
import { type Step, seconds } from '../timeline.ts';
import type { FunctionState, Run } from '../world.ts';
import { functionLink, invalidationLink } from './console-links.ts';
import { code, fence, link, prose, quote, row, table, within, words } from './markdown.ts';
import { regenerationSummary } from './regeneration.ts';
import { assetsStanding, distributionStanding, fetchingText, functionStanding } from './standing.ts';

/**
 * GitHub drops a summary above 1 MiB whole (actions/runner, CreateStepSummaryCommand), and nobody reads one of 200 kB. So
 * many bytes has each part.
 */
const most = {
  errors: 50_000,
  warnings: 20_000,
  functions: 40_000,
  distributions: 20_000,
  paths: 20_000,
  steps: 20_000,
};

/** The job summary: what came out, what was deployed from what to what, how long each step took. */
export function toSummary(outcome: Outcome, run: Run): string {
  const parts = [
    `## ${title(outcome)}`,
    ...blocks(most.errors, errorsOf(outcome), toErrorBlock, 'failures'),
    rollbackBlock(outcome),
    buildLine(outcome),
    assetsLine(outcome),
    functionsTable(outcome),
    distributionsTable(outcome),
    ...blocks(most.warnings, warningsOf(outcome), toWarningBlock, 'warnings'),
    costLine(outcome),
    pathsList(outcome),
    fetchingLine(outcome),
    outcome.regeneration ? regenerationSummary(outcome.regeneration) : '',
    gantt(outcome.steps),
    `<sub>${[run.sha.slice(0, 7), `${seconds(outcome.totalMs)} in all`]
      .filter((text) => text !== '')
      .map(words)
      .join(' · ')}</sub>`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

const titles: Record<Status, string> = {
  succeeded: 'Released',
  planned: 'Planned, nothing was changed',
  'rolled-back': 'Failed, and rolled back',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

function title(outcome: Outcome): string {
  const { functions, distributions } = outcome;
  const names = [
    ...functions.map(({ name }) => name),
    ...(functions.length === 0 ? distributions.map(({ id }) => id) : []),
  ];
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
  const status = statusOf(outcome);
  const word = status === 'succeeded' && functions.length === 0 ? 'Cleared' : titles[status];
  return words(shown === '' ? word : `${word}: ${shown}`);
}

/** As many blocks as fit, and how many more there are. */
function blocks<T>(bytes: number, items: readonly T[], toBlock: (item: T) => string, what: string): string[] {
  const { texts, more } = within(bytes, items, toBlock);
  return more > 0 ? [...texts, `> … and ${more} more ${what}; the log and the output \`result\` have them.`] : texts;
}

function toErrorBlock({ code: errorCode, message, hint }: DeployError): string {
  return quote(['[!CAUTION]', `**${errorCode}**`, '', fence(message), ...(hint ? ['', prose(hint)] : [])].join('\n'));
}

function toWarningBlock({ message, hint }: DeployError): string {
  return quote(['**Warning**', '', fence(message), ...(hint ? ['', prose(hint)] : [])].join('\n'));
}

function rollbackBlock({ rollback }: Outcome): string {
  return (rollback?.done ?? []).map((text) => `> ${words(text)}`).join('<br>\n');
}

function buildLine({ build }: Outcome): string {
  if (build === undefined || build.digest === '') {
    return '';
  }
  return `Built ${code(build.plan.image.text)}, pushed as ${code(build.digest)}.`;
}

function assetsLine({ assets }: Outcome): string {
  return assets ? `Assets in ${code(placeOf(assets))}: ${words(assetsStanding(assets))}.` : '';
}

function functionsTable(outcome: Outcome): string {
  const region = outcome.plan?.region ?? '';
  const isPlanned = outcome.plan?.dryRun === true;
  return cappedTable(
    ['Function', 'Before', 'After', 'Version', 'Result', 'Time'],
    outcome.functions,
    most.functions,
    (one) => [
      link(one.name, functionLink(region, one.plan.ref.name, one.version)),
      before(one),
      isPlanned ? codeText(undefined, sourceText(one.plan.source)) : after(one),
      version(one),
      words(isPlanned ? 'only checked' : functionStanding(one)),
      timeOf(one.name, outcome.steps),
    ],
  );
}

/** What failed comes first, so that it is there when not all fit. */
function cappedTable<T extends { error: DeployError | undefined }>(
  head: readonly string[],
  items: readonly T[],
  bytes: number,
  toCells: (item: T) => string[],
): string {
  if (items.length === 0) {
    return '';
  }
  const failedFirst = items.toSorted((a, b) => Number(b.error !== undefined) - Number(a.error !== undefined));
  const { texts, more } = within(bytes, failedFirst, (item) => row(toCells(item)));
  const rest = more > 0 ? `\n\n… and ${more} more` : '';
  return `${table(head, texts)}${rest}`;
}

function before(one: FunctionOutcome): string {
  return codeText(one.before, '');
}

function after(one: FunctionOutcome): string {
  const { source } = one.plan;
  const state = one.after;
  return state !== undefined && source.kind === 'image' && state.codeSha256 === one.expectedSha256
    ? codeText({ ...state, imageUri: source.image.text }, '')
    : codeText(state, '');
}

/** The image as people know it, by tag, and what it really is, by the beginning of its digest. */
function codeText(state: FunctionState | undefined, otherwise: string): string {
  if (state === undefined) {
    return code(otherwise);
  }
  const tag = state.imageUri.replace(/^[^/]+\//, '').replace(/@sha256:.*$/, '');
  return [code(tag), code(state.codeSha256.slice(0, 12))].filter((text) => text !== '').join('<br>');
}

function version({ version: now, previousVersion }: FunctionOutcome): string {
  if (now === '') {
    return '';
  }
  return previousVersion && previousVersion !== now ? words(`${previousVersion} → ${now}`) : words(now);
}

function distributionsTable(outcome: Outcome): string {
  const { region = '', dryRun = false } = outcome.plan ?? {};
  const paths = outcome.paths?.items ?? [];
  return cappedTable(['Distribution', 'Paths', 'Result', 'Time'], outcome.distributions, most.distributions, (one) => [
    distributionCell(one, region),
    isShort(paths) ? code(paths.join('')) : String(paths.length),
    words(dryRun ? 'only checked' : distributionStanding(one)),
    timeOf(one.id, outcome.steps),
  ]);
}

/** One path that everybody can read in a cell. */
function isShort(paths: readonly string[]): boolean {
  return paths.length === 1 && /^[\w/.*-]{1,60}$/.test(paths.join(''));
}

/** The console has no page of its own for a tenant's invalidations. */
function distributionCell({ kind, id, invalidations }: DistributionOutcome, region: string): string {
  const last = invalidations.at(-1)?.id ?? '';
  return kind === 'tenant' ? words(id) : link(id, invalidationLink(region, id, last));
}

function costLine({ plan, paths, distributions }: Outcome): string {
  const items = paths?.items.length ?? 0;
  const isPlanned = plan?.dryRun === true;
  const { length: targets } = isPlanned ? distributions : distributions.filter(({ isSent }) => isSent);
  if (items === 0 || targets === 0) {
    return '';
  }
  return `${isPlanned ? 'Clearing would cost' : 'Cost of clearing:'} ${words(costText(items, targets))}.`;
}

function fetchingLine({ plan, paths }: Outcome): string {
  const regeneration = plan?.clearing?.regeneration;
  const isPlanned = plan?.dryRun === true && regeneration !== undefined && (paths?.items.length ?? 0) > 0;
  return isPlanned ? `Then it would ${words(fetchingText(regeneration))}.` : '';
}

function pathsList(outcome: Outcome): string {
  const paths = outcome.paths?.items ?? [];
  if (paths.length === 0 || isShort(paths)) {
    return '';
  }
  const { texts, more } = within(most.paths, paths, decoded);
  const rest = more > 0 ? `\n\n… and ${more} more` : '';
  return `<details><summary>${count(paths.length, 'path')}</summary>\n\n${fence(texts.join('\n'))}${rest}\n\n</details>`;
}

function timeOf(subject: string, steps: readonly Step[]): string {
  const own = steps.filter((step) => step.subject === subject);
  return own.length === 0 ? '' : seconds(own.reduce((sum, { ms }) => sum + ms, 0));
}

/** A Mermaid gantt. A subject that would have to be altered for it is one of the steps of the run. */
function gantt(steps: readonly Step[]): string {
  if (steps.length === 0) {
    return '';
  }
  const subjects = [...new Set(steps.map(({ subject }) => subject))];
  const { texts } = within(most.steps, subjects, (subject) =>
    [
      `  section ${isPlain(subject) ? subject : 'release'}`,
      ...steps
        .filter((step) => step.subject === subject)
        .map(({ name, startMs, ms, failed }) => {
          const tag = failed ? 'crit, ' : '';
          return `  ${isPlain(name) ? name : 'step'} ${seconds(ms)} :${tag}${startMs}, ${startMs + Math.max(1, ms)}`;
        }),
    ].join('\n'),
  );
  return ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %M:%S', ...texts, '```'].join('\n');
}

/** Nothing that Mermaid reads as syntax. */
function isPlain(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9 _$-]*$/.test(text);
}
