import { DeployError, toDeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { backoffMs } from '../retry.ts';
import { type Note, seconds, type Timeline } from '../timeline.ts';
import type { Run, World } from '../world.ts';
import { type AliasOutcome, type AliasTarget, type AliasWork, awaitWhole, isSplit, moveAlias } from './alias.ts';
import type { AlarmWatch } from './watch-alarms.ts';

export interface ShiftStep {
  /** The part of the traffic that the new version gets, from 0 to 1. */
  weight: number;
  ms: number;
}

/** One alias, and the version that it is to point to. */
export interface Switching {
  name: string;
  functionName: string;
  version: string;
  alias: AliasOutcome;
}

export interface SwitchPlan {
  steps: readonly ShiftStep[];
  alarms: AlarmWatch;
  bakeMs: number;
  /** How long a single move may take. */
  timeoutMs: number;
}

export interface SwitchWork {
  world: World;
  run: Run;
  timeline: Timeline;
  plan: SwitchPlan;
}

/** Moves every alias to its new version: step by step where asked for, then wholly; and watches the alarms meanwhile. */
export async function switchAliases(work: SwitchWork, switchings: readonly Switching[]): Promise<void> {
  const { plan } = work;
  const shifting = switchings.filter(
    ({ alias, version }) => alias.before !== undefined && alias.before.version !== version,
  );
  for (const { weight, ms } of shifting.length > 0 ? plan.steps : []) {
    await moveAll(work, shifting, (version, before = version) => ({ version: before, weights: { [version]: weight } }));
    const percent = Math.round(weight * 10_000) / 100;
    await watch(work, { what: `${percent} % for ${seconds(ms)}`, during: `the ${percent}% step`, ms });
  }
  await moveAll(work, switchings, (version) => ({ version, weights: {} }));
  await Promise.all(switchings.map((one) => awaitProvisioned(work, one)));
  if (plan.bakeMs > 0) {
    const what = `all traffic, watched for ${seconds(plan.bakeMs)}`;
    await watch(work, { what, during: 'bake-seconds', ms: plan.bakeMs });
  }
}

/** Where an alias is to point, from the version that is new and the one before it. */
type Aim = (version: string, before: string | undefined) => AliasTarget;

async function moveAll(work: SwitchWork, switchings: readonly Switching[], target: Aim): Promise<void> {
  const moves = await Promise.allSettled(switchings.map((one) => move(work, one, target)));
  const failures = moves.flatMap((result) => (result.status === 'rejected' ? [toDeployError(result.reason)] : []));
  // A cancel ends the run, whatever failed beside it.
  const failure = failures.find(({ code }) => code === 'cancelled') ?? failures[0];
  if (failure !== undefined) {
    throw failure;
  }
}

async function move(work: SwitchWork, one: Switching, aim: Aim): Promise<void> {
  const { name, version } = one;
  const step = isSplit(aim(version, undefined)) ? 'shift traffic' : 'switch the alias';
  await work.timeline.step(name, step, (note) =>
    moveAlias(toAliasWork(work, one, note), (before) => aim(version, before?.version)),
  );
}

export async function moveBack(work: SwitchWork, one: Switching, before: AliasTarget): Promise<void> {
  await work.timeline.step(one.name, 'switch the alias', (note) =>
    moveAlias(toAliasWork(work, one, note), () => before, { isGoingBack: true }),
  );
  if (!isSplit(before)) {
    // Until then AWS lets the version serve that this run wants to leave.
    await awaitProvisioned(work, { ...one, version: before.version });
  }
}

function toAliasWork({ world, run, plan }: SwitchWork, { functionName, alias }: Switching, note: Note): AliasWork {
  return { world, run, functionName, outcome: alias, deadline: world.clock.now() + plan.timeoutMs, note };
}

async function watch(
  { timeline, plan }: SwitchWork,
  { what, during, ms }: { what: string; during: string; ms: number },
): Promise<void> {
  await timeline.step('traffic', 'watch', async (note) => {
    note(what);
    await plan.alarms.watch(ms, during, note);
  });
}

/**
 * Provisioned concurrency of an alias is given out anew when the alias moves, and the version before serves meanwhile
 * (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html). Who may not look at it sees the alias.
 */
export async function awaitProvisioned(work: SwitchWork, one: Switching): Promise<void> {
  const { world, timeline, plan } = work;
  const deadline = world.clock.now() + plan.timeoutMs;
  const first = await world.lambda.provisionedConcurrency(one.functionName, one.alias.name, deadline);
  if (first.kind === 'refused') {
    world.log.line(`${one.name}: provisioned concurrency not looked at, ${first.error.message}`);
  } else if (first.kind !== 'answered' || !['', 'READY'].includes(first.value.status)) {
    await timeline.step(one.name, 'wait for provisioned concurrency', (note) =>
      waitUntilProvisioned(world, one, deadline, note),
    );
  }
  if (one.alias.now !== undefined && isSplit(one.alias.now)) {
    await timeline.step(one.name, 'wait for the alias', (note) =>
      awaitWhole(toAliasWork(work, one, note), { version: one.version, weights: {} }),
    );
  }
}

async function waitUntilProvisioned(world: World, one: Switching, deadline: number, note: Note): Promise<void> {
  let last = '';
  for (let tries = 0; ; tries += 1) {
    const attempt = await world.lambda.provisionedConcurrency(one.functionName, one.alias.name, deadline);
    if (attempt.kind === 'refused') {
      throw attempt.error;
    }
    const { status, reason } = attempt.kind === 'answered' ? attempt.value : { status: last, reason: attempt.reason };
    if (status === 'READY' || status === '') {
      return;
    }
    if (status === 'FAILED') {
      throw new DeployError(
        'version-failed',
        `Provisioned concurrency of ${one.name}:${one.alias.name} failed: ${plain(reason || 'no reason given')}.`,
        { hint: 'See the concurrency of the function and the quota of the account.' },
      );
    }
    if (status !== last) {
      note(`provisioned concurrency ${plain(status)}`);
      last = status;
    }
    if (world.clock.now() > deadline) {
      throw new DeployError(
        'timed-out',
        `Provisioned concurrency of ${one.name}:${one.alias.name} was not ready in time.`,
        {
          hint: 'Raise update-timeout, or look at the quota of the account.',
        },
      );
    }
    await world.clock.pause(backoffMs(tries, 500, 5000));
  }
}
