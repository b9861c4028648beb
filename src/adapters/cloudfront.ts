import type { CreateInvalidationCommandOutput, GetInvalidationCommandOutput } from '@aws-sdk/client-cloudfront';
import { DeployError } from '../errors.ts';
import { partitionOf } from '../partition.ts';
import type { Attempt, CloudFront, Invalidation } from '../world.ts';
import { attempt } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';
import { guardedWait, patientWithNew } from './guarded-wait.ts';
import { createPacer } from './pacer.ts';

const readPatienceMs = 10_000;
const writePatienceMs = 15_000;

/** Most invalidations are done after 5 to 25 s. */
const pace = { minDelay: 0.5, maxDelay: 0.9 };

// CloudFront says nothing of quotas for calls; it throttles after a handful of quick ones
// (https://github.com/aws/aws-sdk-js/issues/3983).
const createIntervalMs = 200;
const lookIntervalMs = 100;

/** No invalidation has it: the ids are `I` and capitals and digits. */
const noInvalidation = 'I0000000000000';

/** CloudFront is one service for a whole partition; this is the Region of the largest. */
const defaultRegion = 'us-east-1';

export function connectCloudFront(region: string, accountId: string, cancelled: AbortSignal): CloudFront {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './cloudfront-sdk.ts');
    return { sdk, client: new sdk.CloudFrontClient(clientSettings(region || defaultRegion)) };
  });
  const createTurn = createPacer(createIntervalMs, cancelled);
  const lookTurn = createPacer(lookIntervalMs, cancelled);
  const about = (id: string) => ({
    subject: `Distribution ${id}`,
    resource: `arn:${partitionOf(region)}:cloudfront::${accountId || '*'}:distribution/${id}`,
  });

  const get = async (id: string, invalidationId: string, deadline: number): Promise<Attempt<Invalidation>> => {
    const { sdk, client } = await connection();
    await lookTurn(deadline);
    return attempt<Invalidation>(
      {
        ...about(id),
        subject: `Invalidation ${invalidationId} of ${id}`,
        action: 'cloudfront:GetInvalidation',
        failure: 'invalidation-failed',
        send: (abortSignal) =>
          client.send(new sdk.GetInvalidationCommand({ DistributionId: id, Id: invalidationId }), { abortSignal }),
        read: ({ Invalidation }: GetInvalidationCommandOutput) => toInvalidation(Invalidation),
      },
      { patienceMs: readPatienceMs, deadline, cancelled },
    );
  };

  return {
    async check(id, deadline) {
      const { sdk, client } = await connection();
      await lookTurn(deadline);
      const answer = await attempt<undefined | true>(
        {
          ...about(id),
          action: 'cloudfront:GetInvalidation',
          failure: 'invalidation-failed',
          // Needs no permission that waiting does not need, and tells a wrong distribution from a missing permission.
          send: async (abortSignal) => {
            try {
              return await client.send(new sdk.GetInvalidationCommand({ DistributionId: id, Id: noInvalidation }), {
                abortSignal,
              });
            } catch (error) {
              if (error instanceof sdk.NoSuchInvalidation) {
                return {};
              }
              throw error;
            }
          },
          read: () => true,
        },
        { patienceMs: readPatienceMs, deadline, cancelled },
      );
      return answer.kind === 'answered' ? { kind: 'answered', value: undefined } : answer;
    },
    async createInvalidation(id, { paths, callerReference }, deadline) {
      const { sdk, client } = await connection();
      await createTurn(deadline);
      return attempt<Invalidation>(
        {
          ...about(id),
          action: 'cloudfront:CreateInvalidation',
          failure: 'invalidation-failed',
          send: (abortSignal) =>
            client.send(
              new sdk.CreateInvalidationCommand({
                DistributionId: id,
                InvalidationBatch: {
                  CallerReference: callerReference,
                  Paths: { Quantity: paths.length, Items: [...paths] },
                },
              }),
              { abortSignal },
            ),
          read: ({ Invalidation }: CreateInvalidationCommandOutput) => toInvalidation(Invalidation),
          explain: (name, said) => {
            // Documented as the first, seen on the wire as the second (https://github.com/aws/aws-cdk/issues/3878).
            const isReused =
              name === 'InvalidationBatchAlreadyExists' ||
              (name === 'InvalidArgument' && /caller ?reference/i.test(said));
            return isReused
              ? new DeployError(
                  'conflict',
                  `Distribution ${id}: the caller reference was used for other paths before (${name}).`,
                  { hint: 'Run it again: each attempt has a reference of its own.' },
                )
              : undefined;
          },
        },
        { patienceMs: writePatienceMs, deadline, cancelled },
      );
    },
    async waitForInvalidation(id, invalidationId, wait) {
      const { sdk } = await connection();
      const see = patientWithNew();
      return guardedWait({
        waiter: sdk.waitUntilInvalidationCompleted,
        input: { DistributionId: id, Id: invalidationId },
        look: async () => see(await get(id, invalidationId, wait.deadline)),
        wait,
        pace,
        cancelled,
      });
    },
  };
}

function toInvalidation(invalidation: GetInvalidationCommandOutput['Invalidation']): Invalidation | undefined {
  const { Id, Status } = invalidation ?? {};
  return Id && Status ? { id: awsText(Id), status: awsText(Status) } : undefined;
}
