import { DeployError, type ErrorCode } from '../../src/errors.ts';
import type { Attempt } from '../../src/world.ts';
import { type Actor, type FaultKind, throwIfStopped } from './actor.ts';
import { createClock, type VirtualClock } from './clock.ts';
import { createRandom, type Random } from './random.ts';

/** How long things take, in milliseconds. */
export interface Pace {
  apiMs: number;
  updateMs: number;
  versionMs: number;
  invalidationMs: number;
  provisionedMs: number;
  /** How far a read may be behind. */
  lagMs: number;
  /**
   * Whether PublishVersion makes a new version after an update to the very same code. AWS says that it does not where
   * code and configuration have not changed; users report both (aws/aws-sdk-js-v3#5946, floci-io/floci#2822).
   */
  countsEveryUpdate: boolean;
}

export interface LoggedCall {
  at: number;
  by: string;
  action: string;
  target: string;
  /** Whether it reached AWS. */
  applied: boolean;
  result: string;
}

/** What all services share: time, chance, and the way a call goes. */
export interface Aws {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly pace: Pace;
  readonly calls: LoggedCall[];
  /** Called whenever something may have changed. */
  readonly onTick: (() => void)[];
  /** Called right before a call of a run gets to AWS, and right after. */
  readonly onCall: ((actor: Actor, call: number, when: 'before' | 'after') => void)[];
  newId(): string;
  call<T>(actor: Actor, call: Call<T>): Promise<Attempt<T>>;
}

export interface Call<T> {
  action: string;
  target: string;
  deadline: number;
  patienceMs?: number;
  apply(): Attempt<T>;
}

const patienceMs = 10_000;

export function createAws(seed: number, pace: Pace): Aws {
  const random = createRandom(seed);
  const onTick: (() => void)[] = [];
  const clock = createClock(() => {
    for (const tick of onTick) {
      tick();
    }
  });
  let ids = 0;
  const aws: Aws = {
    clock,
    random,
    pace,
    calls: [],
    onTick,
    onCall: [],
    newId: () => `id-${++ids}`,
    call: (actor, call) => send(aws, actor, call),
  };
  return aws;
}

/** On its way, applied, on its way back; a fault or the end of the run may come between any two of them. */
async function send<T>(aws: Aws, actor: Actor, call: Call<T>): Promise<Attempt<T>> {
  const { clock, random, pace, calls } = aws;
  throwIfStopped(actor);
  if (clock.now() > call.deadline) {
    return { kind: 'unanswered', reason: 'no time left to send it', retryAfterMs: 0 };
  }
  const until = clock.now() + Math.max(1000, Math.min(call.patienceMs ?? patienceMs, call.deadline - clock.now()));
  const kind = nextFault(actor, call.action);
  const number = actor.calls;
  const logged: LoggedCall = {
    at: clock.now(),
    by: actor.name,
    action: call.action,
    target: call.target,
    applied: false,
    result: '',
  };
  calls.push(logged);
  stopAt(actor, number, 'before', logged);
  let value: Attempt<T> | undefined;
  const apply = () => {
    logged.at = clock.now();
    logged.applied = true;
    value = call.apply();
    logged.result = textOf(value);
  };
  const way = clock.sleep(random() * pace.apiMs);
  try {
    await Promise.race([way, actor.stopped]);
  } catch (error) {
    // What was on its way already may arrive all the same.
    logged.result = 'stopped on its way';
    if (random() < 0.5 && (kind === undefined || isApplied(kind))) {
      clock.after(0, apply);
    }
    throw error;
  }
  const tell = (when: 'before' | 'after') => {
    for (const watcher of aws.onCall) {
      watcher(actor, number, when);
    }
  };
  tell('before');
  if (kind === undefined || isApplied(kind)) {
    apply();
  }
  tell('after');
  stopAt(actor, number, 'after', logged);
  await Promise.race([clock.sleep(random() * pace.apiMs), actor.stopped]);
  if (kind === undefined) {
    return value as Attempt<T>;
  }
  logged.result = `${kind}${logged.applied ? `, but ${logged.result}` : ''}`;
  if (kind === 'hang' || kind === 'hang-after') {
    await Promise.race([clock.sleep(until - clock.now()), actor.stopped]);
  }
  return failed(kind, call.action);
}

function nextFault(actor: Actor, action: string): FaultKind | undefined {
  actor.calls += 1;
  const nth = (actor.counts.get(action) ?? 0) + 1;
  actor.counts.set(action, nth);
  return actor.faults.find((fault) => fault.action === action && fault.nth === nth)?.kind;
}

function stopAt(actor: Actor, call: number, when: 'before' | 'after', logged: LoggedCall): void {
  const { stop } = actor;
  if (stop !== undefined && call === stop.call && when === stop.when) {
    logged.result = `${logged.result} [${stop.kind} ${when} this call]`;
    actor.end(stop.kind);
  }
  throwIfStopped(actor);
}

function isApplied(kind: FaultKind): boolean {
  return kind === 'lost-after' || kind === 'error-after' || kind === 'hang-after';
}

function failed(kind: FaultKind, action: string): Attempt<never> {
  const unanswered = (reason: string, errorName: string): Attempt<never> => ({
    kind: 'unanswered',
    reason,
    retryAfterMs: 0,
    errorName,
  });
  switch (kind) {
    case 'throttled':
      return unanswered('throttled', 'TooManyRequestsException');
    case 'lost-before':
    case 'lost-after':
      return unanswered('a broken connection (ECONNRESET)', 'Error');
    case 'error-after':
      return unanswered('HTTP 500 (ServiceException)', 'ServiceException');
    case 'hang':
    case 'hang-after':
      return { kind: 'unanswered', reason: 'no answer in time', retryAfterMs: 0 };
    case 'denied':
      return refused('access-denied', `${action} was denied.`, 'AccessDeniedException');
  }
}

export function answered<T>(value: T): Attempt<T> {
  return { kind: 'answered', value };
}

export function refused(code: ErrorCode, message: string, errorName: string): Attempt<never> {
  return { kind: 'refused', error: new DeployError(code, message), errorName };
}

export function busy(reason: string): Attempt<never> {
  return { kind: 'busy', reason };
}

function textOf(attempt: Attempt<unknown>): string {
  switch (attempt.kind) {
    case 'answered':
      return shown(attempt.value);
    case 'refused':
      return `refused: ${attempt.error.message}`;
    default:
      return `${attempt.kind}: ${attempt.reason}`;
  }
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) {
    return String(value);
  }
  if (value instanceof Map) {
    return 'states';
  }
  const { version, weights, state, lastUpdateStatus, codeSha256, status, revisionId } = value as Record<
    string,
    unknown
  >;
  return [
    version && `version ${version}`,
    weights && JSON.stringify(weights),
    state,
    lastUpdateStatus,
    codeSha256 && `code ${String(codeSha256)[0]}`,
    status,
    revisionId,
  ]
    .filter(Boolean)
    .join(' ');
}
