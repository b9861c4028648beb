import type { Fault, Stop } from './actor.ts';
import { faultKinds, type Meddling, meddlingKinds, type Schedule, type Workflow } from './schedule.ts';
import { type Story, tell } from './story.ts';

const plain: Workflow = {
  functions: 1,
  kind: 'image',
  alias: 'there',
  steps: 0,
  hasAlarm: false,
  bakeMs: 0,
  rollback: true,
  codeDeploy: false,
  keepVersions: 1,
  warmUp: 1,
  distributions: 1,
};

export const workflows: Readonly<Record<string, Workflow>> = {
  'no alias': { ...plain, alias: 'none', keepVersions: 0, hasAlarm: true, bakeMs: 4000 },
  'no alias and a zip': { ...plain, alias: 'none', keepVersions: 0, kind: 'zip' },
  'a new alias': { ...plain, alias: 'missing' },
  'two functions behind an alias': { ...plain, functions: 2, distributions: 2 },
  'an alias that was left split': { ...plain, alias: 'split', rollback: false },
  'an alias on $LATEST': { ...plain, alias: 'on $LATEST' },
  'provisioned concurrency': { ...plain, alias: 'provisioned' },
  'a traffic shift under an alarm': { ...plain, steps: 2, hasAlarm: true, bakeMs: 4000, kind: 'zip' },
  CodeDeploy: { ...plain, codeDeploy: true },
};

function oneRun(
  workflow: Workflow,
  seed: number,
  { faults = [], stop, meddling = [] }: Partial<Deviation> = {},
): Schedule {
  return {
    seed,
    pace: {
      apiMs: 50,
      updateMs: 1000,
      versionMs: 1000,
      invalidationMs: 3000,
      provisionedMs: 2000,
      lagMs: 300,
      countsEveryUpdate: false,
    },
    workflow,
    deployers: [{ runId: 9, code: 2, startMs: 0, faults, stop, rerun: seed % 2 === 0 ? 'attempt' : 'newer' }],
    meddling,
    alarmAtMs: undefined,
    flaw: 'none',
    ending: 'succeeds',
  };
}

interface Deviation {
  faults: Fault[];
  stop: Stop | undefined;
  meddling: Meddling[];
}

/** A story for each fault at each call that a run without any makes, and for each way to stop the run there. */
export async function deviations(workflow: Workflow, seed: number): Promise<Schedule[]> {
  const calls = callsOf(await tell(oneRun(workflow, seed)));
  const stops = calls.flatMap((_, index): Stop[] =>
    whens.flatMap((when) => (['kill', 'cancel'] as const).map((kind) => ({ call: index + 1, when, kind }))),
  );
  const faults = calls.flatMap(({ action, nth }) => faultKinds.map((kind) => ({ action, nth, kind })));
  return [
    ...stops.map((stop) => oneRun(workflow, seed, { stop })),
    ...faults.map((fault) => oneRun(workflow, seed, { faults: [fault] })),
  ];
}

const whens = ['before', 'after'] as const;

/** A story for each thing that somebody else may do at each call of a release that goes well, and of one that fails late. */
export async function meddlings(workflow: Workflow, seed: number): Promise<Schedule[]> {
  const good = oneRun(workflow, seed);
  const stories = await Promise.all(
    [good, failingLate(good)].map(async (one) => [one, callsOf(await tell(one)).length] as const),
  );
  return stories.flatMap(([one, calls]) =>
    Array.from({ length: calls }, (_, index) => index + 1).flatMap((call) =>
      whens.flatMap((when) =>
        meddlingKinds.map((kind) => ({ ...one, meddling: [{ at: { deployer: 0, call, when }, kind }] })),
      ),
    ),
  );
}

/** No distribution lets itself be invalidated, so that all that was done has to be taken back. */
function failingLate(schedule: Schedule): Schedule {
  const fault = (nth: number): Fault => ({ action: 'cloudfront:CreateInvalidation', nth, kind: 'denied' });
  const denied = Array.from({ length: schedule.workflow.distributions }, (_, index) => fault(index + 1));
  return { ...schedule, deployers: schedule.deployers.map((one) => ({ ...one, faults: [...one.faults, ...denied] })) };
}

function callsOf({ account }: Story): { action: string; nth: number }[] {
  const counts = new Map<string, number>();
  return account.aws.calls.map(({ action }) => {
    const nth = (counts.get(action) ?? 0) + 1;
    counts.set(action, nth);
    return { action, nth };
  });
}
