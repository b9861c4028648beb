import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront';
import { LambdaClient, UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from '@aws-sdk/client-lambda';
import { startClock } from '../local-aws/clock.ts';
import type { LocalAws } from '../local-aws/local-aws.ts';
import { DISTRIBUTION, NEW_IMAGE } from './release.ts';

/** The same release by the SDK alone, with its waiter as it is; returns how long it took. */
export async function releaseWithSdk(aws: LocalAws): Promise<number> {
  const settings = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const lambda = new LambdaClient(settings);
  const cloudFront = new CloudFrontClient(settings);
  const beganAt = performance.now();
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ImageUri: NEW_IMAGE }));
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 600 }, { FunctionName: 'web' });
  await cloudFront.send(
    new CreateInvalidationCommand({
      DistributionId: DISTRIBUTION,
      InvalidationBatch: { CallerReference: crypto.randomUUID(), Paths: { Quantity: 1, Items: ['/*'] } },
    }),
  );
  const tookMs = performance.now() - beganAt;
  lambda.destroy();
  cloudFront.destroy();
  return tookMs;
}

const MIN_DELAY_MS = 1000;
const MAX_DELAY_MS = 300_000;

/**
 * How late the SDK's waiter sees that a function is ready, drawn `n` times by its own formula, with calls that take no
 * time (`exponentialBackoffWithJitter` in util-waiter/poller of @smithy/core, defaults of waitUntilFunctionUpdatedV2).
 */
export function simulateSdkLateness(readyMs: number, n: number, seed: number): number[] {
  const clock = startClock(seed);
  const last = Math.log2(MAX_DELAY_MS / MIN_DELAY_MS) + 1;
  return Array.from({ length: n }, () => {
    let at = 0;
    for (let attempt = 1; at < readyMs; attempt += 1) {
      const most = Math.min(MIN_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
      at += attempt > last ? MAX_DELAY_MS : clock.draw([MIN_DELAY_MS, most]);
    }
    return at - readyMs;
  });
}
