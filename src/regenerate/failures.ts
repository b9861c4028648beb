import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { seconds } from '../timeline.ts';
import { leftOutTexts } from './collect-pages.ts';
import { count } from './count.ts';
import type { Layer, RegenerationOutcome } from './outcome.ts';
import type { RegenerationPlan } from './plan.ts';

export function outOfTime(missing: number, pages: number, timeoutMs: number): DeployError {
  return new DeployError(
    'timed-out',
    `${count(missing, 'page')} of ${pages.toLocaleString('en-US')} could not be fetched in time, after ${seconds(timeoutMs)}.`,
    {
      hint: 'The cache is cleared, and visitors fill what is missing. Raise invalidation-timeout, or name fewer pages.',
    },
  );
}

/** What is fetched before the old pages are gone fills the cache with them again. */
export function notFetched(distributionId: string, { code }: DeployError): DeployError {
  return new DeployError(
    code,
    `No page was fetched: the end of the invalidation of ${distributionId} was not seen, and pages fetched before it may be the old ones.`,
    { hint: 'The cache is being cleared, and visitors fill it. Nothing is proven about its pages.' },
  );
}

const causes: Record<Layer, { what: string; hint: string }> = {
  'no marker': {
    what: 'no page carried what is expected',
    hint: 'Either the origin still runs old code, or expect-header or expect-body names what the new code does not send: look at one of these pages.',
  },
  origin: {
    what: 'the origin answered so after the clearing',
    hint: 'The origin still runs old code, or keeps pages in a cache of its own: see that what CloudFront points to is what was updated.',
  },
  edge: {
    what: 'a cache kept it through the clearing',
    hint: 'Let paths cover these pages as CloudFront knows them, with their query and with the URI that a function at the edge makes of them; a second CDN or proxy in front must be cleared too.',
  },
};

const mostNamed = 3;

/** `tally` has run: the outcome lists the pages. */
export function staleCache(
  { stale, pages, stalePages, clearedAgain }: RegenerationOutcome,
  layers: readonly Layer[],
  plan: RegenerationPlan,
): DeployError {
  const urls = stalePages.slice(0, mostNamed).map(({ url }) => url);
  const more = stale > urls.length ? ` and ${(stale - urls.length).toLocaleString('en-US')} more` : '';
  const be = stale === 1 ? 'is' : 'are';
  const still =
    clearedAgain > 0 ? `${be} still stale after another clearing` : `${be} stale, too many to clear them once more`;
  const found = (Object.keys(causes) as Layer[]).filter((layer) => layers.includes(layer));
  const faults = found.map((layer) => {
    const share = layers.filter((one) => one === layer).length;
    return found.length === 1 ? causes[layer].what : `${causes[layer].what} (${share.toLocaleString('en-US')})`;
  });
  return new DeployError(
    'stale-cache',
    `${stale.toLocaleString('en-US')} of ${count(pages, 'page')} ${still}${expectation(plan)}: ${urls.join(', ')}${more}. ${capital(faults.join('; '))}.`,
    { hint: found.map((layer) => causes[layer].hint).join(' ') },
  );
}

function expectation({ expectHeader, expectBody }: RegenerationPlan): string {
  const expected = [
    ...(expectHeader ? [plain(`${expectHeader.name}: ${expectHeader.value}`)] : []),
    ...(expectBody === '' ? [] : [`"${plain(expectBody)}"`]),
  ];
  return expected.length === 0 ? '' : ` (expected ${expected.join(' and ')})`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * With an expectation, green means that a page was seen to meet it. `tally` has run; `problems` are those of sitemaps.
 */
export function nothingFresh(
  outcome: RegenerationOutcome,
  problems: readonly DeployError[],
  plan: RegenerationPlan,
): DeployError {
  const reason =
    outcome.failed > 0
      ? pagesFailed(outcome).message
      : (problems[0]?.message ?? (outcome.pages === 0 ? noPage(outcome).message : 'None shows whether it is fresh.'));
  return new DeployError('stale-cache', `No page was verified${expectation(plan)}: ${reason}`, {
    hint: 'The cache is invalidated, and nothing proves that the new code is wrong. Check that these pages answer through the CDN and that the sitemaps name them as the workflow names their host; then run this again.',
  });
}

function noPage(outcome: RegenerationOutcome): DeployError {
  const reasons = leftOutTexts(outcome);
  return new DeployError(
    'not-found',
    `There is no page to fetch${reasons.length > 0 ? `: ${reasons.join('; ')}` : ': the sitemaps list none'}.`,
    { hint: 'Nothing is proven about the cache. Check what regenerate-sitemap lists.' },
  );
}

/** What is no proof that the cache is stale, but somebody should look at it; the most important first. */
export function warningsOf(outcome: RegenerationOutcome, problems: readonly DeployError[]): DeployError[] {
  // What ended with an error says there what it is about.
  const isOver = outcome.error !== undefined;
  return [
    ...(outcome.failed > 0 ? [pagesFailed(outcome)] : []),
    ...(outcome.failed === 0 && !isOver && outcome.pages > 0 && outcome.unknown === outcome.pages
      ? [nothingProven(outcome)]
      : []),
    ...problemsInShort(problems),
    ...leftOutWarnings(outcome, isOver || problems.length > 0),
  ];
}

function leftOutWarnings(outcome: RegenerationOutcome, isNamed: boolean): DeployError[] {
  const reasons = leftOutTexts(outcome);
  if (outcome.pages === 0) {
    return isNamed ? [] : [noPage(outcome)];
  }
  return reasons.length === 0
    ? []
    : [
        new DeployError('unexpected', `Not all pages were fetched: ${reasons.join('; ')}.`, {
          hint: 'Nothing is proven about the others. Check paths and what regenerate-sitemap lists.',
        }),
      ];
}

function problemsInShort(problems: readonly DeployError[]): DeployError[] {
  const [first] = problems;
  if (first === undefined) {
    return [];
  }
  const more = problems.length > 1 ? ` So could ${count(problems.length - 1, 'more sitemap')}.` : '';
  return [new DeployError(first.code, `${first.message}${more}`, { hint: first.hint })];
}

function nothingProven({ pages }: RegenerationOutcome): DeployError {
  return new DeployError(
    'unexpected',
    `Nothing is proven: of ${count(pages, 'page')}, none shows whether it is fresh.`,
    {
      hint: 'See that the URLs lead to the CDN and that paths cover them. Where answers have no X-Cache and no Age, let expect-header or expect-body say what fresh pages carry.',
    },
  );
}

/** Pages that answered with an error, or not at all. */
function pagesFailed({ failed, pages, failedPages }: RegenerationOutcome): DeployError {
  const isMissing = failedPages.every(({ reason }) => /^HTTP (?:403|404|410)$/.test(reason));
  const list = failedPages.slice(0, mostNamed).map(({ url, reason }) => `${url} (${reason})`);
  const more = failed > list.length ? ` and ${(failed - list.length).toLocaleString('en-US')} more` : '';
  return new DeployError(
    isMissing ? 'not-found' : 'unexpected',
    `${failed.toLocaleString('en-US')} of ${count(pages, 'page')} could not be had: ${list.join(', ')}${more}.`,
    {
      hint: 'See that regenerate-urls and the sitemaps name pages that are there, and that the origin bears the load.',
    },
  );
}
