import {
  CloudFrontClient,
  CreateInvalidationCommand,
  waitUntilInvalidationCompleted,
} from '@aws-sdk/client-cloudfront';
import { LambdaClient, UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from '@aws-sdk/client-lambda';

export interface Release {
  functionName: string;
  imageUri: string;
  distributionId: string;
}

const PACE = { minDelay: 0.2, maxDelay: 0.5, maxWaitTime: 60 };

/** A release that does everything, and waits for everything, but clears the cache before the new code serves. */
export async function releaseNaively(
  endpoint: string,
  { functionName, imageUri, distributionId }: Release,
  say: (line: string) => void,
): Promise<void> {
  const settings = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const lambda = new LambdaClient(settings);
  const cloudFront = new CloudFrontClient(settings);
  const beganAt = performance.now();
  const tell = (text: string) => say(`   ${((performance.now() - beganAt) / 1000).toFixed(1)} s  ${text}`);

  tell('UpdateFunctionCode');
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: functionName, ImageUri: imageUri }));
  tell('CreateInvalidation, for /*');
  const { Invalidation } = await cloudFront.send(
    new CreateInvalidationCommand({
      DistributionId: distributionId,
      InvalidationBatch: { CallerReference: crypto.randomUUID(), Paths: { Quantity: 1, Items: ['/*'] } },
    }),
  );
  await Promise.all([
    waitUntilInvalidationCompleted(
      { client: cloudFront, ...PACE },
      { DistributionId: distributionId, Id: Invalidation?.Id },
    ).then(() => tell('the invalidation is Completed')),
    waitUntilFunctionUpdatedV2({ client: lambda, ...PACE }, { FunctionName: functionName }).then(() =>
      tell('the update is Successful'),
    ),
  ]);
  tell('done: the new code serves, the cache was cleared, all is green');
  lambda.destroy();
  cloudFront.destroy();
}
