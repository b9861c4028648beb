import { placeOf } from '../assets/outcome.ts';
import { costText } from '../cloudfront/cost.ts';
import { sourceText } from '../lambda/code.ts';
import {
  type DistributionOutcome,
  errorsOf,
  type FunctionOutcome,
  type Outcome,
  type Status,
  statusOf,
} from '../outcome.ts';
import { type Step, seconds } from '../timeline.ts';
import type { FunctionState, Run } from '../world.ts';
import { functionLink, invalidationLink } from './console-links.ts';
import { code, escapeMarkdown, link, table } from './markdown.ts';
import { regenerationSummary } from './regeneration.ts';
import { assetsStanding, distributionStanding, fetchingText, functionStanding } from './standing.ts';

/** GitHub drops a summary above 1 MiB whole. */
const mostItems = 200;

/** The job summary: what came out, what was deployed from what to what, how long each step took. */
export function toSummary(outcome: Outcome, run: Run): string {
  const parts = [
    `## ${title(outcome)}`,
    ...errorsOf(outcome).slice(0, mostItems).map(toErrorBlock),
    rollbackBlock(outcome),
    buildLine(outcome),
    assetsLine(outcome),
    functionsTable(outcome),
    distributionsTable(outcome),
    ...[
      ...outcome.warnings.map((warning) => ({ warning })),
      ...outcome.distributions,
      ...(outcome.regeneration ? [outcome.regeneration] : []),
    ].flatMap(({ warning }) =>
      warning ? [`> **Warning:** ${escapeMarkdown(`${warning.message} ${warning.hint ?? ''}`)}`] : [],
    ),
    costLine(outcome),
    pathsList(outcome),
    fetchingLine(outcome),
    outcome.regeneration ? regenerationSummary(outcome.regeneration) : '',
    gantt(outcome.steps),
    `<sub>${[run.sha.slice(0, 7), `${seconds(outcome.totalMs)} in all`]
      .filter((text) => text !== '')
      .map(escapeMarkdown)
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
  return escapeMarkdown(shown === '' ? word : `${word}: ${shown}`);
}

function toErrorBlock({
  code: errorCode,
  message,
  hint,
}: {
  code: string;
  message: string;
  hint: string | undefined;
}): string {
  const lines = message.split('\n').map((line) => `> ${escapeMarkdown(line)}`);
  return [
    '> [!CAUTION]',
    `> **${errorCode}**`,
    '>',
    lines.join('<br>\n'),
    ...(hint ? ['>', `> ${escapeMarkdown(hint)}`] : []),
  ].join('\n');
}

function rollbackBlock({ rollback }: Outcome): string {
  return (rollback?.done ?? []).map((text) => `> ${escapeMarkdown(text)}`).join('<br>\n');
}

function buildLine({ build }: Outcome): string {
  if (build === undefined || build.digest === '') {
    return '';
  }
  return `Built ${code(build.plan.image.text)}, pushed as ${code(build.digest)}.`;
}

function assetsLine({ assets }: Outcome): string {
  return assets ? `Assets in ${code(placeOf(assets))}: ${escapeMarkdown(assetsStanding(assets))}.` : '';
}

function functionsTable(outcome: Outcome): string {
  if (outcome.functions.length === 0) {
    return '';
  }
  const region = outcome.plan?.region ?? '';
  return table(
    ['Function', 'Before', 'After', 'Version', 'Result', 'Time'],
    outcome.functions
      .slice(0, mostItems)
      .map((one) => [
        link(one.name, functionLink(region, one.plan.ref.name, one.version)),
        before(one),
        outcome.plan?.dryRun ? codeText(undefined, sourceText(one.plan.source)) : after(one),
        version(one),
        escapeMarkdown(outcome.plan?.dryRun ? 'only checked' : functionStanding(one)),
        timeOf(one.name, outcome.steps),
      ]),
  );
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
  return previousVersion && previousVersion !== now
    ? escapeMarkdown(`${previousVersion} → ${now}`)
    : escapeMarkdown(now);
}

function distributionsTable(outcome: Outcome): string {
  if (outcome.distributions.length === 0) {
    return '';
  }
  const { region = '', dryRun = false } = outcome.plan ?? {};
  const { paths } = outcome;
  return table(
    ['Distribution', 'Paths', 'Result', 'Time'],
    outcome.distributions
      .slice(0, mostItems)
      .map((one) => [
        distributionCell(one, region),
        paths?.items.length === 1 ? code(paths.items[0] ?? '') : String(paths?.items.length ?? 0),
        escapeMarkdown(dryRun ? 'only checked' : distributionStanding(one)),
        timeOf(one.id, outcome.steps),
      ]),
  );
}

/** The console has no page of its own for a tenant's invalidations. */
function distributionCell({ kind, id, invalidations }: DistributionOutcome, region: string): string {
  const last = invalidations.at(-1)?.id ?? '';
  return kind === 'tenant' ? escapeMarkdown(id) : link(id, invalidationLink(region, id, last));
}

function costLine({ plan, paths, distributions }: Outcome): string {
  const items = paths?.items.length ?? 0;
  const isPlanned = plan?.dryRun === true;
  const { length: targets } = isPlanned ? distributions : distributions.filter(({ isSent }) => isSent);
  if (items === 0 || targets === 0) {
    return '';
  }
  return `${isPlanned ? 'Clearing would cost' : 'Cost of clearing:'} ${escapeMarkdown(costText(items, targets))}.`;
}

function fetchingLine({ plan, paths }: Outcome): string {
  const regeneration = plan?.clearing?.regeneration;
  const isPlanned = plan?.dryRun === true && regeneration !== undefined && (paths?.items.length ?? 0) > 0;
  return isPlanned ? `Then it would ${escapeMarkdown(fetchingText(regeneration))}.` : '';
}

function pathsList(outcome: Outcome): string {
  const paths = outcome.paths?.items ?? [];
  if (paths.length < 2) {
    return '';
  }
  const shown = paths.slice(0, mostItems).map(code).join('<br>');
  const more = paths.length > mostItems ? `<br>… and ${paths.length - mostItems} more` : '';
  return `<details><summary>${paths.length} paths</summary>\n\n${shown}${more}\n\n</details>`;
}

function timeOf(subject: string, steps: readonly Step[]): string {
  const own = steps.filter((step) => step.subject === subject);
  return own.length === 0 ? '' : seconds(own.reduce((sum, { ms }) => sum + ms, 0));
}

/** A Mermaid gantt. Subjects and names are ours or checked; what Mermaid reads as syntax is taken out all the same. */
function gantt(steps: readonly Step[]): string {
  if (steps.length === 0) {
    return '';
  }
  const clean = (text: string) => text.replace(/[^A-Za-z0-9 _$-]/g, ' ');
  const subjects = [...new Set(steps.map(({ subject }) => subject))].slice(0, mostItems);
  const sections = subjects.flatMap((subject) => [
    `  section ${clean(subject)}`,
    ...steps
      .filter((step) => step.subject === subject)
      .map(({ name, startMs, ms, failed }) => {
        const tag = failed ? 'crit, ' : '';
        return `  ${clean(name)} ${seconds(ms)} :${tag}${startMs}, ${startMs + Math.max(1, ms)}`;
      }),
  ]);
  return ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %M:%S', ...sections, '```'].join('\n');
}
