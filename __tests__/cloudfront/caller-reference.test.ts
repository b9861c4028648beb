import { describe, expect, it } from 'vitest';
import { type FakeAnswer, type FakeCall, startFakeCloudFront } from '../support/fake-cloudfront.ts';
import { runAction } from '../support/run-action.ts';
import { callsTo, deploy, distributionId, startSite } from '../support/site.ts';

const clear = { 'distribution-id': distributionId };
/** What nested steps of a composite action, legs of a matrix and a retry wrapper have in common. */
const sameJob = {
  GITHUB_REPOSITORY: 'octo/site',
  GITHUB_RUN_ID: '4711',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_JOB: 'deploy',
  GITHUB_ACTION: '__self',
};
const hour = 3_600_000;

describe('two processes that share all that a job knows', () => {
  it('clear twice: what was cached in between is old for the second', async () => {
    await using site = await startSite();
    await deploy(site, clear);
    const again = await deploy(site, clear);
    expect(again.outputs.status).toBe('succeeded');
    expect(site.distribution(distributionId).invalidations).toHaveLength(2);
    expect(again.outputs['invalidation-id']).toBe(site.distribution(distributionId).invalidations.at(-1)?.id);
  });

  it('have references that differ, and so have two calls of one process', async () => {
    await using site = await startSite({ clocks: { invalidationMs: 50, originMs: 2 } });
    const paths = Array.from({ length: 16 }, (_, n) => `/${n}/*`).join('\n');
    await deploy(site, { ...clear, paths });
    await deploy(site, { ...clear, paths });
    const references = callsTo(site, 'CreateInvalidation').map(
      ({ input }) => (input.InvalidationBatch as { CallerReference: string }).CallerReference,
    );
    expect(references).toHaveLength(4);
    expect(new Set(references).size).toBe(4);
  });
});

describe('an answer with an invalidation of before', () => {
  // The clock of the service is an hour behind the runner's, and a day ahead of it.
  it.each([-hour, 0, 24 * hour])('is asked for again with another reference, with a clock %d ms off', async (off) => {
    const now = () => Date.now() + off;
    await using fake = await startFakeCloudFront((call, count) => ({
      answeredAt: now(),
      ...(call.method === 'POST' && count <= 2
        ? { createdAt: now() - 60_000, status: 'Completed', id: 'IOLD' }
        : { createdAt: now(), id: 'INEW', status: call.method === 'POST' ? 'InProgress' : 'Completed' }),
    }));
    const run = await runAction(clear, { env: { ...fake.env, ...sameJob } });
    expect(run.outputs).toMatchObject({ status: 'succeeded', 'invalidation-id': 'INEW' });
    expect(new Set(fake.creations().map(({ reference }) => reference)).size).toBe(3);
    expect(run.log).toContain('CloudFront answered with invalidation IOLD');
  });

  it('is no success when there is never another one', async () => {
    await using fake = await startFakeCloudFront(() => ({
      createdAt: Date.now() - hour,
      answeredAt: Date.now(),
      status: 'Completed',
      id: 'IOLD',
    }));
    const run = await runAction(clear, { env: { ...fake.env, ...sameJob } });
    expect(run.outputs.status).toBe('failed');
    expect(run.result.error).toMatchObject({ code: 'invalidation-failed', message: expect.stringContaining('IOLD') });
    expect(fake.creations()).toHaveLength(3);
  });
});

describe('an answer with our own invalidation', () => {
  it.each<{ name: string; said(call: FakeCall, now: number): FakeAnswer }>([
    { name: 'by the clock of a runner that is ten minutes behind', said: (_, now) => times(now + 600_000, 0) },
    { name: 'without a Date', said: (_, now) => ({ createdAt: now - hour }) },
    { name: 'without a CreateTime', said: (_, now) => ({ answeredAt: now }) },
    { name: 'made a little before, by machines whose clocks differ', said: (_, now) => times(now, 900) },
  ])('is taken, $name', async ({ said }) => {
    await using fake = await startFakeCloudFront((call) => ({
      ...said(call, Date.now()),
      status: call.method === 'POST' ? 'InProgress' : 'Completed',
    }));
    const run = await runAction(clear, { env: { ...fake.env, ...sameJob } });
    expect(run.outputs.status).toBe('succeeded');
    expect(fake.creations()).toHaveLength(1);
  });

  it('is taken after the answers to it were lost, and keeps its reference', async () => {
    let madeAt: number | undefined;
    await using fake = await startFakeCloudFront((call, count) => {
      madeAt ??= Date.now();
      return {
        createdAt: madeAt,
        answeredAt: Date.now(),
        isLost: call.method === 'POST' && count <= 4,
        status: 'Completed',
      };
    });
    const run = await runAction(clear, { env: { ...fake.env, ...sameJob } });
    expect(run.outputs.status).toBe('succeeded');
    expect(fake.creations()).toHaveLength(5);
    expect(new Set(fake.creations().map(({ reference }) => reference)).size).toBe(1);
  });
});

function times(answeredAt: number, ageMs: number): FakeAnswer {
  return { answeredAt, createdAt: answeredAt - ageMs };
}
