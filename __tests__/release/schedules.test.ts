import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../local-aws/faults.ts';
import { deploy, distributionId, earlyInvalidations, effects, repository, startSite } from '../support/site.ts';

/** How many runs of the bundle a property makes at once. */
const lanes = 4;
const schedules = Number(process.env.SCHEDULES ?? 40);

const actions = ['GetFunction', 'UpdateFunctionCode', 'PublishVersion', 'CreateInvalidation', 'GetInvalidation'];
const faultKinds = [
  'reset-before',
  'reset-after',
  'reset-in-body',
  'truncate',
  'empty-200',
  'html-200',
  'throttle',
  'internal-error',
  'service-unavailable',
] as const;

const schedule = fc.record({
  clocks: fc.record({
    updateMs: fc.integer({ min: 0, max: 900 }),
    versionMs: fc.integer({ min: 0, max: 900 }),
    invalidationMs: fc.integer({ min: 0, max: 600 }),
    apiMs: fc.integer({ min: 0, max: 40 }),
  }),
  functions: fc.integer({ min: 1, max: 3 }),
  faults: fc.array(
    fc.record({
      action: fc.constantFrom(...actions),
      kind: fc.constantFrom(...faultKinds),
      after: fc.integer({ min: 0, max: 4 }),
      times: fc.integer({ min: 1, max: 2 }),
    }),
    { maxLength: 4 },
  ),
  /** Somebody else's change of a configuration, before the n-th call of an action. */
  meddling: fc.option(fc.record({ action: fc.constantFrom(...actions), nth: fc.integer({ min: 1, max: 4 }) }), {
    nil: undefined,
  }),
});

type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;

async function holds({ clocks, functions, faults, meddling }: Schedule): Promise<void> {
  const names = Array.from({ length: functions }, (_, n) => `web-${n}`);
  await using site = await startSite({
    clocks: { createMs: 0, originMs: 0, ...clocks },
    functions: names.map((name) => ({ name, imageUri: `${repository}:v1` })),
    distributions: [{ id: distributionId, functionName: 'web-0' }],
  });
  for (const fault of faults) {
    site.fault(fault as Fault);
  }
  let calls = 0;
  site.on(meddling?.action ?? 'none', ({ when }) => {
    calls += when === 'before' ? 1 : 0;
    if (when === 'before' && calls === meddling?.nth) {
      try {
        site.apply('UpdateFunctionConfiguration', { FunctionName: 'web-0', MemorySize: 512 });
      } catch {
        // It was busy: somebody else has to wait too.
      }
    }
  });
  const run = await deploy(site, {
    'function-name': names.join(' '),
    'image-uri': `${repository}:v2`,
    'distribution-id': distributionId,
  });
  expect(run.log).not.toContain('::error');
  expect(run.outputs.status).toBe('succeeded');
  for (const name of names) {
    const { serving, versions } = site.functionNamed(name);
    expect(serving.imageUri).toBe(`${repository}:v2`);
    expect(versions.at(-1)).toMatchObject({ state: 'Active', codeSha256: serving.codeSha256 });
  }
  expect(run.outputs['function-version']).toBe(
    names.map((name) => site.functionNamed(name).versions.at(-1)?.version).join('\n'),
  );
  expect(effects(site, 'UpdateFunctionCode')).toBe(functions);
  expect(site.distribution(distributionId).invalidations.map(({ status }) => status)).toEqual(['Completed']);
  // A meddler may be at work on the configuration; the code that serves is the new one all the same.
  expect(meddling ? [] : earlyInvalidations(site)).toEqual([]);
  const [created] = site.calls.filter(({ action }) => action === 'CreateInvalidation');
  const active = site.events.filter(({ type, at }) => type === 'version-active' && at < (created?.at ?? 0));
  expect(active.length).toBeGreaterThanOrEqual(functions);
}

describe.concurrent('under random clocks, faults and meddling', () => {
  const lane = Array.from({ length: lanes }, (_, n) => n);
  it.each(lane)(
    'a release is never early, applies once and ends well (lane %i)',
    async () => {
      // A failure prints the seed and the smallest schedule that fails.
      await fc.assert(fc.asyncProperty(schedule, holds), {
        numRuns: Math.ceil(schedules / lanes),
        ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
      });
    },
    600_000,
  );
});
