import { DeployError, toDeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { backoffMs } from '../retry.ts';
import { type Note, seconds, type Timeline } from '../timeline.ts';
import type { Run, World } from '../world.ts';
import { type AliasOutcome, type AliasWork, awaitWhole, confirmAlias, moveAlias } from './alias.ts';
import { type AliasTarget, describeTarget, isSplit } from './target.ts';
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
    // Whoever moved an alias meanwhile meant it: this release is not what serves, and there is nothing to invalidate for it.
    await all(switchings, (one) => confirmSwitch(work, one, work.world.clock.now() + plan.timeoutMs));
  }
}

/** That the alias still points to the version alone. */
export async function confirmSwitch(work: SwitchWork, one: Switching, deadline: number): Promise<void> {
  const note = (status: string) => work.world.log.line(`${one.name}: ${status}`);
  await confirmAlias({ ...toAliasWork(work, one, note), deadline }, { version: one.version, weights: {} });
}

/** Where an alias is to point, from the version that is new and the one before it. */
type Aim = (version: string, before: string | undefined) => AliasTarget;

async function moveAll(work: SwitchWork, switchings: readonly Switching[], target: Aim): Promise<void> {
  await all(switchings, (one) => move(work, one, target));
}

/** Side by side, each to its end; then the first failure is thrown. */
async function all(switchings: readonly Switching[], act: (one: Switching) => Promise<void>): Promise<void> {
  const moves = await Promise.allSettled(switchings.map(act));
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
  if (isSplit(before)) {
    return;
  }
  const previous = { ...one, version: before.version };
  try {
    // Until then AWS lets the version serve that this run wants to leave.
    await awaitConcurrency(work, previous);
  } catch (error) {
    throw backWithoutConcurrency(one, before, toDeployError(error));
  }
  await awaitHandover(work, previous);
}

/** The alias is where it was; what it lacks there is not for a move to give. */
function backWithoutConcurrency({ name, alias }: Switching, before: AliasTarget, cause: DeployError): DeployError {
  return cause.code === 'cancelled'
    ? cause
    : new DeployError(
        'rollback-failed',
        `Alias ${alias.name} of ${name} points to ${describeTarget(before)} again, but without its provisioned concurrency: ${cause.message}`,
        { hint: 'Check the concurrency of the function and the quota of the account, then set it again.', cause },
      );
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
  await awaitConcurrency(work, one);
  await awaitHandover(work, one);
}

async function awaitConcurrency(work: SwitchWork, one: Switching): Promise<void> {
  const { world, timeline, plan } = work;
  const deadline = world.clock.now() + plan.timeoutMs;
  const first = await world.lambda.provisionedConcurrency(one.functionName, one.alias.name, deadline);
  // Of whom it is not known, it may be so.
  const isProvisioned = first.kind !== 'answered' || first.value.status !== '';
  one.alias.knowledge = { ...one.alias.knowledge, isProvisioned };
  if (first.kind === 'refused') {
    world.log.line(`${one.name}: provisioned concurrency not looked at, ${first.error.message}`);
  } else if (first.kind !== 'answered' || !['', 'READY'].includes(first.value.status)) {
    await timeline.step(one.name, 'wait for provisioned concurrency', (note) =>
      waitUntilProvisioned(world, one, deadline, note),
    );
  }
}

async function awaitHandover(work: SwitchWork, one: Switching): Promise<void> {
  if (one.alias.now !== undefined && isSplit(one.alias.now)) {
    await work.timeline.step(one.name, 'wait for the alias', (note) =>
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
