import { createHash, randomUUID } from 'node:crypto';
import type { Run } from '../world.ts';

/**
 * The same for the same work in the same attempt of a run, so that a call sent twice is made and billed once; another
 * for anything else, because CloudFront answers a reused reference with the old invalidation and clears nothing
 * (CallerReference of https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html).
 *
 * `released` names the code that was made ready before: two legs of a matrix share everything else.
 */
export function callerReference(
  run: Run,
  distributionId: string,
  paths: readonly string[],
  released: readonly string[],
): string {
  const attempt = run.runId === '' ? randomUUID() : `${run.runId}-${run.runAttempt || '1'}`;
  const work = [run.repository, run.job, run.step, distributionId, ...released, '', ...paths];
  const hash = createHash('sha256').update(JSON.stringify(work)).digest('hex').slice(0, 32);
  return `lambda-cloudfront-deploy-${attempt}-${hash}`;
}
