import type { Figure } from './figure.ts';
import { onLocalAws, pollMoments, releaseWithAction } from './release.ts';
import { sideBySide } from './side-by-side.ts';
import { busiestWindow } from './statistics.ts';

const RUNS = 3;
const FUNCTIONS = 20;

/** What a release of many functions leaves of the account's GetFunction quota, 100 a second. */
export async function measureMany(): Promise<Figure[]> {
  const functionNames = Array.from({ length: FUNCTIONS }, (_, index) => `web-${index + 1}`);
  const polls = await sideBySide(Array.from({ length: RUNS }), RUNS, (_, index) =>
    onLocalAws(
      { clocks: { updateMs: [2000, 4000], versionMs: [300, 1500] }, functionNames, seed: index + 1 },
      async (aws) => {
        await releaseWithAction(aws);
        return busiestWindow(pollMoments(aws), 1000);
      },
    ),
  );
  const name = `many: most GetFunction in 1 s, ${FUNCTIONS} functions`;
  return [{ name, value: Math.max(...polls), unit: '', n: RUNS, goal: { below: 25 } }];
}
