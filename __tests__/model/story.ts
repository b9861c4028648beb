import { runUrl } from '../../src/alias/run-order.ts';
import { parseImageUri } from '../../src/image/image-uri.ts';
import { parseFunctionRef } from '../../src/lambda/function-ref.ts';
import type { FunctionOutcome, Outcome } from '../../src/outcome.ts';
import type { Plan } from '../../src/plan.ts';
import { release } from '../../src/release.ts';
import { type Report, toReport } from '../../src/report/report.ts';
import type { Run } from '../../src/world.ts';
import { type Actor, createActor } from './actor.ts';
import { createAws } from './aws.ts';
import { Distribution } from './caches.ts';
import { shaOf } from './code.ts';
import { DeploymentGroups } from './code-deploy.ts';
import { type Flaws, imageOf, LambdaFunction } from './functions.ts';
import { meddleAsPlanned } from './meddling.ts';
import { createRandom } from './random.ts';
import type { Deployer, Schedule, Workflow } from './schedule.ts';
import { type Account, createWorld } from './world.ts';

/** One run of the action, and what came of it. */
export interface Told {
  actor: Actor;
  deployer: Deployer;
  plan: Plan;
  code: string;
  isRerun: boolean;
  startedAt: number;
  endedAt: number;
  outcome: Outcome | undefined;
  report: Report | undefined;
  thrown: unknown;
  lines: readonly string[];
}

export interface Story {
  schedule: Schedule;
  account: Account;
  runs: Told[];
  /** False when a run never came to an end. */
  isOver: boolean;
}

export const updateTimeoutMs = 60_000;
export const invalidationTimeoutMs = 30_000;
export const stepMs = 3000;
const flawedCode = 3;

/** Lets everything in a schedule happen, the same way each time. */
export async function tell(schedule: Schedule): Promise<Story> {
  // The backoff of a retry is random, too; with another one each time nothing could be replayed.
  const { random } = Math;
  Math.random = createRandom(schedule.seed + 1);
  try {
    const account = createAccount(schedule);
    const story: Story = { schedule, account, runs: [], isOver: false };
    meddleAsPlanned(account, schedule);
    const all = Promise.all(schedule.deployers.map((deployer) => deploy(story, deployer)));
    story.isOver = await account.aws.clock.runUntil(all);
    return story;
  } finally {
    Math.random = random;
  }
}

function createAccount({ seed, pace, workflow, alarmAtMs, flaw, ending }: Schedule): Account {
  const aws = createAws(seed, pace);
  const flawed = (kind: typeof flaw) => new Set(flaw === kind ? [shaOf(flawedCode)] : []);
  const flaws: Flaws = {
    updates: flawed('update'),
    versions: flawed('version'),
    invocations: flawed('invocation'),
  };
  const functions = Array.from({ length: workflow.functions }, (_, index) => {
    const fn = new LambdaFunction(`web-${index}`, aws, flaws, workflow.kind === 'image');
    setUp(fn, workflow);
    return fn;
  });
  const [first] = functions as [LambdaFunction];
  const distributions = Array.from({ length: workflow.distributions }, (_, index) => {
    const fn = functions[index] ?? first;
    return new Distribution(`E${index}`, aws, () => fn.answering(workflow.alias !== 'none'));
  });
  return {
    aws,
    functions: new Map(functions.map((fn) => [fn.name, fn])),
    distributions: new Map(distributions.map((one) => [one.id, one])),
    codeDeploy: new DeploymentGroups(aws, first, ending),
    alarms: new Map([['errors', alarmAtMs]]),
  };
}

/** Version 1 by an older run; a split alias has a second one, by a run that was killed. */
function setUp(fn: LambdaFunction, { alias, kind }: Workflow): void {
  fn.setUp(shaOf(1));
  if (alias === 'none') {
    if (kind === 'zip') {
      // Without it, there is no way back.
      fn.setUpVersion('');
    }
    return;
  }
  if (alias === 'on $LATEST') {
    fn.setUpAlias('$LATEST', {}, false);
    return;
  }
  const version = fn.setUpVersion(`0000000 ${runUrl(createRun(3, 1))}`);
  if (alias === 'split') {
    const other = fn.setUpVersion(`0000000 ${runUrl(createRun(4, 1))}`);
    fn.setUpAlias(version, { [other]: 0.1 }, false);
  } else if (alias !== 'missing') {
    fn.setUpAlias(version, {}, alias === 'provisioned');
  }
}

function createRun(runId: number, attempt: number): Run {
  return {
    serverUrl: 'https://github.com',
    repository: 'o/r',
    runId: String(runId),
    runAttempt: String(attempt),
    job: 'deploy',
    step: 'step',
    sha: 'a'.repeat(40),
    push: undefined,
    awsRegion: 'eu-west-1',
  };
}

async function deploy(story: Story, deployer: Deployer): Promise<void> {
  const { aws } = story.account;
  await aws.clock.sleep(deployer.startMs);
  const first = await runOnce(story, deployer, createRun(deployer.runId, 1), false);
  if (first.actor.isKilled || first.actor.cancel.signal.aborted) {
    await aws.clock.sleep(aws.random() * 5000);
    const run = deployer.rerun === 'attempt' ? createRun(deployer.runId, 2) : createRun(deployer.runId + 20, 1);
    await runOnce(story, deployer, run, true);
  }
}

async function runOnce(story: Story, deployer: Deployer, run: Run, isRerun: boolean): Promise<Told> {
  const { account, schedule } = story;
  const { now } = account.aws.clock;
  const actor = createActor(run, isRerun ? [] : deployer.faults, isRerun ? undefined : deployer.stop);
  const lines: string[] = [];
  const told: Told = {
    actor,
    deployer,
    plan: planOf(schedule.workflow, deployer, run),
    code: shaOf(deployer.code),
    isRerun,
    startedAt: now(),
    endedAt: Number.POSITIVE_INFINITY,
    outcome: undefined,
    report: undefined,
    thrown: undefined,
    lines,
  };
  story.runs.push(told);
  try {
    const outcome = await release(told.plan, run, createWorld(account, actor, lines));
    told.outcome = outcome;
    told.report = toReport(outcome, run);
  } catch (error) {
    told.thrown = error;
  }
  told.endedAt = now();
  return told;
}

function planOf(workflow: Workflow, { code }: Deployer, run: Run): Plan {
  const { functions, kind, alias, rollback, keepVersions, warmUp, distributions } = workflow;
  const hasAlias = alias !== 'none';
  const isHandedOver = isByCodeDeploy(workflow);
  const image = parseImageUri(imageOf(shaOf(code)));
  if ('problem' in image) {
    throw new Error(image.problem);
  }
  const isWatched = !isHandedOver && workflow.hasAlarm && (workflow.bakeMs > 0 || (hasAlias && workflow.steps > 0));
  return {
    dryRun: false,
    region: 'eu-west-1',
    build: undefined,
    functions: Array.from({ length: functions }, (_, index) => ({
      ref: parseFunctionRef(`web-${index}`) as FunctionOutcome['plan']['ref'],
      source: kind === 'image' ? { kind, image, isBuilt: false } : { kind, path: shaOf(code) },
      sourceInput: kind === 'image' ? 'image-uri' : 'zip-file',
      architecture: undefined,
      revisionId: undefined,
      version: hasAlias ? { description: `aaaaaaa ${runUrl(run)}` } : undefined,
      alias: hasAlias ? 'live' : '',
      warmUp: warmUp > 0 ? { count: warmUp, payload: '{}' } : undefined,
      startUpMs: 0,
    })),
    updateTimeoutMs,
    rollout: {
      steps:
        isHandedOver || !hasAlias ? [] : [0.1, 0.5].slice(0, workflow.steps).map((weight) => ({ weight, ms: stepMs })),
      alarms: isWatched ? ['errors'] : [],
      startInAlarm: false,
      bakeMs: isWatched ? workflow.bakeMs : 0,
      rollback,
      codeDeploy: isHandedOver ? { application: 'app', name: 'group' } : undefined,
      keepVersions: hasAlias ? keepVersions : 0,
    },
    assets: undefined,
    clearing:
      distributions === 0
        ? undefined
        : {
            targets: Array.from({ length: distributions }, (_, index) => ({ kind: 'distribution', id: `E${index}` })),
            paths: ['/*'],
            clearsAssets: false,
            widenedPaths: [],
            changedFiles: [],
            variants: false,
            maxPaths: 10,
            onlyChanged: false,
            wait: 'true',
            timeoutMs: invalidationTimeoutMs,
            regeneration: undefined,
          },
  };
}

/** One function, and an alias that is there. */
export function isByCodeDeploy({ codeDeploy, functions, alias }: Workflow): boolean {
  return codeDeploy && functions === 1 && alias !== 'none' && alias !== 'missing';
}
