import { startClock } from '../local-aws/clock.ts';
import type { Figure } from './figure.ts';
import { callAt, eventAt, latenessMs, onLocalAws, pollMoments, releaseWithAction } from './release.ts';
import { sideBySide } from './side-by-side.ts';
import { busiestWindow, median } from './statistics.ts';

const RUNS = 24;
const AT_ONCE = 6;
const SEED = 20_240;

/** How long AWS has been ready before the action clears the cache, and what that costs in polls. */
export async function measureLateness(): Promise<Figure[]> {
  const clock = startClock(SEED);
  const durations = Array.from({ length: RUNS }, () => ({
    updateMs: clock.draw([2000, 6000]),
    versionMs: clock.draw([300, 2000]),
  }));
  const runs = await sideBySide(durations, AT_ONCE, (clocks, index) =>
    onLocalAws({ clocks, seed: index + 1 }, async (aws) => {
      await releaseWithAction(aws);
      const late = latenessMs(aws, 'version-active');
      if (late < 0) {
        throw new Error(`the cache was cleared ${-late} ms before the version was Active.`);
      }
      const publishLate = callAt(aws, 'PublishVersion') - eventAt(aws, 'update-finished');
      return { late, idle: late + publishLate, polls: busiestWindow(pollMoments(aws), 1000) };
    }),
  );
  const late = runs.map((run) => run.late / 1000);
  const idle = runs.map((run) => run.idle / 1000);
  return [
    { name: 'lateness: version Active to clear', value: median(late), unit: 's', n: RUNS, goal: { atMost: 0.5 } },
    { name: '  worst', value: Math.max(...late), unit: 's', n: RUNS, goal: { atMost: 1.2 } },
    { name: '  with the wait before publishing', value: median(idle), unit: 's', n: RUNS },
    {
      name: '  most GetFunction in 1 s, one function',
      value: Math.max(...runs.map(({ polls }) => polls)),
      unit: '',
      n: RUNS,
      goal: { atMost: 4 },
    },
  ];
}
