import { randomUUID } from 'node:crypto';
import { checkGroup, handOver, refuseMissingAlias } from '../codedeploy/deploy.ts';
import { DeployError, toDeployError } from '../errors.ts';
import { confirmCode } from '../lambda/own-code.ts';
import type { FunctionOutcome } from '../outcome.ts';
import type { Releasing } from '../releasing.ts';
import { sideBySide } from '../side-by-side.ts';
import type { Run } from '../world.ts';
import { type AliasOutcome, lookAtAlias } from './alias.ts';
import { pinAlias } from './pin.ts';
import { carriesRun } from './run-order.ts';
import { awaitProvisioned, confirmSwitch, type Switching, type SwitchWork, switchAliases } from './switch.ts';
import { notYetOk } from './watch-alarms.ts';

const alarmPatienceMs = 10_000;

/** The aliases and alarms, before anything changes. */
export async function lookAtRollout(releasing: Releasing): Promise<boolean> {
  const { plan, world, timeline, outcome, deadline } = releasing;
  const { codeDeploy } = plan.rollout;
  const aliased = outcome.functions.filter(({ alias }) => alias !== undefined);
  const [areKnown] = await Promise.all([
    sideBySide(aliased, world.log, (one) =>
      timeline.step(one.name, 'look at the alias', async (note) => {
        const work = { ...aliasWork(releasing, one), deadline, note };
        await lookAtAlias(work);
        if (codeDeploy !== undefined) {
          refuseMissingAlias({ name: one.name, alias: work.outcome });
          const warning = await checkGroup(codeDeploy, world, deadline);
          outcome.warnings.push(...(warning ? [warning] : []));
        }
      }),
    ),
    readAlarms(releasing),
  ]);
  return areKnown && outcome.error === undefined;
}

async function readAlarms({ alarms, world, outcome, deadline }: Releasing): Promise<void> {
  try {
    await alarms.check(deadline);
  } catch (error) {
    outcome.error = toDeployError(error);
    world.log.line(`${outcome.error.code}: ${outcome.error.message}`);
  }
}

/** Gives every alias that names $LATEST a version, before any code is updated; the first failure ends the release. */
export function pinAll(releasing: Releasing, following: readonly FunctionOutcome[]): Promise<boolean> {
  const { world, timeline, outcome, deadline } = releasing;
  return sideBySide(following, world.log, (one) =>
    timeline.step(one.name, 'pin the alias', async (note) => {
      const work = { ...aliasWork(releasing, one), deadline, note };
      const warning = await pinAlias({ world, timeline, outcome: one, deadline }, work);
      if (warning !== undefined) {
        outcome.warnings.push(warning);
      }
    }),
  );
}

/** Long enough for a read that is throttled; what was proven a moment ago is not doubted for longer. */
const confirmMs = 15_000;

/** That what this run made live still is; what others have put in its place meanwhile is a `conflict`. */
export function confirmLive(releasing: Releasing): Promise<boolean> {
  const { world, timeline, outcome } = releasing;
  const deadline = world.clock.now() + confirmMs;
  return sideBySide(outcome.functions, world.log, async (one) => {
    try {
      await (one.alias === undefined
        ? confirmCode({ world, timeline, outcome: one, deadline })
        : confirmSwitch(toWork(releasing), toSwitching(one, one.alias), deadline));
    } catch (error) {
      const failure = toDeployError(error);
      if (failure.code === 'conflict' || failure.code === 'cancelled') {
        throw failure;
      }
      outcome.warnings.push(notConfirmed(one, failure));
    }
  });
}

function notConfirmed({ name }: FunctionOutcome, cause: DeployError): DeployError {
  return new DeployError(
    cause.code,
    `Function ${name} could not be read again at the end of the release: ${cause.message}`,
    { hint: cause.hint, cause },
  );
}

/** Moves every alias to the version that is ready, at once, in steps, or by CodeDeploy; and watches the alarms. */
export async function switchAll(releasing: Releasing): Promise<boolean> {
  const { plan, alarms, world, timeline, outcome } = releasing;
  const { rollout } = plan;
  const switchings = outcome.functions.flatMap((one) => (one.alias ? [toSwitching(one, one.alias)] : []));
  try {
    const [first] = switchings;
    if (rollout.codeDeploy !== undefined && first !== undefined) {
      const run = `${releasing.run.runId}-${releasing.run.runAttempt}`;
      // Told apart from a deployment of an earlier process, which may have ended otherwise.
      const description = `lambda-cloudfront-deploy ${run} ${first.name} ${first.version} ${randomUUID()}`;
      await handOver(
        {
          world,
          run: orderOf(releasing, releasing.run),
          timeline,
          group: rollout.codeDeploy,
          description,
          timeoutMs: plan.updateTimeoutMs,
        },
        first,
      );
      await awaitProvisioned(toWork(releasing), first);
    } else if (switchings.length > 0) {
      // A build or a wait may have taken long; an alarm that fired meanwhile is no fault of the new version.
      await alarms.check(world.clock.now() + plan.updateTimeoutMs);
      await switchAliases(toWork(releasing), switchings);
    } else if (rollout.bakeMs > 0) {
      await timeline.step('traffic', 'watch', (note) => alarms.watch(rollout.bakeMs, 'bake-seconds', note));
    }
    return true;
  } catch (error) {
    outcome.error = toDeployError(error);
    world.log.line(`${outcome.error.code}: ${outcome.error.message}`);
    return false;
  }
}

/** Whether an alarm that was in ALARM before the start has recovered; the release is out, so it is only told. */
export async function lookAtAlarmsAgain({ alarms, world, outcome }: Releasing): Promise<void> {
  try {
    const names = await alarms.stillInAlarm(world.clock.now() + alarmPatienceMs);
    if (names.length > 0) {
      outcome.warnings.push(notYetOk(names));
    }
  } catch (error) {
    outcome.warnings.push(toDeployError(error));
  }
}

export function toWork(releasing: Releasing): SwitchWork {
  const { plan, alarms, run, world, timeline } = releasing;
  const { steps, bakeMs } = plan.rollout;
  return {
    world,
    run: orderOf(releasing, run),
    timeline,
    plan: { steps, alarms, bakeMs, timeoutMs: plan.updateTimeoutMs },
  };
}

export function toSwitching({ name, plan, version }: FunctionOutcome, alias: AliasOutcome): Switching {
  return { name, functionName: plan.ref.text, version, alias };
}

function aliasWork(releasing: Releasing, { plan, alias }: FunctionOutcome) {
  if (alias === undefined) {
    throw new Error('There is no alias to look at.');
  }
  const { world, run } = releasing;
  return { world, run: orderOf(releasing, run), functionName: plan.ref.text, outcome: alias };
}

/** Who describes versions in other words than with the run has no order of runs. */
function orderOf({ plan }: Releasing, run: Run): Run {
  const isOrdered = plan.functions.every(({ version }) => carriesRun(run, version?.description ?? ''));
  return isOrdered ? run : { ...run, runId: '' };
}
