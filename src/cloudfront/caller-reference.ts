import { randomUUID } from 'node:crypto';

/** Of this process alone: steps of a composite action, legs of a matrix and retry wrappers share all that a job knows. */
const nonce = randomUUID();
let calls = 0;

/**
 * One that no call has had, so that CloudFront cannot answer with an invalidation of before. Only a repetition of the
 * same call keeps it: CloudFront answers a reference that it knows with the invalidation it belongs to, and clears
 * nothing (CallerReference of https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html).
 *
 * `live` names what serves by now; empty where that is not known.
 */
export function callerReference(live: string): string {
  calls += 1;
  return `lambda-cloudfront-deploy-${nonce}-${calls}${live === '' ? '' : `-${live}`}`;
}
