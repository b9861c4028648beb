import { type DeployError, toDeployError } from '../errors.ts';
import type { Note, Timeline } from '../timeline.ts';
import type { Log, Web } from '../world.ts';
import { collectPages, hostsOf } from './collect-pages.ts';
import { count } from './count.ts';
import { addAnswer } from './edges.ts';
import { nothingFresh, outOfTime, staleCache, warningsOf } from './failures.ts';
import { type Fetched, type Fetching, fetchPage, isOver } from './fetch-page.ts';
import type { RegenerationOutcome } from './outcome.ts';
import { forget, layerOf, type Page, record, tally, toPage, verdictOf } from './page.ts';
import type { RegenerationPlan } from './plan.ts';
import { startProgress } from './progress.ts';

/**
 * What browsers and bots send. CloudFront keeps an answer for each; the compressed one first, because a plain copy that
 * is cached may be given to all.
 */
const variants = ['br, gzip', 'gzip', 'identity'] as const;
const atOnce = 16;
/** The most that one invalidation clears; so many pages are no leftover in a cache. */
const mostClearedAgain = 3000;
const subject = 'the cache';

export interface Regeneration {
  world: { web: Web; log: Log; cancelled: AbortSignal };
  timeline: Timeline;
  plan: RegenerationPlan;
  /** Whether the invalidation covered a path, given as CloudFront matches it, with its query. */
  isCleared(path: string): boolean;
  /** When CreateInvalidation was sent, in milliseconds of `performance.now()`. */
  clearedAt: number;
  /** Clears these paths once more and waits for it; returns the new `clearedAt`. */
  clearAgain(paths: string[]): Promise<number>;
  outcome: RegenerationOutcome;
}

/**
 * Fills the cache again and proves that what it gives is fresh. Pages that are stale are cleared and fetched once more;
 * throws when some of them stay so, and when an expectation was met by none.
 */
export async function regenerate(regeneration: Regeneration): Promise<void> {
  const { outcome } = regeneration;
  const began = performance.now();
  const pages: Page[] = [];
  const seen: Seen = { marker: !hasExpectation(regeneration.plan), problems: [] };
  try {
    await runSteps(regeneration, began, pages, seen);
  } catch (error) {
    outcome.error = toDeployError(error);
    throw error;
  } finally {
    outcome.ms = Math.round(performance.now() - began);
    tally(pages, outcome, seen.marker);
    const [first, ...others] = warningsOf(outcome, seen.problems);
    outcome.warning = first;
    outcome.moreWarnings = others;
  }
}

interface Seen {
  /** Whether any page of the run carried what is expected. */
  marker: boolean;
  /** Of sitemaps. */
  problems: readonly DeployError[];
}

async function runSteps(regeneration: Regeneration, began: number, pages: Page[], seen: Seen): Promise<void> {
  const { world, timeline, plan, isCleared, outcome } = regeneration;
  const fetching: Fetching = {
    web: world.web,
    cancelled: world.cancelled,
    deadline: began + plan.timeoutMs,
    hosts: hostsOf(plan),
    onAnswer: (answer) => addAnswer(outcome, answer),
  };
  const collected =
    plan.sitemaps.length === 0
      ? { pages: new Set(plan.urls.map(({ href }) => href)), problems: [] }
      : await timeline.step(subject, 'read sitemaps', (note) => collectPages(plan, isCleared, fetching, outcome, note));
  seen.problems = collected.problems;
  for (const href of collected.pages) {
    pages.push(toPage(href, variants.length, isCleared));
  }
  outcome.pages = pages.length;
  if (pages.length === 0) {
    world.log.line(`${subject}: there is no page to fetch`);
  } else {
    await timeline.step(subject, 'fetch pages', (note) => fetchAll(pages, regeneration, fetching, seen, note));
    await fetchStaleAgain(regeneration, fetching, pages, seen);
  }
  tally(pages, outcome, seen.marker);
  const stale = pages.filter(isStale);
  if (stale.length > 0) {
    outcome.provesOldCode = stale.some(({ provesOldCode }) => provesOldCode);
    throw staleCache(
      outcome,
      stale.map((page) => layerOf(page, seen.marker)),
      plan,
    );
  }
  if (hasExpectation(plan) && outcome.fresh === 0) {
    throw nothingFresh(outcome, seen.problems, plan);
  }
}

/** What an old page shows may be its cache's fault, so it gets a second chance. */
async function fetchStaleAgain(
  regeneration: Regeneration,
  fetching: Fetching,
  pages: readonly Page[],
  seen: Seen,
): Promise<void> {
  const { world, timeline, outcome } = regeneration;
  const stale = pages.filter(isStale);
  const paths = [...new Set(stale.flatMap(({ stalePaths }) => stalePaths))];
  if (paths.length > 0 && paths.length <= mostClearedAgain) {
    world.log.line(`${subject}: ${count(stale.length, 'page')} stale, cleared and fetched once more`);
    const clearedAt = await regeneration.clearAgain(paths);
    outcome.clearedAgain = stale.length;
    outcome.stale = 0;
    for (const page of stale) {
      forget(page, variants.length);
    }
    const again = { ...regeneration, clearedAt };
    await timeline.step(subject, 'fetch stale pages again', (note) => fetchAll(stale, again, fetching, seen, note));
  }
}

function isStale(page: Page): boolean {
  return verdictOf(page) === 'stale';
}

function hasExpectation({ expectHeader, expectBody }: RegenerationPlan): boolean {
  return expectHeader !== undefined || expectBody !== '';
}

/** All pages in one variant, then in the next. */
async function fetchAll(
  pages: readonly Page[],
  regeneration: Regeneration,
  fetching: Fetching,
  seen: Seen,
  note: Note,
): Promise<void> {
  const { plan, isCleared, clearedAt, outcome } = regeneration;
  const { expectHeader, expectBody } = plan;
  const rules = { expectHeader, expectBody, clearedAt, isCleared };
  const add = (page: Page, fetched: Fetched) => {
    const before = { isStale: isStale(page), leavesHosts: page.leavesHosts };
    seen.marker = record(page, fetched, rules) || seen.marker;
    outcome.stale += isStale(page) && !before.isStale ? 1 : 0;
    outcome.leftOut += page.leavesHosts && !before.leavesHosts ? 1 : 0;
  };
  const progress = startProgress(pages.length, variants.length, outcome, note);
  for (const acceptEncoding of variants) {
    const wanted = {
      acceptEncoding,
      header: expectHeader?.name,
      contains: expectBody === '' ? undefined : expectBody,
      keepText: false,
    };
    await eachAtOnce(pages, async (page) => {
      const fetched = isOver(fetching) ? undefined : await fetchPage(new URL(page.href), wanted, fetching);
      // What the end of the time broke off says nothing about the page.
      if (fetched !== undefined && (fetched.problem === '' || !isOver(fetching))) {
        add(page, fetched);
        progress();
      }
    });
  }
  const missing = pages.filter(({ left }) => left > 0).length;
  if (missing > 0) {
    throw outOfTime(missing, pages.length, plan.timeoutMs);
  }
}

async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}
