import { connectClock } from './adapters/clock.ts';
import { connectCloudFront } from './adapters/cloudfront.ts';
import { connectAlarms } from './adapters/cloudwatch.ts';
import { connectCodeDeploy } from './adapters/codedeploy.ts';
import { connectDocker } from './adapters/docker.ts';
import { connectEcr } from './adapters/ecr.ts';
import { connectRunner, log, mask } from './adapters/github.ts';
import { connectLambda } from './adapters/lambda.ts';
import { connectRepository } from './adapters/repository.ts';
import { connectAssets } from './adapters/s3.ts';
import { connectWeb } from './adapters/web.ts';
import { connectZips } from './adapters/zips.ts';
import { main } from './main.ts';
import type { FunctionPlan } from './plan.ts';

const cancel = new AbortController();
// The runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s after that kills.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => cancel.abort());
}

/** Of the 7.5 s before the second signal; the report takes the rest. */
const afterCancelMs = 6000;

const zips = connectZips(cancel.signal, log);
await main(connectRunner(), ({ region, functions }) => ({
  lambda: connectLambda(region, cancel.signal),
  alarms: connectAlarms(region, cancel.signal),
  codeDeploy: connectCodeDeploy(region, accountOf(functions), cancel.signal),
  cloudFront: connectCloudFront(region, accountOf(functions), cancel.signal),
  ecr: connectEcr(region, cancel.signal),
  docker: connectDocker({ log, mask, cancelled: cancel.signal }),
  zips,
  repository: connectRepository(cancel.signal),
  web: connectWeb(cancel.signal),
  assets: connectAssets(region, cancel.signal),
  clock: connectClock(cancel.signal),
  log,
  afterCancel: () => {
    const end = AbortSignal.timeout(afterCancelMs);
    return { lambda: connectLambda(region, end), clock: connectClock(end) };
  },
  cancelled: cancel.signal,
}));
// The report is out: a call or a program that nobody waits for any more must not hold the process.
cancel.abort();
await zips.clean();
process.stdout.write('', () => process.exit());

/** Where an ARN says it; empty otherwise. */
function accountOf(functions: readonly FunctionPlan[]): string {
  return functions.find(({ ref }) => ref.accountId !== '')?.ref.accountId ?? '';
}
