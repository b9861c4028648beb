import {
  type AliasOutcome,
  type AliasWork,
  ask,
  isThere,
  lagMs,
  leaveAt,
  moveAlias,
  observe,
  readAlias,
} from '../alias/alias.ts';
import { movedByOthers } from '../alias/run-order.ts';
import type { Switching } from '../alias/switch.ts';
import { type AliasTarget, describeTarget, isSplit, pointsTo } from '../alias/target.ts';
import { DeployError } from '../errors.ts';
import { parseFunctionRef } from '../lambda/function-ref.ts';
import { changes } from '../lambda/preparation.ts';
import { plain } from '../plain.ts';
import { backoffMs, leastLeftMs, outOfTime, persist } from '../retry.ts';
import { seconds, type Timeline } from '../timeline.ts';
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

/** What every part of handing one alias over shares. */
interface Handing extends Handover {
  switching: Switching;
  work: AliasWork;
  /** Passes on, once, why events cannot be seen. */
  tellUnseen(state: DeploymentState): void;
}

/** One deployment, and the version from which it shifts. */
interface Started {
  id: string;
  current: string;
}

/**
 * Before anything changes: the group is there, is one for Lambda, and its deployments may be looked at. The answer is a
 * warning when it is not known how long it shifts.
 */
export async function checkGroup(
  group: DeploymentGroup,
  world: World,
  deadline: number,
): Promise<DeployError | undefined> {
  const ask = <T>(action: string, call: () => Promise<Attempt<T>>) =>
    persist(call, {
      subject: `${action} for ${group.application}/${group.name}`,
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: (reason) => world.log.line(reason),
    });
  await ask('ListDeployments', () => world.codeDeploy.active(group, deadline));
  try {
    const { computePlatform, config } = await ask('GetDeploymentGroup', () =>
      world.codeDeploy.settings(group, deadline),
    );
    refuseOtherPlatform(group, computePlatform);
    const { ms } = await ask('GetDeploymentConfig', () => world.codeDeploy.shiftTime(group, config, deadline));
    world.log.line(
      `CodeDeploy ${plain(group.application)}/${plain(group.name)}: ${plain(config)}${ms === undefined ? '' : `, at most ${seconds(ms)} of shifting`}`,
    );
    return ms === undefined
      ? shiftUnknown(group, `the configuration ${plain(config)} shifts in an unknown way`)
      : undefined;
  } catch (error) {
    if (error instanceof DeployError && error.code === 'access-denied') {
      return shiftUnknown(group, error.message);
    }
    throw error;
  }
}

function refuseOtherPlatform({ application, name }: DeploymentGroup, computePlatform: string): void {
  if (!['', 'Lambda'].includes(computePlatform)) {
    throw new DeployError(
      'invalid-input',
      `Deployment group ${plain(application)}/${plain(name)} is for ${plain(computePlatform)}, not for Lambda.`,
      { hint: 'Set codedeploy-application and codedeploy-deployment-group to a group of the Lambda compute platform.' },
    );
  }
}

function shiftUnknown({ application, name }: DeploymentGroup, reason: string): DeployError {
  return new DeployError(
    'access-denied',
    `How long deployment group ${plain(application)}/${plain(name)} shifts is not known before it starts: ${reason}`,
    {
      hint: 'Allow codedeploy:GetDeploymentGroup on the group and codedeploy:GetDeploymentConfig on its configuration, or set update-timeout above the time of the shift.',
    },
  );
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
    const tellUnseen = changes(({ unseen }: DeploymentState) => unseen && `events are not shown: ${unseen}`, note);
    const handing = { ...handover, switching, work, tellUnseen };
    const started = await startDeployment(handing);
    if (started !== undefined) {
      await follow(handing, started);
    }
    await confirmMoved(work, { version, weights: {} });
    alias.isMoved ||= alias.now === undefined || alias.before === undefined || !pointsTo(alias.now, alias.before);
  });
}

/** CodeDeploy has moved it, so whatever else is read once reads have caught up is somebody else's move, and stays. */
async function confirmMoved(work: AliasWork, target: AliasTarget): Promise<void> {
  const { world, outcome, note } = work;
  const until = world.clock.now() + readBackMs;
  for (let tries = 0; ; tries += 1) {
    const state = await readAlias({ ...work, deadline: Math.max(work.deadline, until) });
    if (state !== undefined && isThere(state, target, true)) {
      leaveAt(outcome, state);
      note(`alias ${outcome.name} points to ${describeTarget(state)}`);
      return;
    }
    if (world.clock.now() >= until) {
      throw await leaveToOthers(work, state);
    }
    await world.clock.pause(backoffMs(tries, 200, 2000));
  }
}

/** What this run asked for is over, and what is there now is not undone. */
function leaveToOthers(work: AliasWork, state: AliasState | undefined): Promise<DeployError> {
  Object.assign(work.outcome, { now: state, sent: undefined, isMoved: false });
  return movedByOthers(work, state);
}

/** https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-example.html */
function appSpec({ name, functionName, alias, version }: Switching, current: string): string {
  // The name alone, as AWS's examples have it: an ARN is not documented for it.
  const Name = parseFunctionRef(functionName)?.name ?? name;
  return JSON.stringify({
    version: 0.0,
    Resources: [
      {
        function: {
          Type: 'AWS::Lambda::Function',
          Properties: { Name, Alias: alias.name, CurrentVersion: current, TargetVersion: version },
        },
      },
    ],
  });
}

/** Undefined when the alias is where it is to be. */
async function startDeployment(handing: Handing): Promise<Started | undefined> {
  const { world, group, work } = handing;
  const tried: Tried = { maybeMade: false, current: '', waitedFor: new Set() };
  for (let tries = 0; ; tries += 1) {
    const attempt = await tryToStart(handing, tried);
    if (attempt.kind === 'answered') {
      return attempt.value === undefined ? undefined : { id: attempt.value, current: tried.current };
    }
    const left = work.deadline - world.clock.now() - leastLeftMs;
    if (left <= 0) {
      throw outOfTime(`CreateDeployment for ${group.application}/${group.name}`, attempt.reason);
    }
    work.note(`not started yet, ${attempt.reason}`);
    await world.clock.pause(Math.min(left, backoffMs(tries, 1000, 15_000)));
  }
}

interface Tried {
  maybeMade: boolean;
  /** From which version it is, or may be, on its way. */
  current: string;
  /** Deployments of others. */
  waitedFor: Set<string>;
}

/** A group makes one deployment at a time: another one ends, then ours is made. */
const busy = { kind: 'busy', reason: 'another deployment of the group is in progress' } as const;

/** CreateDeployment has no token that makes a repeated call harmless, so after a lost answer its deployment is looked for. */
async function tryToStart(
  handing: Handing,
  tried: Tried,
): Promise<Exclude<Attempt<string | undefined>, { kind: 'refused' }>> {
  const { world, group, description, switching, work } = handing;
  const { alias, version } = switching;
  const own = tried.maybeMade ? await findOwn(handing) : undefined;
  if (own !== undefined) {
    return { kind: 'answered', value: own };
  }
  if (!(await isFree(handing, tried))) {
    return busy;
  }
  const current = await lookUnsplit(switching, work);
  if (current === version) {
    return { kind: 'answered', value: undefined };
  }
  tried.current = current;
  let isRefused = false;
  try {
    const attempt = await ask(alias, { version, weights: {} }, () =>
      world.codeDeploy.create(group, { appSpec: appSpec(switching, current), description }, work.deadline),
    );
    if (attempt.kind === 'refused') {
      isRefused = true;
      if (attempt.errorName === 'DeploymentLimitExceededException') {
        return busy;
      }
      throw attempt.error;
    }
    tried.maybeMade ||= attempt.kind === 'unanswered';
    return attempt;
  } finally {
    // As long as CodeDeploy is at it, nobody else should move the alias, back neither; also not when this is cancelled.
    alias.isMoved &&= isRefused;
  }
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

/** A deployment of somebody else has the time that its own configuration takes. */
async function isFree(handing: Handing, { waitedFor }: Tried): Promise<boolean> {
  const { world, group, work, timeoutMs } = handing;
  const active = await persist(() => world.codeDeploy.active(group, work.deadline), persistence(handing));
  for (const id of active.filter((one) => !waitedFor.has(one))) {
    waitedFor.add(id);
    const { config } = await look(handing, id);
    work.deadline = Math.max(work.deadline, world.clock.now() + (await shiftMs(handing, config)) + timeoutMs);
    work.note(`waiting for deployment ${plain(id)}`);
  }
  return active.length === 0;
}

async function findOwn(handing: Handing): Promise<string | undefined> {
  const { world, group, description, work } = handing;
  for (const id of await persist(() => world.codeDeploy.sinceStart(group, work.deadline), persistence(handing))) {
    if ((await look(handing, id)).description === description) {
      return id;
    }
  }
  return undefined;
}

function look(handing: Handing, id: string): Promise<DeploymentState> {
  const { world, group, work } = handing;
  return persist(() => world.codeDeploy.look(group, id, work.deadline), {
    ...persistence(handing),
    subject: `GetDeployment ${id}`,
  });
}

function persistence({ world, group, work }: Handing) {
  return {
    subject: `ListDeployments for ${group.application}/${group.name}`,
    deadline: work.deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: work.note,
  };
}

/** Nothing where it may not be read: then the release has told so before it began. */
async function shiftMs(handing: Handing, config: string): Promise<number> {
  const { world, group, work } = handing;
  const { ms = 0 } = await persist<{ ms: number | undefined }>(
    async () => {
      const attempt = await world.codeDeploy.shiftTime(group, config, work.deadline);
      return attempt.kind === 'refused' ? { kind: 'answered', value: { ms: undefined } } : attempt;
    },
    { ...persistence(handing), subject: `GetDeploymentConfig ${config}` },
  );
  return ms;
}

/** How CodeDeploy names a deployment that it did not begin, because the alias was not where the AppSpec says. */
const notBegun = 'INVALID_LAMBDA_CONFIGURATION';

/** Until it has ended, and with it the deployment that takes it back; where the alias then is, says whose it is. */
async function follow(handing: Handing, { id, current }: Started): Promise<void> {
  const { world, work, switching } = handing;
  const { alias, version } = switching;
  work.note(`deployment ${plain(id)}`);
  const end = await awaitRollback(handing, { id, current }, await awaitEnd(handing, id));
  if (end.status === 'Succeeded') {
    return;
  }
  const last = end.rollbackId ? await awaitEnd(handing, end.rollbackId) : end;
  await world.clock.pause(lagMs);
  const state = await readAlias({ ...work, deadline: world.clock.now() + readBackMs });
  alias.now = state;
  if (isNotBegun(end) && state !== undefined && pointsTo(state, { version, weights: {} })) {
    // The deployment of a run that was killed got there first, and a read was behind it.
    return;
  }
  if (!hasEnded(last)) {
    throw notEnded(hasEnded(end) ? end.rollbackId : id, last);
  }
  if (!isLeftBy(end, state, { current, version })) {
    throw await leaveToOthers(work, state);
  }
  alias.sent = undefined;
  // What CodeDeploy has left is this run's to roll back.
  leaveAt(alias, state);
  alias.isMoved = state === undefined || alias.before === undefined || !pointsTo(state, alias.before);
  throw failure(id, end, alias);
}

function isNotBegun({ error, weight }: DeploymentState): boolean {
  return error.startsWith(notBegun) && !weight;
}

/** Whether a deployment that did not succeed has left the alias so, itself or by taking itself back. */
function isLeftBy(
  end: DeploymentState,
  state: AliasState | undefined,
  { current, version }: { current: string; version: string },
): boolean {
  const { weight, rollbackId } = end;
  const known = isNotBegun(end) ? 0 : weight;
  const shifted = known === undefined ? undefined : known / 100;
  if (state === undefined) {
    return false;
  }
  if (pointsTo(state, { version: current, weights: {} })) {
    return rollbackId !== '' || !shifted;
  }
  if (isThere(state, { version, weights: {} }, true)) {
    return shifted === undefined || shifted === 1;
  }
  const { [version]: given, ...others } = state.weights;
  const isOfTwo = state.version === current && given !== undefined && Object.keys(others).length === 0;
  return isOfTwo && (shifted === undefined || Math.abs(given - shifted) < 0.001);
}

/** The deployment that takes one back is named a moment after the end of that. */
async function awaitRollback(
  handing: Handing,
  { id, current }: Started,
  end: DeploymentState,
): Promise<DeploymentState> {
  const { world, work } = handing;
  const until = world.clock.now() + readBackMs;
  let now = end;
  while (now.rollbackId === '' && now.rollsBackOn.includes(endOf(now)) && world.clock.now() < until) {
    const state = await readAlias({ ...work, deadline: until });
    if (state !== undefined && pointsTo(state, { version: current, weights: {} })) {
      break;
    }
    await world.clock.pause(lagMs);
    now = await look(handing, id);
  }
  return now;
}

/** In the words of AutoRollbackConfiguration. */
function endOf({ status, error }: DeploymentState): string {
  const stop = error.startsWith('ALARM_ACTIVE') ? 'DEPLOYMENT_STOP_ON_ALARM' : 'DEPLOYMENT_STOP_ON_REQUEST';
  return { Failed: 'DEPLOYMENT_FAILURE', Stopped: stop }[status] ?? '';
}

/** The state in which it ended, or that when the time of its configuration and update-timeout are up. */
async function awaitEnd(handing: Handing, id: string): Promise<DeploymentState> {
  const { world, work, timeoutMs, tellUnseen } = handing;
  const onChange = changes(describe, work.note);
  const began = world.clock.now();
  for (let tries = 0; ; tries += 1) {
    const state = await look(handing, id);
    if (tries === 0) {
      work.deadline = Math.max(work.deadline, began + (await shiftMs(handing, state.config)) + timeoutMs);
    }
    onChange(state);
    tellUnseen(state);
    const left = work.deadline - world.clock.now() - leastLeftMs;
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
      hint: 'CodeDeploy goes on with it, and no cache was invalidated. Re-run this job: it waits for the deployment; raise update-timeout if hooks take that long.',
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
