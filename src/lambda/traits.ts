import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import type { FunctionState } from '../world.ts';

/**
 * What a function on Lambda Managed Instances serves to callers that name neither version nor alias
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-version-publishing.html).
 */
export const latestPublished = '$LATEST.PUBLISHED';

export function isManaged({ traits }: FunctionState): boolean {
  return traits.capacityProvider !== '';
}

/** Whether the code goes live by being published to `$LATEST.PUBLISHED`. */
export function servesLatestPublished({ plan }: FunctionOutcome, state: FunctionState): boolean {
  return plan.alias === '' && isManaged(state);
}

/** In seconds (https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html). */
const longestSynchronousExecution = 15 * 60;

/** What cannot work with a function of this kind, and would only show after the update. */
export function refuseTraits(outcome: FunctionOutcome, state: FunctionState): void {
  refuseUnpublished(outcome, state);
  refuseUpload(outcome, state);
  if (outcome.plan.warmUp !== undefined) {
    refuseWarmUp(outcome, state);
  }
}

function refuseUnpublished({ name, plan }: FunctionOutcome, state: FunctionState): void {
  if (isManaged(state) && plan.version === undefined) {
    throw new DeployError(
      'invalid-input',
      `publish must be true for function ${name}, got "false": it runs on Lambda Managed Instances, which serve published versions only.`,
      { hint: 'Remove publish: false.' },
    );
  }
}

/** Lambda would take a copy of an upload, and the function would no longer refer to the package in S3. */
function refuseUpload({ name, plan }: FunctionOutcome, { traits }: FunctionState): void {
  const { s3Object } = traits;
  if (s3Object !== undefined && plan.source.kind === 'zip') {
    throw new DeployError(
      'invalid-input',
      `zip-file cannot be used for function ${name}: its package stays in S3 (S3ObjectStorageMode REFERENCE, now s3://${plain(`${s3Object.bucket}/${s3Object.key}`)}), and an upload would replace that by a copy.`,
      { hint: 'Upload the package to S3 and set s3-bucket, s3-key and s3-object-version instead of zip-file.' },
    );
  }
}

function refuseWarmUp({ name }: FunctionOutcome, { traits }: FunctionState): void {
  const { tenantIsolation, executionTimeout = 0, reservedConcurrency } = traits;
  if (tenantIsolation !== '') {
    throw new DeployError(
      'invalid-input',
      `warm-up cannot be used for function ${name}: it isolates tenants (${plain(tenantIsolation)}), so each invocation needs a tenant id and warms that tenant's environments only.`,
      { hint: 'Set warm-up to 0.' },
    );
  }
  if (executionTimeout > longestSynchronousExecution) {
    throw new DeployError(
      'invalid-input',
      `warm-up cannot be used for function ${name}: it is a durable function whose ExecutionTimeout is ${executionTimeout} seconds, and Lambda invokes one synchronously only up to ${longestSynchronousExecution}.`,
      { hint: 'Set warm-up to 0.' },
    );
  }
  if (reservedConcurrency === 0) {
    throw new DeployError(
      'warm-up-failed',
      `warm-up cannot be used for function ${name}: its reserved concurrency is 0, so Lambda throttles every invocation.`,
      { hint: 'Set the reserved concurrency of the function above 0, or set warm-up to 0.' },
    );
  }
}
