import {
  type AliasOutcome,
  type AliasWork,
  ask,
  lagMs,
  leaveAt,
  moveAlias,
  observe,
  readAlias,
} from '../alias/alias.ts';
import { movedByOthers } from '../alias/run-order.ts';
import type { Switching } from '../alias/switch.ts';
import { isSplit, pointsTo, versionsOf } from '../alias/target.ts';
import { DeployError } from '../errors.ts';
import { changes } from '../lambda/preparation.ts';
import { plain } from '../plain.ts';
import { backoffMs, leastLeftMs, outOfTime, persist } from '../retry.ts';
import type { Note, Timeline } from '../timeline.ts';
import type { AliasState, Attempt, DeploymentGroup, DeploymentState, Run, World } from '../world.ts';

/** CodeDeploy shifts in minutes, and looks at its alarms about as often. */
const intervalMs = 3000;
const readBackMs = 10_000;

interface Handover {
  world: World;
  run: Run;
  timeline: Timeline;
  group: DeploymentGroup;
  /** Names this release; a deployment that carries it already is this one. */
  description: string;
  timeoutMs: number;
}

/** Before anything changes: the group is there and may be looked at. */
export async function checkGroup(group: DeploymentGroup, world: World, deadline: number): Promise<void> {
  await persist(() => world.codeDeploy.active(group, deadline), {
    subject: `ListDeployments for ${group.application}/${group.name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: (reason) => world.log.line(reason),
  });
}

/** CodeDeploy moves an alias, and makes none. */
export function refuseMissingAlias({ name, alias }: Pick<Switching, 'name' | 'alias'>): void {
  if (alias.now === undefined) {
    throw new DeployError(
      'not-found',
      `Function ${name} has no alias ${alias.name}, and CodeDeploy moves only one that is there.`,
      {
        hint: 'Create the alias with the tool that owns the function, or leave codedeploy-application out.',
      },
    );
  }
}

/** Lets CodeDeploy move the alias, by the configuration and the alarms of its deployment group, and waits for the end. */
export async function handOver(handover: Handover, switching: Switching): Promise<void> {
  const { timeline, world, run, timeoutMs } = handover;
  const { alias, name, functionName, version } = switching;
  await timeline.step(name, 'deploy with CodeDeploy', async (note) => {
    const work = { world, run, functionName, outcome: alias, deadline: world.clock.now() + timeoutMs, note };
    const id = await startDeployment(handover, switching, work);
    if (id !== undefined) {
      await follow(handover, switching, id, work);
      // In this run's name: whoever moves it from here on is somebody else.
      alias.isMoved = true;
    }
    // CodeDeploy has moved it; this reads it back.
    await moveAlias(work, () => ({ version, weights: {} }));
    alias.isMoved ||= alias.now === undefined || alias.before === undefined || !pointsTo(alias.now, alias.before);
  });
}

/** https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-example.html */
function appSpec({ functionName, alias, version }: Switching, current: string): string {
  return JSON.stringify({
    version: 0.0,
    Resources: [
      {
        function: {
          Type: 'AWS::Lambda::Function',
          Properties: { Name: functionName, Alias: alias.name, CurrentVersion: current, TargetVersion: version },
        },
      },
    ],
  });
}

/** The id of the deployment; undefined when the alias is where it is to be. */
async function startDeployment(handover: Handover, switching: Switching, work: AliasWork): Promise<string | undefined> {
  const { world, group } = handover;
  const tried = { maybeMade: false };
  for (let tries = 0; ; tries += 1) {
    const attempt = await tryToStart(handover, switching, work, tried);
    if (attempt.kind === 'answered') {
      return attempt.value;
    }
    const left = work.deadline - world.clock.now() - leastLeftMs;
    if (left <= 0) {
      throw outOfTime(`CreateDeployment for ${group.application}/${group.name}`, attempt.reason);
    }
    work.note(`not started yet, ${attempt.reason}`);
    await world.clock.pause(Math.min(left, backoffMs(tries, 1000, 15_000)));
  }
}

/** A group makes one deployment at a time: another one ends, then ours is made. */
const busy = { kind: 'busy', reason: 'another deployment of the group is in progress' } as const;

/** CreateDeployment has no token that makes a repeated call harmless, so after a lost answer its deployment is looked for. */
async function tryToStart(
  handover: Handover,
  switching: Switching,
  work: AliasWork,
  tried: { maybeMade: boolean },
): Promise<Exclude<Attempt<string | undefined>, { kind: 'refused' }>> {
  const { world, group, description } = handover;
  const { deadline, note } = work;
  const own = tried.maybeMade ? await findOwn(handover, deadline, note) : undefined;
  if (own !== undefined) {
    return { kind: 'answered', value: own };
  }
  if (!(await isFree(handover, deadline, note))) {
    return busy;
  }
  const current = await lookUnsplit(switching, work);
  if (current === switching.version) {
    return { kind: 'answered', value: undefined };
  }
  const attempt = await ask(switching.alias, { version: switching.version, weights: {} }, () =>
    world.codeDeploy.create(group, { appSpec: appSpec(switching, current), description }, deadline),
  );
  if (attempt.kind === 'refused') {
    if (attempt.errorName === 'DeploymentLimitExceededException') {
      return busy;
    }
    throw attempt.error;
  }
  tried.maybeMade ||= attempt.kind === 'unanswered';
  // As long as CodeDeploy is at it, nobody else should move the alias, back neither.
  switching.alias.isMoved = false;
  return attempt;
}

/** What the alias points to, after a run that was killed has left it split, too: CodeDeploy refuses such an alias. */
async function lookUnsplit(switching: Switching, work: AliasWork): Promise<string> {
  const state = await observe(work);
  refuseMissingAlias(switching);
  const version = state?.version ?? '';
  if (state !== undefined && isSplit(state)) {
    await moveAlias(work, () => ({ version, weights: {} }));
    // Somebody else may have been faster.
    work.outcome.before = work.outcome.sent === undefined ? work.outcome.now : work.outcome.before;
  }
  return version;
}

async function isFree({ world, group }: Handover, deadline: number, note: Note): Promise<boolean> {
  const active = await persist(() => world.codeDeploy.active(group, deadline), {
    subject: `ListDeployments for ${group.application}/${group.name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: note,
  });
  return active.length === 0;
}

async function findOwn(
  { world, group, description }: Handover,
  deadline: number,
  note: Note,
): Promise<string | undefined> {
  const persistence = {
    subject: `ListDeployments for ${group.application}/${group.name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: note,
  };
  for (const id of await persist(() => world.codeDeploy.sinceStart(group, deadline), persistence)) {
    const state = await persist(() => world.codeDeploy.look(group, id, deadline), persistence);
    if (state.description === description) {
      return id;
    }
  }
  return undefined;
}

/** How CodeDeploy names a deployment that it did not begin, because the alias was not where the AppSpec says. */
const notBegun = 'INVALID_LAMBDA_CONFIGURATION';

/** Until it has ended, and with it the deployment that takes it back; where the alias is then is known either way. */
async function follow(handover: Handover, { alias, version }: Switching, id: string, work: AliasWork): Promise<void> {
  work.note(`deployment ${plain(id)}`);
  const end = await awaitEnd(handover, id, work);
  if (end.status === 'Succeeded') {
    return;
  }
  const last = end.rollbackId ? await awaitEnd(handover, end.rollbackId, work) : end;
  await handover.world.clock.pause(lagMs);
  const state = await readAlias({ ...work, deadline: work.deadline + readBackMs });
  alias.now = state;
  if (state !== undefined && end.error.startsWith(notBegun) && pointsTo(state, { version, weights: {} })) {
    // The deployment of a run that was killed got there first, and a read was behind it.
    return;
  }
  if (!hasEnded(last)) {
    throw notEnded(hasEnded(end) ? end.rollbackId : id, last);
  }
  alias.sent = undefined;
  if (state === undefined || !isLeftByCodeDeploy(state, alias, end.error.startsWith(notBegun) ? '' : version)) {
    throw await movedByOthers(work, state);
  }
  // What CodeDeploy has left is this run's to roll back.
  leaveAt(alias, state);
  alias.isMoved = alias.before === undefined || !pointsTo(state, alias.before);
  throw failure(id, end, alias);
}

/** It moves the alias from the version before to the new one, whose number is empty when it did not even begin. */
function isLeftByCodeDeploy(state: AliasState, { before }: AliasOutcome, version: string): boolean {
  const isOnNew = version !== '' && pointsTo(state, { version, weights: {} });
  const isOnOld = before !== undefined && state.version === before.version;
  const isUnshifted = !isSplit(state) || pointsTo(state, before ?? state);
  const isShifting = version !== '' && versionsOf(state).slice(1).join() === version;
  return isOnNew || (isOnOld && (isUnshifted || isShifting));
}

/** The state in which it ended, or that at the deadline. */
async function awaitEnd(
  { world, group }: Handover,
  id: string,
  { deadline, note }: Pick<AliasWork, 'deadline' | 'note'>,
): Promise<DeploymentState> {
  const onChange = changes(describe, note);
  for (;;) {
    const state = await persist(() => world.codeDeploy.look(group, id, deadline), {
      subject: `GetDeployment ${id}`,
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: note,
    });
    onChange(state);
    const left = deadline - world.clock.now() - leastLeftMs;
    if (hasEnded(state) || left <= 0) {
      return state;
    }
    await world.clock.pause(Math.min(intervalMs, left));
  }
}

function hasEnded({ status }: DeploymentState): boolean {
  return ['Succeeded', 'Failed', 'Stopped'].includes(status);
}

function describe({ status, events, weight }: DeploymentState): string {
  const shown = events.map((event) => `${plain(event.name)} ${plain(event.status)}`).join(', ');
  const traffic = weight === undefined ? '' : `, ${Math.round(weight)} % of the traffic`;
  return `CodeDeploy ${plain(status)}${shown ? ` (${shown})` : ''}${traffic}`;
}

function notEnded(id: string, { status }: DeploymentState): DeployError {
  return new DeployError(
    'timed-out',
    `Deployment ${id} of CodeDeploy had not ended in time, it was ${plain(status)}.`,
    {
      hint: 'CodeDeploy goes on with it, and nothing was cleared. Raise update-timeout above the time that its configuration takes.',
    },
  );
}

function failure(id: string, { status, error, rollback }: DeploymentState, { isMoved }: AliasOutcome): DeployError {
  return new DeployError(
    // One that is stopped may leave the alias as it is just then.
    isMoved ? 'update-failed' : 'rolled-back',
    `Deployment ${id} of CodeDeploy ${status === 'Stopped' ? 'was stopped' : 'failed'}: ${plain(error || 'no reason given').replace(/\.$/, '')}${rollback ? ` (${plain(rollback)})` : ''}.`,
    { hint: 'See the deployment in the CodeDeploy console, its alarms and its hooks. Nothing was cleared.' },
  );
}
