import { setTimeout as sleep } from 'node:timers/promises';
import { startClock } from '../local-aws/clock.ts';
import type { LocalAws } from '../local-aws/local-aws.ts';
import { isThere, runScript } from './recipe.ts';
import { DISTRIBUTION, latenessMs, NEW_IMAGE, onLocalAws, releaseWithAction } from './release.ts';
import { releaseWithSdk, simulateSdkLateness } from './sdk-waiter.ts';
import { sideBySide } from './side-by-side.ts';
import { median, quantile } from './statistics.ts';

const AT_ONCE = 6;
const ROUNDS = 5;
/** The SDK's delays are random, and it needs no process: many of its waits cost little more than one. */
const SDK_ROUNDS = 20;
const SDK_INTERVAL_MS = 150;
const SIMULATED = 20_000;
const SEED = 7;

/** How one way of releasing did for updates of about one length; all times in seconds. */
export interface Contest {
  updates: string;
  contender: string;
  kind: 'measured' | 'simulated';
  n: number;
  lateMedian: number;
  /** For what is simulated the 95th percentile, for what is measured the worst. */
  lateWorst: number;
  /** From its start to its end. */
  wholeMedian: number | undefined;
}

export interface Comparison {
  contests: Contest[];
  notes: string[];
}

interface Contender {
  name: string;
  ready: 'update-finished' | 'version-active';
  release: (aws: LocalAws) => Promise<number>;
}

const actionAlike: Contender = {
  name: 'this action, no more than they',
  ready: 'update-finished',
  release: (aws) => releaseWithAction(aws, { publish: 'false', 'wait-for-invalidation': 'false' }),
};
const actionAsItIs: Contender = {
  name: 'this action, by default',
  ready: 'version-active',
  release: (aws) => releaseWithAction(aws),
};
const sdk: Contender = {
  name: "the SDK's waiter, by default",
  ready: 'update-finished',
  release: releaseWithSdk,
};
const recipe: Contender = {
  name: "the recipe's loop, every 5 s",
  ready: 'update-finished',
  release: (aws) => runScript('recipe.sh', ['web', NEW_IMAGE, DISTRIBUTION], aws),
};

/** The action beside what people use instead, on updates that take as long for each of them. */
export async function compare(): Promise<Comparison> {
  const hasRecipe = isThere('aws') && isThere('bash');
  const processes = [actionAlike, actionAsItIs, ...(hasRecipe ? [recipe] : [])];
  const clock = startClock(SEED);
  const draw = (range: readonly [number, number]) => Array.from({ length: ROUNDS }, () => clock.draw(range));
  const [long, short] = [draw([8000, 12_000]), draw([4000, 6000])];
  const trials = [
    ...plan('40 s', [40_000], [actionAlike]),
    ...plan('8-12 s', long, processes),
    ...plan('4-6 s', short, processes),
  ];
  const sdkTrials = Array.from({ length: SDK_ROUNDS / ROUNDS }, () => [
    ...plan('8-12 s', long, [sdk]),
    ...plan('4-6 s', short, [sdk]),
  ]).flat();
  const [results, sdkResults] = await Promise.all([
    sideBySide(trials, AT_ONCE, run),
    sideBySide(sdkTrials, sdkTrials.length, async (trial, index) => {
      await sleep(index * SDK_INTERVAL_MS);
      return run(trial, index);
    }),
  ]);
  const all = [...results, ...sdkResults];
  return {
    contests: [
      ...contestsOf('4-6 s', [...processes, sdk], all),
      ...contestsOf('8-12 s', [...processes, sdk], all),
      ...contestsOf('40 s', [actionAlike], all),
      simulate(40_000),
    ],
    notes: [
      'No more than they: publish: false and wait-for-invalidation: false. By default, it waits for both as well.',
      'Whole time: the life of the process; for the SDK, which runs in here, without the time it takes to load.',
      ...(hasRecipe ? [] : ["The recipe's loop was left out: it needs bash and the AWS CLI (aws) on PATH."]),
    ],
  };
}

interface Trial {
  updates: string;
  updateMs: number;
  contender: Contender;
}

/** Contenders take turns, so that a noisy minute hits all of them. */
function plan(updates: string, durations: readonly number[], contenders: readonly Contender[]): Trial[] {
  return durations.flatMap((updateMs) => contenders.map((contender) => ({ updates, updateMs, contender })));
}

interface Result extends Trial {
  /** In seconds. */
  late: number;
  whole: number;
}

function run(trial: Trial, index: number): Promise<Result> {
  const { updateMs, contender } = trial;
  return onLocalAws({ clocks: { updateMs, versionMs: 1000 }, seed: index + 1 }, async (aws) => {
    const wholeMs = await contender.release(aws);
    return { ...trial, late: latenessMs(aws, contender.ready) / 1000, whole: wholeMs / 1000 };
  });
}

function contestsOf(updates: string, contenders: readonly Contender[], results: readonly Result[]): Contest[] {
  return contenders.map((contender) => {
    const own = results.filter((result) => result.contender === contender && result.updates === updates);
    const late = own.map((result) => result.late);
    return {
      updates,
      contender: contender.name,
      kind: 'measured',
      n: late.length,
      lateMedian: median(late),
      lateWorst: Math.max(...late),
      wholeMedian: median(own.map((result) => result.whole)),
    };
  });
}

function simulate(readyMs: number): Contest {
  const late = simulateSdkLateness(readyMs, SIMULATED, SEED);
  return {
    updates: `${readyMs / 1000} s`,
    contender: sdk.name,
    kind: 'simulated',
    n: SIMULATED,
    lateMedian: median(late) / 1000,
    lateWorst: quantile(late, 0.95) / 1000,
    wholeMedian: undefined,
  };
}

/** Cells for a table: updates, contender, lateness, whole time, n. */
export function toCells({ updates, contender, kind, n, lateMedian, lateWorst, wholeMedian }: Contest): string[] {
  const note = kind === 'simulated' ? ' (95th percentile)' : '';
  return [
    updates,
    kind === 'simulated' ? `${contender} (SIMULATED)` : contender,
    `${lateMedian.toFixed(2)} s`,
    `${lateWorst.toFixed(2)} s${note}`,
    wholeMedian === undefined ? '' : `${wholeMedian.toFixed(1)} s`,
    String(n),
  ];
}
