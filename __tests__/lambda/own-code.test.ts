import { describe, expect, it } from 'vitest';
import { DeployError } from '../../src/errors.ts';
import { awaitOwnCode } from '../../src/lambda/own-code.ts';
import type { Preparation } from '../../src/lambda/preparation.ts';
import { emptyOutcome, type FunctionOutcome } from '../../src/outcome.ts';
import type { FunctionState } from '../../src/world.ts';

const state = (codeSha256: string, revisionId: string) =>
  ({
    codeSha256,
    revisionId,
    state: 'Active',
    lastUpdateStatus: 'Successful',
    architectures: [],
  }) as unknown as FunctionState;

const old = state('old', 'r1');
const ours = state('ours', 'r2');
const left = state('ours', 'r3');
const conflict = new DeployError('conflict', 'Function web holds other code.');

/** A function of which every read is the next of these, the last one for good. */
function preparationOf(outcome: Partial<FunctionOutcome>, reads: readonly FunctionState[]): Preparation {
  const queue = [...reads];
  const next = () => (queue.length > 1 ? queue.shift() : queue[0]) as FunctionState;
  const known = { name: 'web', plan: { ref: { text: 'web', name: 'web' } }, sentSha256: '', ...outcome };
  return {
    world: {
      lambda: { waitForUpdate: async () => ({ kind: 'done', last: next() }) },
      clock: { now: () => 0, pause: async () => undefined },
    },
    outcome: { ...emptyOutcome(undefined).functions[0], ...known },
    deadline: 1000,
  } as unknown as Preparation;
}

const sent = { before: old, expectedSha256: 'ours', sentSha256: 'ours' };
const published = { ...sent, after: ours, left: Promise.resolve(left) };

describe('a function is rolled back', () => {
  it.each([
    { name: 'as publishing left it', outcome: published, reads: [left] },
    { name: 'after a read that is behind', outcome: published, reads: [ours, left] },
    {
      name: 'by its code, where the read after publishing failed',
      outcome: { ...published, left: Promise.resolve(undefined) },
      reads: [state('ours', 'r9')],
    },
    { name: 'after an update whose end was not seen', outcome: sent, reads: [ours] },
    { name: 'after an update that may come yet', outcome: sent, reads: [old] },
  ])('$name', async ({ outcome, reads }) => {
    expect(await awaitOwnCode(preparationOf(outcome, reads), () => undefined)).toBe(reads.at(-1));
  });

  it.each([
    { name: 'with code that nobody here knows', outcome: published, reads: [state('theirs', 'r4')] },
    { name: 'that others have changed since', outcome: published, reads: [state('ours', 'r4')] },
    { name: 'that others have put back already', outcome: published, reads: [state('old', 'r4')] },
    { name: 'once theirs was seen, though ours follows', outcome: published, reads: [state('theirs', 'r4'), left] },
    {
      name: 'once the update has met theirs, be it our code again',
      outcome: { ...sent, error: conflict },
      reads: [ours],
    },
  ])('but not one $name', async ({ outcome, reads }) => {
    await expect(awaitOwnCode(preparationOf(outcome, reads), () => undefined)).rejects.toMatchObject({
      code: 'conflict',
    });
  });
});
