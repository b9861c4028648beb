import type { Clock, Duration } from '../clock.ts';
import type { Outcome } from '../faults.ts';
import type { Timeline } from '../timeline.ts';
import type { Code } from './code.ts';
import { LambdaErrors } from './errors.ts';

/*
 * The life of a function, as AWS documents it.
 *
 *   State               create ──▶ Pending ──▶ Active      (or Failed)
 *                                     ▲
 *                                     └── Inactive, when updated or invoked
 *
 *   LastUpdateStatus    Successful ──▶ InProgress ──▶ Successful      (or Failed)
 *
 *                        update            publish     invoke
 *   Pending              409               409         409
 *   Active, InProgress   409               409         the PREVIOUS code
 *   Active, Successful   ──▶ InProgress    a version   the code
 *   Active, Failed       ──▶ InProgress    409 (1)     the PREVIOUS code
 *   Inactive             ──▶ Pending (2)   a version   refused, and ──▶ Pending ──▶ Active
 *   Failed               ──▶ Pending (2)   409         refused
 *
 * $LATEST of a function on managed instances is ActiveNonInvocable instead of Active, and never invoked: callers that name
 * neither version nor alias get $LATEST.PUBLISHED, which is published over and over.
 *
 * A version is Pending until it is Active (or Failed) and never changes again, but that one that idled is Inactive, and
 * its first invocation only wakes it, as with a function.
 *
 * The record ($LATEST's configuration, with CodeSha256) shows the NEW code as soon as an update starts, and keeps
 * showing it when the update failed: who skips by CodeSha256 alone skips the repair.
 *
 * AWS documents neither that, nor (1): both are the careful guess.  (2) LastUpdateStatus is InProgress meanwhile.
 */

export type State = 'Pending' | 'Active' | 'Inactive' | 'Failed' | (string & {});
export type UpdateStatus = 'Successful' | 'InProgress' | 'Failed' | (string & {});

export interface Reason {
  code: string;
  text: string;
}

/** The parts of the configuration that a caller may set, under the API's names. */
export type Configuration = Record<string, unknown>;

export interface LambdaFunction {
  name: string;
  packageType: 'Image' | 'Zip';
  configuration: Configuration;
  /** What the record shows. */
  code: Code;
  /** What invocations of $LATEST run. */
  serving: Code;
  state: State;
  stateReason: Reason | undefined;
  lastUpdateStatus: UpdateStatus;
  lastUpdateReason: Reason | undefined;
  revisionId: string;
  lastModified: Date;
  /** When an update last turned Successful, as `performance.now()`. */
  updatedAt: number | undefined;
  versions: Version[];
  nextVersion: number;
  aliases: Map<string, Alias>;
  /** Version or $LATEST → the environments that were started for it; no other version uses them. */
  environments: Map<string, Environment[]>;
  /** Alias or version → what was provisioned for it. */
  provisioned: Map<string, ProvisionedConcurrency>;
  /** The most invocations at once. */
  reservedConcurrency: number | undefined;
  /** `$LATEST.PUBLISHED` of a function on managed instances, once it was published. */
  latestPublished: LatestPublished | undefined;
}

export interface Environment {
  /** As `performance.now()`. */
  busyUntil: number;
  /** The alias or version whose provisioned concurrency this belongs to. */
  provisionedFor: string | undefined;
}

export interface ProvisionedConcurrency {
  requested: number;
  status: 'IN_PROGRESS' | 'READY' | 'FAILED';
  reason: string | undefined;
  lastModified: Date;
}

export interface Version {
  version: string;
  code: Code;
  configuration: Configuration;
  state: State;
  stateReason: Reason | undefined;
  revisionId: string;
  lastModified: Date;
  activeAt: number | undefined;
}

/** Shows what was published last; what is served is the one before until that is Active. */
export interface LatestPublished extends Version {
  serving: Code | undefined;
  lastUpdateStatus: UpdateStatus;
  lastUpdateReason: Reason | undefined;
}

export interface Alias {
  name: string;
  version: string;
  description: string;
  /** Further version → share of traffic; empty is no shift. */
  weights: Record<string, number>;
  /** The version that goes on serving until provisioned concurrency is ready for the one it was moved to. */
  handingOver: string | undefined;
  revisionId: string;
}

/** How AWS shows the traffic of an alias, and splits it: a move with provisioned concurrency adds a weight of its own. */
export function weightsOf(alias: Alias): Record<string, number> {
  return alias.handingOver === undefined ? alias.weights : { [alias.handingOver]: 1 };
}

/** The part of an alias's traffic, from 0 to 1, that a version gets. */
export function shareOf(alias: Alias, version: string): number {
  const weights = weightsOf(alias);
  if (version !== alias.version) return weights[version] ?? 0;
  return 1 - Object.values(weights).reduce((sum, weight) => sum + weight, 0);
}

export function isNamedBy(alias: Alias, version: string): boolean {
  return alias.version === version || version in weightsOf(alias);
}

/** Who answers an invocation now. */
export interface Answering {
  fn: LambdaFunction;
  version: string;
  code: Code;
}

/** What the state machine needs of its surroundings. */
export interface LambdaClocks {
  clock: Clock;
  timeline: Timeline;
  createMs: Duration;
  updateMs: Duration;
  versionMs: Duration;
  snapStartMs: Duration;
  provisionedMs: Duration;
}

const CREATING: Reason = { code: 'Creating', text: 'The function is being created.' };
const RESTORING: Reason = { code: 'Restoring', text: 'The function is being restored.' };

/** Every change moves the RevisionId, and so does the end of an update. */
export function touch(fn: { revisionId: string }): void {
  fn.revisionId = crypto.randomUUID();
}

export function startCreation(clocks: LambdaClocks, fn: LambdaFunction, outcome?: Outcome): void {
  fn.state = 'Pending';
  fn.stateReason = CREATING;
  clocks.timeline.add('function-created', fn.name, { codeSha256: fn.code.codeSha256 });
  finish(clocks, clocks.createMs, outcome, (failure) => endCreation(clocks, fn, failure));
}

function endCreation(clocks: LambdaClocks, fn: LambdaFunction, failure: Reason | undefined): void {
  fn.state = failure === undefined ? 'Active' : 'Failed';
  fn.stateReason = failure;
  touch(fn);
  clocks.timeline.add(failure === undefined ? 'function-active' : 'function-failed', fn.name);
}

/** An update of code or configuration; `version` is one that was published with it and waits for its end. */
export function startUpdate(
  clocks: LambdaClocks,
  fn: LambdaFunction,
  change: { code?: Code; configuration?: Configuration; publish?: boolean },
  outcome?: Outcome,
): Version | undefined {
  if (change.code !== undefined) fn.code = change.code;
  if (change.configuration !== undefined) fn.configuration = change.configuration;
  if (fn.state !== 'Active' && fn.state !== 'ActiveNonInvocable') {
    fn.state = 'Pending';
    fn.stateReason = RESTORING;
  }
  fn.lastModified = new Date();
  touch(fn);
  clocks.timeline.add('update-started', fn.name, { codeSha256: fn.code.codeSha256 });
  beginUpdate(fn);
  const version = change.publish === true ? (unchangedVersion(fn) ?? addVersion(clocks, fn, undefined)) : undefined;
  finish(clocks, clocks.updateMs, outcome, (failure) => {
    endUpdate(clocks, fn, failure);
    if (version?.state === 'Pending') settleVersion(clocks, fn, version, failure);
  });
  return version;
}

export function beginUpdate(fn: LambdaFunction): void {
  fn.lastUpdateStatus = 'InProgress';
  fn.lastUpdateReason = CREATING;
}

function endUpdate(clocks: LambdaClocks, fn: LambdaFunction, failure: Reason | undefined): void {
  fn.lastUpdateReason = failure;
  touch(fn);
  if (fn.state === 'Pending') {
    fn.state = failure === undefined ? 'Active' : 'Failed';
    fn.stateReason = failure;
  }
  if (failure !== undefined) {
    fn.lastUpdateStatus = 'Failed';
    clocks.timeline.add('update-failed', fn.name, { codeSha256: fn.code.codeSha256, reasonCode: failure.code });
    return;
  }
  fn.lastUpdateStatus = 'Successful';
  fn.serving = fn.code;
  fn.environments.delete('$LATEST');
  fn.updatedAt = clocks.clock.now();
  clocks.timeline.add('update-finished', fn.name, { codeSha256: fn.code.codeSha256 });
}

/** Ends an update that was under way when the function was set up. */
export function continueUpdate(clocks: LambdaClocks, fn: LambdaFunction): void {
  finish(clocks, clocks.updateMs, undefined, (failure) => endUpdate(clocks, fn, failure));
}

/** The first invocation of an idle function only wakes it up. */
export function wakeUp(clocks: LambdaClocks, fn: LambdaFunction): void {
  fn.state = 'Pending';
  fn.stateReason = RESTORING;
  finish(clocks, clocks.createMs, undefined, () => endCreation(clocks, fn, undefined));
}

export function wakeUpVersion(clocks: LambdaClocks, fn: LambdaFunction, version: Version): void {
  version.state = 'Pending';
  version.stateReason = RESTORING;
  startVersion(clocks, fn, version);
}

export function isManaged(configuration: Configuration): boolean {
  return configuration.CapacityProviderConfig !== undefined;
}

export const LATEST_PUBLISHED = '$LATEST.PUBLISHED';

/** What was published there before goes on serving until the new code is ready; so does it when that fails. */
export function publishLatest(
  clocks: LambdaClocks,
  fn: LambdaFunction,
  description: string | undefined,
  outcome?: Outcome,
): LatestPublished {
  const earlier = fn.latestPublished;
  const configuration =
    description === undefined ? fn.configuration : { ...fn.configuration, Description: description };
  const latest: LatestPublished = {
    version: LATEST_PUBLISHED,
    code: fn.code,
    configuration,
    serving: earlier?.serving,
    state: earlier?.serving === undefined ? 'Pending' : 'Active',
    stateReason: earlier?.serving === undefined ? CREATING : undefined,
    lastUpdateStatus: earlier?.serving === undefined ? 'Successful' : 'InProgress',
    lastUpdateReason: undefined,
    revisionId: crypto.randomUUID(),
    lastModified: new Date(),
    activeAt: earlier?.activeAt,
  };
  fn.latestPublished = latest;
  clocks.timeline.add('version-published', fn.name, { version: LATEST_PUBLISHED, codeSha256: fn.code.codeSha256 });
  finish(clocks, clocks.versionMs, outcome, (failure) => endLatest(clocks, fn, latest, failure));
  return latest;
}

function endLatest(
  clocks: LambdaClocks,
  fn: LambdaFunction,
  latest: LatestPublished,
  failure: Reason | undefined,
): void {
  touch(latest);
  if (latest.state === 'Pending') {
    latest.state = failure === undefined ? 'Active' : 'Failed';
    latest.stateReason = failure;
  } else {
    latest.lastUpdateStatus = failure === undefined ? 'Successful' : 'Failed';
    latest.lastUpdateReason = failure;
  }
  if (failure === undefined) {
    latest.serving = latest.code;
    latest.activeAt = clocks.clock.now();
  }
  const type = failure === undefined ? 'version-active' : 'version-failed';
  clocks.timeline.add(type, fn.name, { version: LATEST_PUBLISHED, codeSha256: latest.code.codeSha256 });
}

/** SnapStart is for published versions only. */
export function hasSnapStart(configuration: Configuration): boolean {
  const { ApplyOn } = (configuration.SnapStart ?? {}) as { ApplyOn?: string };
  return ApplyOn === 'PublishedVersions';
}

/** The newest version, even one that Failed, if nothing changed since: then publishing again returns it. */
export function unchangedVersion(fn: LambdaFunction): Version | undefined {
  const newest = fn.versions.at(-1);
  const sameCode = newest?.code.codeSha256 === fn.code.codeSha256 && newest.code.architecture === fn.code.architecture;
  if (!sameCode) return undefined;
  const { Description: _own, ...published } = newest.configuration;
  const { Description: _latest, ...latest } = fn.configuration;
  return JSON.stringify(published) === JSON.stringify(latest) ? newest : undefined;
}

/** A version takes the code and configuration as they are now; it serves only once it is Active. */
export function addVersion(clocks: LambdaClocks, fn: LambdaFunction, description: string | undefined): Version {
  const configuration =
    description === undefined ? fn.configuration : { ...fn.configuration, Description: description };
  const version: Version = {
    version: String(fn.nextVersion),
    code: fn.code,
    configuration,
    state: 'Pending',
    stateReason: CREATING,
    revisionId: crypto.randomUUID(),
    lastModified: new Date(),
    activeAt: undefined,
  };
  fn.nextVersion += 1;
  fn.versions.push(version);
  clocks.timeline.add('version-published', fn.name, { version: version.version, codeSha256: fn.code.codeSha256 });
  return version;
}

export function startVersion(clocks: LambdaClocks, fn: LambdaFunction, version: Version, outcome?: Outcome): void {
  const duration = hasSnapStart(version.configuration) ? clocks.snapStartMs : clocks.versionMs;
  finish(clocks, duration, outcome, (failure) => endVersion(clocks, fn, version, failure));
}

/** A version that was published with an update fails with it, or starts once the update has ended. */
function settleVersion(clocks: LambdaClocks, fn: LambdaFunction, version: Version, failure: Reason | undefined): void {
  if (failure === undefined) startVersion(clocks, fn, version);
  else endVersion(clocks, fn, version, failure);
}

function endVersion(clocks: LambdaClocks, fn: LambdaFunction, version: Version, failure: Reason | undefined): void {
  version.state = failure === undefined ? 'Active' : 'Failed';
  version.stateReason = failure;
  touch(version);
  if (failure === undefined) version.activeAt = clocks.clock.now();
  const type = failure === undefined ? 'version-active' : 'version-failed';
  clocks.timeline.add(type, fn.name, { version: version.version, codeSha256: version.code.codeSha256 });
}

export function refuseUpdate(fn: LambdaFunction, arn: string): void {
  if (fn.state === 'Pending') throw LambdaErrors.inState(fn.state);
  if (fn.lastUpdateStatus === 'InProgress') throw LambdaErrors.updateInProgress(arn);
}

export function refusePublish(fn: LambdaFunction, arn: string): void {
  refuseUpdate(fn, arn);
  if (fn.state === 'Failed' || fn.lastUpdateStatus === 'Failed') throw LambdaErrors.inState('Failed');
}

/** Calls back at the end of work that takes `duration`, unless a fault has other plans. */
export function finish(
  clocks: LambdaClocks,
  duration: Duration,
  outcome: Outcome | undefined,
  end: (failure: Reason | undefined) => void,
): void {
  if (outcome?.kind === 'stuck') return;
  const failure =
    outcome?.kind === 'ends-failed'
      ? { code: outcome.reasonCode ?? 'InternalError', text: outcome.reason ?? 'An internal error occurred.' }
      : undefined;
  clocks.clock.after(outcome?.kind === 'takes' ? outcome.ms : clocks.clock.draw(duration), () => end(failure));
}
