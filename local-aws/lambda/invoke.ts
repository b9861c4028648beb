import { ApiError, type Input, type Reply, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import type { Code } from './code.ts';
import { LambdaErrors } from './errors.ts';
import { type Alias, type Answering, type LambdaFunction, type Version, wakeUp } from './function-state.ts';
import { type Found, findFunction, findTarget, findVersion, type LambdaStore } from './store.ts';

/** The one rule about what serves: previous code while updating, nobody while Pending. */
export function chooseAnswering(store: LambdaStore, found: Found): Answering {
  const { fn } = found;
  const target = findTarget(found);
  if (target.kind === 'latest') return { fn, version: '$LATEST', code: latestCode(store, fn) };
  const version = target.kind === 'version' ? target.version : chooseVersion(store, fn, target.alias);
  if (version.state !== 'Active') throw LambdaErrors.inState(version.state);
  return { fn, version: version.version, code: version.code };
}

function latestCode(store: LambdaStore, fn: LambdaFunction): Code {
  if (fn.state === 'Active') return fn.serving;
  if (fn.state !== 'Inactive') throw LambdaErrors.inState(fn.state);
  wakeUp(store, fn);
  if (fn.packageType === 'Zip') throw LambdaErrors.inState('Inactive');
  throw new ApiError(
    409,
    'CodeArtifactUserPendingException',
    'Lambda is initializing your function. It will be ready to invoke shortly.',
  );
}

/** By weight, as often as a seeded draw says. */
function chooseVersion(store: LambdaStore, fn: LambdaFunction, alias: Alias): Version {
  const [further] = Object.entries(alias.weights);
  const wanted = further !== undefined && store.clock.random() < further[1] ? further[0] : alias.version;
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
  const type = textOf(input, 'InvocationType') ?? 'RequestResponse';
  if (type === 'DryRun') return reply(204, answering, '');
  const { fn, version, code } = answering;
  const failure = failureOf(code, outcome);
  store.timeline.add('invoked', fn.name, { version, codeSha256: code.codeSha256, failed: failure !== undefined });
  if (type === 'Event') return reply(202, answering, '');
  const payload = failure ?? { functionName: fn.name, version, codeSha256: code.codeSha256, imageUri: code.image?.uri };
  const delayMs = outcome?.kind === 'takes' ? outcome.ms : store.clock.draw(store.invokeMs);
  const answer = reply(200, answering, JSON.stringify(payload));
  if (failure !== undefined) answer.headers['x-amz-function-error'] = 'Unhandled';
  if (input.LogType === 'Tail') answer.headers['x-amz-log-result'] = tailOf(version);
  return { ...answer, delayMs };
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

function reply(status: number, { version }: Answering, body: string): Reply {
  return { status, headers: { 'content-type': 'application/json', 'x-amz-executed-version': version }, body };
}

function tailOf(version: string): string {
  return Buffer.from(`START RequestId: local Version: ${version}\nEND RequestId: local\n`).toString('base64');
}
