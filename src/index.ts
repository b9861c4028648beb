import { connectCloudFront } from './adapters/cloudfront.ts';
import { connectRunner, log } from './adapters/github.ts';
import { connectLambda } from './adapters/lambda.ts';
import { main } from './main.ts';

const cancel = new AbortController();
// The runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s after that kills.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => cancel.abort());
}

await main(connectRunner(), ({ region, functions }) => ({
  lambda: connectLambda(region, cancel.signal),
  cloudFront: connectCloudFront(region, functions.find(({ ref }) => ref.accountId)?.ref.accountId ?? '', cancel.signal),
  log,
  cancelled: cancel.signal,
}));
// The report is out: a call that nobody waits for any more must not hold the process.
cancel.abort();
