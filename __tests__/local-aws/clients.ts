import { createHash, randomBytes } from 'node:crypto';
import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CodeDeployClient } from '@aws-sdk/client-codedeploy';
import { ECRClient } from '@aws-sdk/client-ecr';
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
export function connect(aws: LocalAws) {
  const config = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  const lambda = new LambdaClient(config);
  const cloudFront = new CloudFrontClient(config);
  const ecr = new ECRClient(config);
  const cloudWatch = new CloudWatchClient(config);
  const codeDeploy = new CodeDeployClient(config);
  onTestFinished(() => {
    for (const client of [lambda, cloudFront, ecr, cloudWatch, codeDeploy]) client.destroy();
  });
  return { lambda, cloudFront, ecr, cloudWatch, codeDeploy };
}

export const QUICK = { minDelay: 0.02, maxDelay: 0.03, maxWaitTime: 5 };

export function eventTypes(aws: LocalAws): string[] {
  return aws.events.map((event) => event.type);
}

/** Nothing that would unpack, but it starts like a zip. */
export function randomZip(bytes: number): Buffer {
  return Buffer.concat([Buffer.from('PK\u0003\u0004'), randomBytes(bytes - 4)]);
}

/** As CodeSha256 has it. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
