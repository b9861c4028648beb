import type {
  GetDistributionConfigCommandOutput,
  GetDistributionTenantCommandOutput,
  GetInvalidationCommandOutput,
} from '@aws-sdk/client-cloudfront';
import { DeployError } from '../errors.ts';
import { partitionOf } from '../partition.ts';
import { patientWithNew } from '../retry.ts';
import type { Attempt, CacheTags, CloudFront, Invalidation, Target } from '../world.ts';
import { attempt } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';
import { guardedWait } from './guarded-wait.ts';
import { createPacer } from './pacer.ts';

type Sdk = typeof import('./cloudfront-sdk.ts');

interface Connection {
  sdk: Sdk;
  client: InstanceType<Sdk['CloudFrontClient']>;
}

interface Options {
  abortSignal: AbortSignal;
}

const readPatienceMs = 10_000;
const writePatienceMs = 15_000;

/** Most invalidations are done after 5 to 25 s; one that is not may take many minutes. */
const pace = { minDelay: 0.5, maxDelay: 0.9, slow: { after: 35, delay: 4 } };

// CloudFront says nothing of quotas for calls; it throttles after a handful of quick ones
// (https://github.com/aws/aws-sdk-js/issues/3983).
const createIntervalMs = 200;
const lookIntervalMs = 100;

/** No invalidation has it: the ids are `I` and capitals and digits. */
const noInvalidation = 'I0000000000000';

/** CloudFront is one service for a whole partition; this is the Region of the largest. */
const defaultRegion = 'us-east-1';

export function connectCloudFront(region: string, accountId: string, cancelled: AbortSignal): CloudFront {
  const connection = once(async (): Promise<Connection> => {
    const sdk = await import(/* webpackMode: "eager" */ './cloudfront-sdk.ts');
    return { sdk, client: keepDates(new sdk.CloudFrontClient(clientSettings(region || defaultRegion))) };
  });
  const createTurn = createPacer(createIntervalMs, cancelled);
  const lookTurn = createPacer(lookIntervalMs, cancelled);
  const about = ({ kind, id }: Target) => ({
    subject: kind === 'tenant' ? `Distribution tenant ${id}` : `Distribution ${id}`,
    resource: `arn:${partitionOf(region)}:cloudfront::${accountId || '*'}:${resourceTypes[kind]}/${id}`,
    failure: 'invalidation-failed' as const,
  });

  /** Sends what only looks, when it is its turn. */
  const look = async <T>(
    call: { action: string; subject: string; resource: string; read(answer: never): T | undefined },
    send: (connection: Connection, options: Options) => Promise<unknown>,
    deadline: number,
  ): Promise<Attempt<T>> => {
    const connected = await connection();
    await lookTurn(deadline);
    return attempt<T>(
      { ...call, failure: 'invalidation-failed', send: (abortSignal) => send(connected, { abortSignal }) },
      { patienceMs: readPatienceMs, deadline, cancelled },
    );
  };

  const get = (target: Target, invalidationId: string, deadline: number): Promise<Attempt<Invalidation>> =>
    look(
      {
        ...about(target),
        action: getting[target.kind].action,
        subject: `Invalidation ${invalidationId} of ${target.id}`,
        read: toInvalidation,
      },
      (connected, options) => getting[target.kind].send(connected, target.id, invalidationId, options),
      deadline,
    );

  const distributionOf = async (target: Target, deadline: number): Promise<Attempt<string>> =>
    target.kind === 'distribution'
      ? { kind: 'answered', value: target.id }
      : look(
          {
            ...about(target),
            action: 'cloudfront:GetDistributionTenant',
            read: ({ DistributionTenant }: GetDistributionTenantCommandOutput) => DistributionTenant?.DistributionId,
          },
          ({ sdk, client }, options) =>
            client.send(new sdk.GetDistributionTenantCommand({ Identifier: target.id }), options),
          deadline,
        );

  return {
    check(target, deadline) {
      return look<true>(
        {
          ...about(target),
          action: getting[target.kind].action,
          // The page of a proxy has none.
          read: ({ Invalidation }: Partial<GetInvalidationCommandOutput>) => (Invalidation?.Id ? true : undefined),
        },
        // Needs no permission that waiting does not need, and tells a wrong distribution from a missing permission.
        async (connected, options) => {
          const { sdk } = connected;
          try {
            return await getting[target.kind].send(connected, target.id, noInvalidation, options);
          } catch (error) {
            if (error instanceof sdk.NoSuchInvalidation) {
              return { Invalidation: { Id: noInvalidation } };
            }
            throw error;
          }
        },
        deadline,
      );
    },
    async cacheTags(target, deadline) {
      const owner = await distributionOf(target, deadline);
      if (owner.kind !== 'answered') {
        return owner;
      }
      return look<CacheTags>(
        {
          ...about({ kind: 'distribution', id: owner.value }),
          action: 'cloudfront:GetDistributionConfig',
          read: ({ DistributionConfig }: GetDistributionConfigCommandOutput) =>
            DistributionConfig && {
              distributionId: awsText(owner.value),
              header: awsText(DistributionConfig.CacheTagConfig?.HeaderName ?? ''),
            },
        },
        ({ sdk, client }, options) => client.send(new sdk.GetDistributionConfigCommand({ Id: owner.value }), options),
        deadline,
      );
    },
    async createInvalidation(target, { paths, callerReference }, deadline) {
      const connected = await connection();
      await createTurn(deadline);
      const batch = { CallerReference: callerReference, Paths: { Quantity: paths.length, Items: [...paths] } };
      return attempt<Invalidation>(
        {
          ...about(target),
          action: creating[target.kind].action,
          send: (abortSignal) => creating[target.kind].send(connected, target.id, batch, { abortSignal }),
          read: toInvalidation,
          explain: (name, said) => {
            // Documented as the first, seen on the wire as the second (https://github.com/aws/aws-cdk/issues/3878).
            const isReused =
              name === 'InvalidationBatchAlreadyExists' ||
              (name === 'InvalidArgument' && /caller ?reference/i.test(said));
            return isReused
              ? new DeployError(
                  'conflict',
                  `${about(target).subject}: the caller reference was used for other paths before (${name}).`,
                  { hint: 'Run it again: each attempt has a reference of its own.' },
                )
              : undefined;
          },
        },
        { patienceMs: writePatienceMs, deadline, cancelled },
      );
    },
    async waitForInvalidation(target, invalidationId, wait) {
      const { sdk } = await connection();
      const see = patientWithNew(() => performance.now());
      const shared = { look: async () => see(await get(target, invalidationId, wait.deadline)), wait, pace, cancelled };
      return target.kind === 'tenant'
        ? guardedWait({
            ...shared,
            waiter: sdk.waitUntilInvalidationForDistributionTenantCompleted,
            input: { DistributionTenantId: target.id, Id: invalidationId },
          })
        : guardedWait({
            ...shared,
            waiter: sdk.waitUntilInvalidationCompleted,
            input: { DistributionId: target.id, Id: invalidationId },
          });
    },
  };
}

/** As they stand in an ARN. */
const resourceTypes = { distribution: 'distribution', tenant: 'distribution-tenant' } as const;

// A tenant has calls of its own, which do the same.
const getting = {
  distribution: {
    action: 'cloudfront:GetInvalidation',
    send: ({ sdk, client }: Connection, DistributionId: string, Id: string, options: Options) =>
      client.send(new sdk.GetInvalidationCommand({ DistributionId, Id }), options),
  },
  tenant: {
    action: 'cloudfront:GetInvalidationForDistributionTenant',
    send: ({ sdk, client }: Connection, DistributionTenantId: string, Id: string, options: Options) =>
      client.send(new sdk.GetInvalidationForDistributionTenantCommand({ DistributionTenantId, Id }), options),
  },
};

interface Batch {
  CallerReference: string;
  Paths: { Quantity: number; Items: string[] };
}

const creating = {
  distribution: {
    action: 'cloudfront:CreateInvalidation',
    send: ({ sdk, client }: Connection, DistributionId: string, InvalidationBatch: Batch, options: Options) =>
      client.send(new sdk.CreateInvalidationCommand({ DistributionId, InvalidationBatch }), options),
  },
  tenant: {
    action: 'cloudfront:CreateInvalidationForDistributionTenant',
    send: ({ sdk, client }: Connection, Id: string, InvalidationBatch: Batch, options: Options) =>
      client.send(new sdk.CreateInvalidationForDistributionTenantCommand({ Id, InvalidationBatch }), options),
  },
};

/**
 * The age is by the service's own clock, which the runner's need not agree with: the answer's `Date` has whole seconds,
 * cut off, so that a new invalidation never looks old.
 */
function toInvalidation(answer: GetInvalidationCommandOutput): Invalidation | undefined {
  const { Id, Status, CreateTime } = answer.Invalidation ?? {};
  const { date } = answer as Dated;
  const ageMs = CreateTime && date !== undefined ? date - CreateTime.getTime() : Number.NaN;
  return Id && Status
    ? { id: awsText(Id), status: awsText(Status), ageMs: Number.isNaN(ageMs) ? undefined : ageMs }
    : undefined;
}

interface Dated {
  /** The answer's own `Date`, in milliseconds since 1970. */
  date?: number;
}

/** The SDK keeps no header of an answer that went well, but a step behind its deserializer sees the whole response. */
function keepDates(client: Connection['client']): typeof client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      Object.assign(result.output ?? {}, { date: Date.parse(headers?.date ?? '') } satisfies Dated);
      return result;
    },
    { step: 'deserialize', priority: 'high', name: 'keepDates' },
  );
  return client;
}
