/** `npm run demo`: the order that leaves stale pages in a CDN, and this action beside it, on an AWS of this machine. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { runBundle } from './demo/bundle.ts';
import { releaseNaively } from './demo/naive-order.ts';
import { startLogReader, table } from './demo/readable.ts';
import { startViewers } from './demo/viewers.ts';
import type { LocalAws } from './local-aws.ts';
import { startLocalAws } from './server.ts';

const FUNCTION = 'web';
const DISTRIBUTION = 'E2EXAMPLE1';
const OLD_IMAGE = '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v1';
const NEW_IMAGE = '123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v2';
/** The digest of the new image: a page made by any other code is stale. */
const NEW_CODE = createHash('sha256').update('the new code').digest('hex');
const PAGES = ['/', '/news', '/prices', '/about', '/contact'];
const VIEWERS = 4;
const UPDATE_MS = 2500;
const BEFORE_MS = 800;
const AFTER_MS = 3000;

/** What viewers got in the seconds after a release had said that it was done. */
interface Aftermath {
  tookMs: number;
  answers: number;
  staleAnswers: number;
  stalePages: number;
}

async function demo(): Promise<void> {
  say(
    `A function \`${FUNCTION}\` behind a CloudFront distribution, and ${VIEWERS} viewers`,
    `who keep asking for ${PAGES.length} pages. All of it runs on this machine, on local-aws:`,
    'no AWS account, no credentials, real requests.',
    '',
    '1. The naive order: update, clear the cache at once, then wait',
    '',
  );
  const naive = await watch((aws) =>
    releaseNaively(aws.url, { functionName: FUNCTION, imageUri: NEW_IMAGE, distributionId: DISTRIBUTION }, say),
  );
  say('', ...describe(naive), '');

  say(
    '2. The same start, and this action: dist/index.js, started as a runner',
    '   starts it (image names are shortened)',
    '',
  );
  let files = { outputs: '', summary: '' };
  const action = await watch(async (aws) => {
    const inputs = { 'function-name': FUNCTION, 'image-uri': NEW_IMAGE, 'distribution-id': DISTRIBUTION };
    const read = startLogReader();
    const run = await runBundle(inputs, aws.env, (line) => say(...read(line)));
    files = run.files;
    if (run.exitCode !== 0) {
      throw new Error(`the action ended with exit code ${run.exitCode}; its log above says why.`);
    }
  });
  say('', ...describe(action), '');

  say(
    ...table(
      ['', 'naive order', 'this action'],
      [
        ['answers after it was done', naive.answers, action.answers],
        ['stale answers among them', naive.staleAnswers, action.staleAnswers],
        ['stale pages left in the cache', naive.stalePages, action.stalePages],
        ['seconds until done', inSeconds(naive.tookMs), inSeconds(action.tookMs)],
      ],
    ),
    '',
    `   Job summary   ${files.summary}`,
    `   Outputs       ${files.outputs}`,
    '',
  );
  judge(naive, action);
}

/** One release between viewers who never stop asking; every release starts from the same function and a warm cache. */
async function watch(release: (aws: LocalAws) => Promise<void>): Promise<Aftermath> {
  const aws = await startLocalAws({
    clocks: { updateMs: UPDATE_MS, versionMs: 800, invalidationMs: 1000 },
    images: { [NEW_IMAGE]: NEW_CODE },
    functions: [{ name: FUNCTION, imageUri: OLD_IMAGE }],
    distributions: [{ id: DISTRIBUTION, functionName: FUNCTION }],
  });
  const viewers = startViewers(aws.cdnUrl(DISTRIBUTION), PAGES, VIEWERS);
  try {
    await sleep(BEFORE_MS);
    const beganAt = performance.now();
    await release(aws);
    const doneAt = performance.now();
    await sleep(AFTER_MS);
    await viewers.stop();
    const after = viewers.answers.filter(({ askedAt }) => askedAt >= doneAt);
    return {
      tookMs: doneAt - beganAt,
      answers: after.length,
      staleAnswers: after.filter((answer) => answer.codeSha256 !== NEW_CODE).length,
      stalePages: aws.distribution(DISTRIBUTION).cache.filter((page) => page.codeSha256 !== NEW_CODE).length,
    };
  } finally {
    await viewers.stop().finally(() => aws.stop());
  }
}

function describe({ answers, staleAnswers, stalePages }: Aftermath): string[] {
  return [
    `   In the ${AFTER_MS / 1000} s after that, viewers got ${answers} answers: ${staleAnswers} of them stale.`,
    stalePages === 0
      ? '   No page in the cache is stale.'
      : `   ${stalePages} of ${PAGES.length} pages in the cache are stale, and stay so until they expire.`,
  ];
}

function judge(naive: Aftermath, action: Aftermath): void {
  if (action.staleAnswers > 0 || action.stalePages > 0) {
    say('The action left something stale behind: that must not happen, please report it.');
    process.exitCode = 1;
  } else if (naive.staleAnswers === 0) {
    say('The naive order left nothing stale this time, so this demo proved nothing. Run it again.');
    process.exitCode = 1;
  } else {
    say(
      'Cleared too early, a cache fills itself with old pages, and nobody clears',
      'them again. This action clears it once the new code serves.',
    );
  }
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function say(...lines: string[]): void {
  for (const line of lines) {
    console.log(line);
  }
}

try {
  await demo();
} catch (error) {
  say('', `The demo did not get to its end: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
