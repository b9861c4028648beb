import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { persist } from '../retry.ts';
import type { Timeline } from '../timeline.ts';
import type { Undeleted } from '../world.ts';
import { type AssetsOutcome, type AssetsPlan, type AssetsWorld, placeOf, toDelete } from './outcome.ts';
import { startProgress } from './progress.ts';

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
const mostKeys = 1000;
const capMs = 5000;

/** What S3 says of one key of many that may go when it is asked again. */
const passing = new Set(['InternalError', 'ServiceUnavailable', 'SlowDown']);

/**
 * Deletes what the look found in the bucket and not in the directory. Only that: what somebody else has uploaded since
 * stays. To be called when the caches are clear and everything has gone well, for an old page may still name these files.
 */
export async function deleteStaleAssets(
  plan: AssetsPlan,
  outcome: AssetsOutcome,
  world: AssetsWorld,
  timeline: Timeline,
  deadline: number,
): Promise<void> {
  const { request, stale } = plan;
  if (toDelete(plan) === 0) {
    return;
  }
  await timeline.step(placeOf(request), 'delete stale assets', async (note) => {
    const bucket = world.assets.bucket(request.bucket, request.prefix);
    const progress = startProgress(note, Math.ceil(stale.length / mostKeys), 'batches');
    outcome.stage = 'deleting';
    for (let start = 0; start < stale.length; start += mostKeys) {
      let keys = stale.slice(start, start + mostKeys);
      await persist(
        async () => {
          const attempt = await bucket.delete(keys, deadline);
          if (attempt.kind !== 'answered') {
            return attempt;
          }
          outcome.deleted += keys.length - attempt.value.length;
          const [first] = attempt.value;
          if (first === undefined) {
            return { kind: 'answered', value: true };
          }
          keys = attempt.value.map(({ key }) => key);
          const lasting = attempt.value.find(({ reason }) => !passing.has(reason));
          return lasting === undefined
            ? { kind: 'unanswered', reason: `${keys.length} keys ended with ${first.reason}`, retryAfterMs: 0 }
            : { kind: 'refused', error: notDeleted(lasting, attempt.value.length, plan) };
        },
        {
          subject: `DeleteObjects of ${request.bucket}`,
          deadline,
          capMs,
          clock: world.clock,
          onRetry: progress.retried,
        },
      );
      progress.advance();
    }
    note(`${outcome.deleted} stale ${outcome.deleted === 1 ? 'file' : 'files'} deleted`);
  });
  outcome.stage = 'deleted';
}

/** A page that is still cached would lose its files. */
export function notDeletedYet({ request, stale }: AssetsPlan, distributionId: string): DeployError {
  const files = stale.length === 1 ? '1 stale file was' : `${stale.length.toLocaleString('en-US')} stale files were`;
  return new DeployError(
    'timed-out',
    `${files} not deleted from ${placeOf(request)}: the invalidation of ${distributionId} is not known to be Completed, and pages that are still cached may need them.`,
    { hint: 'The next run deletes them when its invalidation is Completed.' },
  );
}

function notDeleted({ key, reason }: Undeleted, count: number, { request }: AssetsPlan): DeployError {
  const isDenied = reason === 'AccessDenied';
  return new DeployError(
    isDenied ? 'access-denied' : 'upload-failed',
    `${count} stale files were not deleted from ${placeOf(request)}; "${plain(key)}" for one ended with ${plain(reason)}.`,
    {
      hint: isDenied
        ? `Allow s3:DeleteObject on arn:*:s3:::${request.bucket}/${request.prefix}* to the role of this job. The release itself is complete.`
        : 'The release itself is complete; run it again to delete them.',
    },
  );
}
