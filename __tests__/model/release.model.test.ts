import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviations, meddlings, workflows } from './every-call.ts';
import { problemsOf } from './invariants.ts';
import { type Schedule, schedule } from './schedule.ts';
import { stories } from './stories.ts';
import { tell } from './story.ts';

// The same ones each time; `npm run test:soak` tells many more, and others in every run.
const schedules = Number(process.env.SCHEDULES ?? 2000);
const seed = Number(process.env.SEED ?? 101);
const seedsEach = 100;
const timeoutMs = 12 * 3600_000;

async function holds(one: Schedule): Promise<void> {
  expect(problemsOf(await tell(one))).toBe('');
}

describe('a release keeps its promises', () => {
  it(
    `under ${schedules} random schedules of deployers, faults, kills and meddling (SEED=${seed})`,
    () => fc.assert(fc.asyncProperty(schedule, holds), { numRuns: schedules, seed }),
    timeoutMs,
  );

  it.each(Object.entries(stories))('when %s', async (_, story) => {
    for (let seed = 1; seed <= seedsEach; seed += 1) {
      await holds(story(seed));
    }
  });

  it.each(Object.entries(workflows))(
    `with %s, whatever happens at any one of its calls (SEED=${seed})`,
    async (_, workflow) => {
      for (const one of await deviations(workflow, seed)) {
        const problems = problemsOf(await tell(one));
        expect(problems, JSON.stringify(one.deployers)).toBe('');
      }
    },
    timeoutMs,
  );

  it.each(Object.entries(workflows))(
    `with %s, whatever somebody else does at any one of its calls (SEED=${seed})`,
    async (_, workflow) => {
      for (const one of await meddlings(workflow, seed)) {
        const problems = problemsOf(await tell(one));
        expect(problems, JSON.stringify([one.meddling, one.deployers[0]?.faults])).toBe('');
      }
    },
    timeoutMs,
  );
});
