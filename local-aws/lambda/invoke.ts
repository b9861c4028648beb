import { ApiError, type Input, type Reply, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import type { Code } from './code.ts';
import { addEnvironment, countBusy, findFree } from './environments.ts';
import { LambdaErrors, notReady, overReservedConcurrency } from './errors.ts';
import {
  type Alias,
  type Answering,
  hasSnapStart,
  isManaged,
  LATEST_PUBLISHED,
  type LambdaFunction,
  type Version,
  wakeUp,
  wakeUpVersion,
  weightsOf,
} from './function-state.ts';
import { type Execution, logTail } from './log-tail.ts';
import { type Found, findFunction, findTarget, findVersion, type LambdaStore } from './store.ts';

/** The one rule about what serves: previous code while updating, nobody while Pending. */
export function chooseAnswering(store: LambdaStore, found: Found): Answering {
  const { fn } = found;
  const target = findTarget(found);
  // Who names neither version nor alias gets $LATEST, and of a function on managed instances what was published of it.
  const isPublished =
    target.kind === 'latest' && found.identifier.qualifier === undefined && isManaged(fn.configuration);
  if (target.kind === 'latest-published' || isPublished) {
    return { fn, version: LATEST_PUBLISHED, code: publishedCode(fn) };
  }
  if (target.kind === 'latest') return { fn, version: '$LATEST', code: latestCode(store, fn) };
  const version = target.kind === 'version' ? target.version : chooseVersion(store, fn, target.alias);
  if (version === undefined) return { fn, version: '$LATEST', code: latestCode(store, fn) };
  if (version.state !== 'Active') throw refuseVersion(store, fn, version);
  return { fn, version: version.version, code: version.code };
}

function publishedCode({ latestPublished }: LambdaFunction): Code {
  if (latestPublished === undefined) {
    throw new ApiError(400, 'NoPublishedVersionException', 'The function has no published versions available.');
  }
  if (latestPublished.serving === undefined) throw LambdaErrors.inState(latestPublished.state);
  return latestPublished.serving;
}

function latestCode(store: LambdaStore, fn: LambdaFunction): Code {
  if (fn.state === 'Active') return fn.serving;
  if (fn.state !== 'Inactive') throw LambdaErrors.inState(fn.state);
  wakeUp(store, fn);
  throw stillAsleep(fn);
}

function refuseVersion(store: LambdaStore, fn: LambdaFunction, version: Version): ApiError {
  const { state, configuration } = version;
  const isSnapStarted = hasSnapStart(configuration);
  if (state === 'Pending' && isSnapStarted) return notReady('SnapStartNotReadyException');
  if (state !== 'Inactive') return LambdaErrors.inState(state);
  wakeUpVersion(store, fn, version);
  return isSnapStarted ? notReady('SnapStartNotReadyException') : stillAsleep(fn);
}

/** What idled away: an image was unpacked for nobody, or a VPC's interfaces were given back. */
function stillAsleep(fn: LambdaFunction): ApiError {
  const isPlainImage = fn.packageType === 'Image' && fn.configuration.VpcConfig === undefined;
  return notReady(isPlainImage ? 'CodeArtifactUserPendingException' : 'ResourceNotReadyException');
}

/** By weight, as often as a seeded draw says; undefined is $LATEST. */
function chooseVersion(store: LambdaStore, fn: LambdaFunction, alias: Alias): Version | undefined {
  const [further] = Object.entries(weightsOf(alias));
  const wanted = further !== undefined && store.clock.random() < further[1] ? further[0] : alias.version;
  if (wanted === '$LATEST') return undefined;
  const version = findVersion(fn, wanted);
  if (version === undefined) throw LambdaErrors.inState('Deleting');
  return version;
}

/** An image built for the other architecture deploys without complaint and fails when it runs. */
export function brokenByArchitecture(code: Code): boolean {
  return code.image?.architecture !== undefined && code.image.architecture !== code.architecture;
}

export function invoke(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const answering = chooseAnswering(store, findFunction(store, input));
  refuseKind(answering.fn, input);
  const type = textOf(input, 'InvocationType') ?? 'RequestResponse';
  if (type === 'DryRun') return reply(204, answering, crypto.randomUUID(), '');
  const execution = execute(store, answering, outcome);
  const { requestId, failure, durationMs, initMs = 0 } = execution;
  if (type === 'Event') return reply(202, answering, requestId, '');
  const answer = reply(200, answering, requestId, JSON.stringify(failure ?? payloadOf(answering)));
  if (failure !== undefined) answer.headers['x-amz-function-error'] = 'Unhandled';
  if (input.LogType === 'Tail') answer.headers['x-amz-log-result'] = logTail(answering, execution);
  return { ...answer, delayMs: initMs + durationMs };
}

/** Durable functions (https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html), and those that isolate tenants. */
function refuseKind({ configuration }: LambdaFunction, input: Input): void {
  const { ExecutionTimeout = 0 } = (configuration.DurableConfig ?? {}) as { ExecutionTimeout?: number };
  const isSynchronous = (textOf(input, 'InvocationType') ?? 'RequestResponse') === 'RequestResponse';
  if (ExecutionTimeout > 900 && isSynchronous) {
    throw LambdaErrors.invalid(
      'You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.',
    );
  }
  if (configuration.TenancyConfig !== undefined && textOf(input, 'TenantId') === undefined) {
    throw LambdaErrors.invalid('The invoked function has a tenancy configuration, so the request needs a tenant id.');
  }
}

/** Takes a free environment or starts one, and keeps it as long as the function runs. */
function execute(store: LambdaStore, { fn, version, code }: Answering, outcome: Outcome | undefined): Execution {
  const now = store.clock.now();
  if (fn.reservedConcurrency !== undefined && countBusy(fn, now) >= fn.reservedConcurrency) {
    throw overReservedConcurrency();
  }
  const durationMs = outcome?.kind === 'takes' ? outcome.ms : store.clock.draw(store.invokeMs);
  const free = findFree(fn, version, now);
  const initMs = free === undefined ? store.clock.draw(store.initMs) : undefined;
  const busyUntil = now + (initMs ?? 0) + durationMs;
  if (free === undefined) addEnvironment(fn, version, { busyUntil, provisionedFor: undefined });
  else free.busyUntil = busyUntil;
  const failure = failureOf(code, outcome);
  store.timeline.add('invoked', fn.name, {
    version,
    codeSha256: code.codeSha256,
    failed: failure !== undefined,
    cold: free === undefined,
  });
  const log = outcome?.kind === 'function-error' ? outcome.log : undefined;
  return { requestId: crypto.randomUUID(), durationMs, initMs, failure, log };
}

function payloadOf({ fn, version, code }: Answering): Record<string, unknown> {
  return { functionName: fn.name, version, codeSha256: code.codeSha256, imageUri: code.image?.knownAs };
}

function failureOf(code: Code, outcome: Outcome | undefined): unknown {
  if (outcome?.kind === 'function-error') {
    return outcome.payload ?? { errorType: 'Error', errorMessage: 'The handler threw.', trace: [] };
  }
  if (!brokenByArchitecture(code)) return undefined;
  return {
    errorType: 'Runtime.InvalidEntrypoint',
    errorMessage: 'RequestId: local Error: fork/exec: exec format error',
  };
}

function reply(status: number, { version }: Answering, requestId: string, body: string): Reply {
  const headers = {
    'content-type': 'application/json',
    'x-amz-executed-version': version,
    'x-amzn-requestid': requestId,
  };
  return { status, headers, body };
}
