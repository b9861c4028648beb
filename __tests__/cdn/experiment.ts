/*
 * Viewers ask for pages all along, the code is released under random timings, and whatever they are answered after the
 * release says that it is done must come from the new code. A release is of many sites, each a function behind a
 * distribution, with timings of its own that a seed draws; how long a fetch from the origin takes, and all that the
 * machine adds, differs each time.
 *
 * A failure names its seed: CDN_SEED=… repeats that release alone. CDN_TIMINGS=… tries more timings.
 */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { sideBySide } from '../../bench/side-by-side.ts';
import { type Duration, startClock } from '../../local-aws/clock.ts';
import { deploy, repository, type Site, startSite } from '../support/site.ts';
import { type Address, type Answer, startViewer } from './viewer.ts';

const sitesPerRelease = 8;
const releasesAtOnce = 9;
const afterMs = 300;

const newImage = `${repository}:v2`;
const newCode = createHash('sha256').update('the new code').digest('hex');

const pages = ['/', '/news', '/news/1', '/price.list?in=(usd)+eur', '/a$b'];
const allPages = '/ /news* /price.list?in=(usd)+eur /a$b';

interface SiteNames {
  functionName: string;
  distributionId: string;
}

/** Puts a CDN before a distribution's function. */
export type OpenCdn = (site: Site, distributionId: string) => Address;

/** Resolves once the release says that it is done. */
export type Release = (
  site: Site,
  sites: readonly SiteNames[],
  how: { paths: string; publish: string },
) => Promise<void>;

/** One release under viewers, and what they were answered once it was done. */
interface Aftermath {
  seed: number;
  answers: number;
  /** The answers that did not come from the new code. */
  stale: string[];
}

/** Releases with the action under at least so many random timings, and expects no stale answer in any. */
export async function expectNothingStale(title: string, leastTimings: number, openCdn: OpenCdn): Promise<void> {
  const seeds = chooseSeeds(Number(process.env.CDN_TIMINGS ?? leastTimings));
  const aftermaths = await sideBySide(seeds, releasesAtOnce, (seed) =>
    watchRelease(seed, openCdn, releaseWithAction).catch((cause: unknown) => {
      throw new Error(`The release with CDN_SEED=${seed} went wrong: ${cause}`, { cause });
    }),
  );
  const answers = aftermaths.reduce((sum, aftermath) => sum + aftermath.answers, 0);
  const stale = aftermaths.flatMap((aftermath) => aftermath.stale.map((what) => `CDN_SEED=${aftermath.seed}: ${what}`));
  console.log(
    `${title}: ${seeds.length * sitesPerRelease} random timings (seeds ${seeds[0]} to ${seeds.at(-1)}), ` +
      `${answers} answers after the release, ${stale.length} stale.`,
  );
  expect(stale).toEqual([]);
}

function chooseSeeds(leastTimings: number): number[] {
  const { CDN_SEED } = process.env;
  if (CDN_SEED) {
    return [Number(CDN_SEED)];
  }
  const first = Math.floor(Math.random() * 2 ** 31);
  return Array.from({ length: Math.ceil(leastTimings / sitesPerRelease) }, (_, n) => first + n);
}

export async function watchRelease(seed: number, openCdn: OpenCdn, release: Release): Promise<Aftermath> {
  const sites = Array.from({ length: sitesPerRelease }, (_, n) => ({
    functionName: `web-${n}`,
    distributionId: `E2EXAMPLE${n}`,
  }));
  const { draw, random } = startClock(seed);
  await using site = await startSite({
    seed,
    // Earlier than Completed for about half of the distributions.
    clocks: { originMs: [0, 30], cloudFrontPropagationMs: draw([0, 450]) },
    images: { [newImage]: newCode },
    functions: sites.map(({ functionName }) => ({ name: functionName, imageUri: `${repository}:v1` })),
    distributions: sites.map(({ functionName, distributionId }) => ({ id: distributionId, functionName })),
  });
  const takes = (action: string, resource: string, duration: Duration) =>
    site.fault({ action, resource, kind: 'takes', ms: draw(duration) });
  for (const { functionName, distributionId } of sites) {
    takes('UpdateFunctionCode', functionName, [50, 600]);
    takes('PublishVersion', functionName, [0, 300]);
    takes('CreateInvalidation', distributionId, [50, 400]);
  }
  const paths = random() < 0.5 ? '/*' : allPages;
  const publish = String(random() < 0.5);

  await using stack = new AsyncDisposableStack();
  const viewers = sites.map(({ distributionId }) => stack.use(startViewer(openCdn(site, distributionId), pages)));
  await Promise.all(viewers.map((viewer) => viewer.seeAll(2)));
  expectWarm(viewers.flatMap(({ answers }) => answers.slice(-pages.length)));

  await release(site, sites, { paths, publish });
  const doneAt = performance.now();
  await Promise.all([setTimeout(afterMs), ...viewers.map((viewer) => viewer.seeAll(2))]);
  const after = viewers.map(({ answers }) => answers.filter(({ askedAt }) => askedAt >= doneAt));
  return {
    seed,
    answers: after.flat().length,
    stale: after.flatMap((answers, n) => answers.filter(isStale).map((answer) => describe(answer, n, doneAt))),
  };
}

/** Without old pages in the cache, there would be nothing to clear. */
function expectWarm(answers: readonly Answer[]): void {
  expect(answers.filter((answer) => !answer.isHit || answer.status !== 200 || !isStale(answer))).toEqual([]);
}

function isStale({ codeSha256 }: Answer): boolean {
  return codeSha256 !== newCode;
}

function describe({ page, status, isHit, askedAt }: Answer, n: number, doneAt: number): string {
  return `web-${n} ${page}, ${isHit ? 'Hit' : 'Miss'}, HTTP ${status}, ${Math.round(askedAt - doneAt)} ms after the release`;
}

const releaseWithAction: Release = async (site, sites, { paths, publish }) => {
  const run = await deploy(site, {
    'function-name': sites.map(({ functionName }) => functionName).join('\n'),
    'image-uri': newImage,
    // Calls are paced. The code that is sent last is cleared first, so that a release that does not wait is caught.
    'distribution-id': sites
      .map(({ distributionId }) => distributionId)
      .toReversed()
      .join('\n'),
    paths,
    publish,
  });
  if (run.exitCode !== 0) {
    throw new Error(run.log);
  }
};
