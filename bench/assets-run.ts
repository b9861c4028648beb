/** One upload of a directory by `src/assets/`, as a process of its own: `node assets-run.ts DIRECTORY BUCKET`. */
import { connectClock } from '../src/adapters/clock.ts';
import { connectAssets } from '../src/adapters/s3.ts';
import { lookAtAssets } from '../src/assets/look.ts';
import { emptyAssetsOutcome } from '../src/assets/outcome.ts';
import { uploadAssets } from '../src/assets/upload.ts';
import { startTimeline } from '../src/timeline.ts';

const [directory = '', bucket = ''] = process.argv.slice(2);
const { signal: cancelled } = new AbortController();
const request = { directory, bucket, prefix: '', headerRules: [], isExcluded: () => false, deletes: false };
const world = {
  cancelled,
  clock: connectClock(cancelled),
  log: {
    line: console.log,
    warning: console.log,
    error: console.log,
    group: <T>(_: string, work: () => Promise<T>) => work(),
  },
  assets: connectAssets(process.env.AWS_REGION ?? '', cancelled),
};
const timeline = startTimeline(world.log, world.clock);
const deadline = performance.now() + 600_000;
const plan = await lookAtAssets(request, world, timeline, deadline);
await uploadAssets(plan, emptyAssetsOutcome(request), world, timeline, deadline);
process.exit();
