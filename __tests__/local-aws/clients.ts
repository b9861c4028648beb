import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { onTestFinished } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { startLocalAws } from '../../local-aws/server.ts';

export const REPOSITORY = '123456789012.dkr.ecr.us-east-1.amazonaws.com/web';

/** Clocks long enough to act while something is under way, short enough not to wait for. */
export const CLOCKS = { createMs: 300, updateMs: 300, versionMs: 300, invalidationMs: 300, originMs: 1 };

/** A local-aws with one function and one distribution that ends with the test; concurrent tests name theirs. */
export async function startAws(options: LocalAwsOptions = {}, atEnd = onTestFinished): Promise<LocalAws> {
  const aws = await startLocalAws({
    functions: [{ name: 'web', imageUri: `${REPOSITORY}:v1` }],
    distributions: [{ id: 'E2EXAMPLE1', functionName: 'web' }],
    ...options,
    clocks: { ...CLOCKS, ...options.clocks },
  });
  atEnd(() => aws.stop());
  return aws;
}

/** The SDK's clients as they are, but without retries: a test sees each answer. */
export function connect(aws: LocalAws): { lambda: LambdaClient; cloudFront: CloudFrontClient } {
  const config = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  const lambda = new LambdaClient(config);
  const cloudFront = new CloudFrontClient(config);
  onTestFinished(() => {
    lambda.destroy();
    cloudFront.destroy();
  });
  return { lambda, cloudFront };
}

export const QUICK = { minDelay: 0.02, maxDelay: 0.03, maxWaitTime: 5 };

export function eventTypes(aws: LocalAws): string[] {
  return aws.events.map((event) => event.type);
}
