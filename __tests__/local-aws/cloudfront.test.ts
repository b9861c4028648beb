import {
  type CloudFrontClient,
  CreateInvalidationCommand,
  CreateInvalidationForDistributionTenantCommand,
  GetDistributionCommand,
  GetDistributionConfigCommand,
  GetInvalidationCommand,
  GetInvalidationForDistributionTenantCommand,
  ListInvalidationsCommand,
  waitUntilInvalidationCompleted,
} from '@aws-sdk/client-cloudfront';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connect, QUICK, startAws } from './clients.ts';

const DistributionId = 'E2EXAMPLE1';

function invalidate(
  cloudFront: CloudFrontClient,
  items: string[],
  reference = items.join() || 'none',
  Quantity = items.length,
) {
  const InvalidationBatch = { CallerReference: reference, Paths: { Quantity, Items: items } };
  return cloudFront.send(new CreateInvalidationCommand({ DistributionId, InvalidationBatch }));
}

describe('an invalidation', () => {
  it('is in progress, then completed', async () => {
    const aws = await startAws();
    const { cloudFront } = connect(aws);
    const created = await invalidate(cloudFront, ['/*', '/a b'.replace(' ', '%20')], 'run-1');
    const Id = created.Invalidation?.Id ?? '';
    expect(created).toMatchObject({
      $metadata: { httpStatusCode: 201 },
      Location: `https://cloudfront.amazonaws.com/2020-05-31/distribution/${DistributionId}/invalidation/${Id}`,
      Invalidation: { Status: 'InProgress', CreateTime: expect.any(Date) },
    });
    await waitUntilInvalidationCompleted({ client: cloudFront, ...QUICK }, { DistributionId, Id });
    const { Invalidation } = await cloudFront.send(new GetInvalidationCommand({ DistributionId, Id }));
    expect(Invalidation).toMatchObject({
      Status: 'Completed',
      InvalidationBatch: { CallerReference: 'run-1', Paths: { Quantity: 2, Items: ['/*', '/a%20b'] } },
    });
    expect(aws.distribution(DistributionId).invalidations).toMatchObject([
      { id: Id, callerReference: 'run-1', status: 'Completed', completedAt: expect.any(Date) },
    ]);
  });

  it('is the earlier one for the same reference and paths', async () => {
    const aws = await startAws();
    const { cloudFront } = connect(aws);
    const first = await invalidate(cloudFront, ['/a', '/b'], 'run-1');
    const second = await invalidate(cloudFront, ['/a', '/b'], 'run-1');
    expect(second.$metadata.httpStatusCode).toBe(201);
    expect(second.Invalidation?.Id).toBe(first.Invalidation?.Id);
    expect(aws.calls.map((call) => call.effect)).toEqual([true, false]);
    await expect(invalidate(cloudFront, ['/a'], 'run-1')).rejects.toMatchObject({
      name: 'InvalidArgument',
      message: expect.stringContaining('Caller reference: run-1'),
    });
    expect(aws.distribution(DistributionId).invalidations).toHaveLength(1);
  });

  it.each([
    { name: 'a path without a slash', items: ['a'] },
    { name: 'a wildcard that is not last', items: ['/a/*/b'] },
    { name: 'two wildcards', items: ['/a**'] },
    { name: 'a space', items: ['/a b'] },
    { name: 'an umlaut', items: ['/ä'] },
    { name: 'the same path twice', items: ['/a', '/a'] },
    { name: 'no path', items: [] },
    { name: '4,001 characters', items: [`/${'a'.repeat(4000)}`] },
    { name: 'an empty tag', items: ['#'] },
  ])('with $name is an InvalidArgument', async ({ items }) => {
    const aws = await startAws();
    await expect(invalidate(connect(aws).cloudFront, items)).rejects.toMatchObject({
      name: 'InvalidArgument',
      $metadata: { httpStatusCode: 400 },
    });
    expect(aws.calls).toMatchObject([{ effect: false, error: 'InvalidArgument' }]);
  });

  it('has as many items as its Quantity says', async () => {
    const { cloudFront } = connect(await startAws());
    await expect(invalidate(cloudFront, ['/a'], 'run-1', 2)).rejects.toMatchObject({ name: 'InconsistentQuantities' });
  });

  it('without a readable body is refused', async () => {
    const aws = await startAws();
    const url = `${aws.url}/2020-05-31/distribution/${DistributionId}/invalidation`;
    const codes = await Promise.all(
      ['', '<Invalidation'].map(async (body) => (await fetch(url, { method: 'POST', body })).text()),
    );
    expect(codes[0]).toContain('<Code>MissingBody</Code>');
    expect(codes[1]).toContain('<Code>MalformedInput</Code>');
  });

  it('needs a distribution and an id that exist', async () => {
    const { cloudFront } = connect(await startAws());
    const unknown = { DistributionId: 'E2OTHER', Id: 'I1' };
    await expect(cloudFront.send(new GetInvalidationCommand(unknown))).rejects.toMatchObject({
      name: 'NoSuchDistribution',
    });
    await expect(cloudFront.send(new GetInvalidationCommand({ ...unknown, DistributionId }))).rejects.toMatchObject({
      name: 'NoSuchInvalidation',
      $metadata: { httpStatusCode: 404 },
    });
  });

  it('carries every path that AWS accepts, unchanged', async () => {
    const aws = await startAws({ clocks: { invalidationMs: 0 } });
    const { cloudFront } = connect(aws);
    const character = fc
      .integer({ min: 33, max: 126 })
      .map((code) => String.fromCharCode(code))
      .filter((text) => text !== '*');
    const path = fc.array(character, { maxLength: 20 }).map((characters) => `/${characters.join('')}`);
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path, { minLength: 1, maxLength: 5 }), async (items) => {
        number += 1;
        const { Invalidation } = await invalidate(cloudFront, items, `run-${number}`);
        expect(Invalidation?.InvalidationBatch?.Paths?.Items).toEqual(items);
      }),
      { numRuns: 100 },
    );
  });

  it('is listed, newest first, in pages', async () => {
    const { cloudFront } = connect(await startAws());
    const ids: (string | undefined)[] = [];
    for (const item of ['/a', '/b', '/c']) ids.unshift((await invalidate(cloudFront, [item])).Invalidation?.Id);
    const first = await cloudFront.send(new ListInvalidationsCommand({ DistributionId, MaxItems: 2 }));
    expect(first.InvalidationList).toMatchObject({ IsTruncated: true, Quantity: 2, NextMarker: ids[1] });
    const next = { DistributionId, MaxItems: 2, Marker: first.InvalidationList?.NextMarker };
    const second = await cloudFront.send(new ListInvalidationsCommand(next));
    const items = [...(first.InvalidationList?.Items ?? []), ...(second.InvalidationList?.Items ?? [])];
    expect(items.map((item) => item.Id)).toEqual(ids);
  });
});

describe('the quotas in progress', () => {
  it('are 3,000 files a distribution', async () => {
    const { cloudFront } = connect(await startAws());
    const files = Array.from({ length: 3000 }, (_, index) => `/file-${index}?a=1&b=2`);
    await expect(invalidate(cloudFront, [...files, '/one-more'], 'too many')).rejects.toMatchObject({
      name: 'TooManyInvalidationsInProgress',
      $metadata: { httpStatusCode: 400 },
    });
    const { Invalidation } = await invalidate(cloudFront, files, 'all');
    await expect(invalidate(cloudFront, ['/one-more'])).rejects.toMatchObject({
      name: 'TooManyInvalidationsInProgress',
    });
    await invalidate(cloudFront, ['/wild*']);
    await waitUntilInvalidationCompleted({ client: cloudFront, ...QUICK }, { DistributionId, Id: Invalidation?.Id });
    await invalidate(cloudFront, ['/one-more']);
  });

  it('are 15 wildcards, counted apart', async () => {
    const { cloudFront } = connect(await startAws());
    const wildcards = Array.from({ length: 15 }, (_, index) => `/${index}*`);
    await invalidate(cloudFront, wildcards);
    await expect(invalidate(cloudFront, ['/*'])).rejects.toMatchObject({ name: 'TooManyInvalidationsInProgress' });
    await invalidate(cloudFront, ['/a']);
  });

  it('are 150 items and 1 wildcard a second in the new regime', async () => {
    const { cloudFront } = connect(await startAws({ quotas: 'per-second' }));
    await invalidate(cloudFront, ['/*']);
    await expect(invalidate(cloudFront, ['/a*'])).rejects.toMatchObject({ name: 'TooManyInvalidationsInProgress' });
    await invalidate(
      cloudFront,
      Array.from({ length: 149 }, (_, index) => `/${index}`),
      'many',
    );
    await expect(invalidate(cloudFront, ['/a'])).rejects.toMatchObject({ name: 'TooManyInvalidationsInProgress' });
    await new Promise((resolve) => setTimeout(resolve, 1050));
    await invalidate(cloudFront, ['/a*']);
  });
});

describe('a distribution', () => {
  it('has a document, and says whether it knows cache tags', async () => {
    const aws = await startAws({
      distributions: [{ id: DistributionId, functionName: 'web', cacheTagHeader: 'cache-tag' }],
    });
    const { cloudFront } = connect(aws);
    const { Distribution, ETag } = await cloudFront.send(new GetDistributionCommand({ Id: DistributionId }));
    expect(ETag).toBeDefined();
    expect(Distribution).toMatchObject({
      Id: DistributionId,
      ARN: `arn:aws:cloudfront::123456789012:distribution/${DistributionId}`,
      Status: 'Deployed',
      InProgressInvalidationBatches: 0,
    });
    const { DistributionConfig } = await cloudFront.send(new GetDistributionConfigCommand({ Id: DistributionId }));
    expect(DistributionConfig).toMatchObject({
      Enabled: true,
      CacheTagConfig: { HeaderName: 'cache-tag' },
      Origins: { Quantity: 1, Items: [{ OriginPath: '' }] },
    });
    await expect(cloudFront.send(new GetDistributionCommand({ Id: 'E2OTHER' }))).rejects.toMatchObject({
      name: 'NoSuchDistribution',
    });
  });

  it('can be a tenant, which is invalidated on its own', async () => {
    const aws = await startAws({ distributions: [{ id: 'dt_shop', kind: 'tenant', functionName: 'web' }] });
    const { cloudFront } = connect(aws);
    const InvalidationBatch = { CallerReference: 'run-1', Paths: { Quantity: 1, Items: ['/*'] } };
    const { Invalidation } = await cloudFront.send(
      new CreateInvalidationForDistributionTenantCommand({ Id: 'dt_shop', InvalidationBatch }),
    );
    const got = await cloudFront.send(
      new GetInvalidationForDistributionTenantCommand({ DistributionTenantId: 'dt_shop', Id: Invalidation?.Id }),
    );
    expect(got.Invalidation?.Id).toBe(Invalidation?.Id);
    await expect(
      cloudFront.send(new CreateInvalidationForDistributionTenantCommand({ Id: 'dt_gone', InvalidationBatch })),
    ).rejects.toMatchObject({ name: 'EntityNotFound' });
    await expect(
      cloudFront.send(new CreateInvalidationCommand({ DistributionId: 'dt_shop', InvalidationBatch })),
    ).rejects.toMatchObject({ name: 'NoSuchDistribution' });
  });
});
