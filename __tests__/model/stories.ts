import type { Deployer, Schedule, Workflow } from './schedule.ts';

// Schedules that once broke a promise, as small as they could be made. Who is how far behind is chance, so each is told
// with several seeds.

const canary: Workflow = {
  functions: 1,
  kind: 'image',
  alias: 'split',
  steps: 0,
  hasAlarm: false,
  bakeMs: 0,
  rollback: true,
  codeDeploy: true,
  keepVersions: 0,
  warmUp: 0,
  distributions: 0,
};

const calm: Deployer = { runId: 9, code: 1, startMs: 0, faults: [], stop: undefined, rerun: 'attempt' };

const onLatest: Workflow = { ...canary, functions: 2, alias: 'on $LATEST', codeDeploy: false };

function story(seed: number, versionMs: number, deployers: Deployer[], workflow: Workflow = canary): Schedule {
  return {
    seed,
    pace: {
      apiMs: 20,
      updateMs: 0,
      versionMs,
      invalidationMs: 0,
      provisionedMs: 1000,
      lagMs: 900,
      countsEveryUpdate: false,
    },
    workflow,
    deployers,
    meddling: [],
    alarmAtMs: undefined,
    flaw: 'none',
    ending: 'fails',
  };
}

export const stories: Readonly<Record<string, (seed: number) => Schedule>> = {
  'a newer run, killed and run again, hands over to CodeDeploy while an older one goes back to a split alias': (seed) =>
    story(seed, 3000, [
      { ...calm, startMs: 768, stop: { call: 4, when: 'after', kind: 'kill' } },
      { ...calm, runId: 8, code: 2 },
    ]),
  'an older run hands over to CodeDeploy while a newer one goes back to a split alias': (seed) =>
    story(seed, 0, [
      calm,
      { ...calm, runId: 8, code: 2, startMs: 240, faults: [{ action: 'lambda:GetAlias', nth: 2, kind: 'throttled' }] },
    ]),
  'nobody disturbs a run whose aliases are on $LATEST, and reads are behind': (seed) =>
    story(seed, 0, [calm], onLatest),
  'two runs pin an alias on $LATEST, and the call of one never arrives': (seed) =>
    story(
      seed,
      0,
      [
        { ...calm, faults: [{ action: 'lambda:UpdateAlias', nth: 1, kind: 'throttled' }] },
        { ...calm, runId: 8, code: 2 },
      ],
      { ...onLatest, functions: 1 },
    ),
};
