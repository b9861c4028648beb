import { ApiError, type ApiRequest, type Input, type Operation, type Reply, recordOf, type Service } from './api.ts';
import type { Clock, Duration } from './clock.ts';
import { deliver, type Exchange } from './deliver.ts';
import { type Fault, type Faults, isApplied, outcomeOf } from './faults.ts';
import type { Recorder } from './recording.ts';
import type { Timeline } from './timeline.ts';

/** One call to the API, as it went. */
export interface ApiCall {
  /** `performance.now()` of this process, when the call had arrived. */
  at: number;
  date: Date;
  service: string;
  action: string;
  iamAction: string;
  /** A function's name, a distribution's id or a repository's name. */
  resource: string;
  arn: string;
  input: Input;
  /** What was sent; 0 when nothing was. */
  status: number;
  /** The error's code, as sent. */
  error?: string;
  /** The kind of fault that hit the call. */
  fault?: string;
  /** Did it change state? True also when the caller never got the answer. */
  effect: boolean;
}

interface Moment {
  when: 'before' | 'after';
  call: ApiCall;
}
export type Hook = (moment: Moment) => void;

export interface Dispatcher {
  services: Service[];
  faults: Faults;
  /** IAM actions that are denied; `lambda:*` works too. */
  denied: Set<string>;
  hooks: Set<{ action: string; hook: Hook }>;
  calls: ApiCall[];
  clock: Clock;
  timeline: Timeline;
  latencyMs: Duration;
  /** The caller's ARN, as it stands in refusals. */
  caller: string;
  record: Recorder | undefined;
}

/** One call from its arrival to its answer. */
export async function dispatch(world: Dispatcher, request: ApiRequest, exchange: Exchange): Promise<void> {
  const routed = route(world.services, request);
  if (routed === undefined) {
    await deliver(unknownOperation(request), undefined, exchange);
    return;
  }
  const { reply, call, fault } = await answer(world, routed);
  const whole = withRequestId(reply);
  world.record?.({ service: call.service, action: call.action, request, reply: whole, fault: fault?.kind });
  call.status = await deliver(whole, fault, exchange);
}

/** What became of a call: only how it reaches the caller, and whether it does, is left to the fault. */
interface Answered {
  reply: Reply;
  call: ApiCall;
  fault: Fault | undefined;
}

async function answer(world: Dispatcher, routed: Routed): Promise<Answered> {
  const { service, operation, input } = routed;
  const call = startCall(service, operation, input);
  world.calls.push(call);

  const fault = world.faults.take(call.action, call.resource);
  if (fault !== undefined) {
    call.fault = fault.kind;
    world.timeline.add('fault', call.resource, { action: call.action, kind: fault.kind });
  }
  await world.clock.sleep(world.clock.draw(world.latencyMs) + (fault?.latencyMs ?? 0));

  if (isApplied(fault) && routed.malformed === undefined) await operation.prepare?.(input);
  const applied = isApplied(fault) ? apply(world, routed, call, fault) : undefined;
  const scripted = scriptedError(world, service, call, fault);
  if (scripted !== undefined) call.error = scripted.code;
  const reply = scripted === undefined ? (applied ?? NOTHING) : service.toErrorReply(scripted);

  await world.clock.sleep((reply.delayMs ?? 0) + (fault?.kind === 'latency' ? fault.ms : 0));
  return { reply, call, fault };
}

/**
 * The same call without a socket, for tests that run by the thousand: logged, denied, late and broken like any other.
 * Throws only what Node throws for a connection that breaks; a refusal is an answer with its status.
 */
export async function callInProcess(world: Dispatcher, action: string, input: Input): Promise<Reply> {
  const { service, operation } = findOperation(world.services, action);
  const { reply, call, fault } = await answer(world, { service, operation, input });
  await loseAnswer(fault);
  call.status = reply.status;
  return withRequestId(reply);
}

function loseAnswer(fault: Fault | undefined): Promise<void> | undefined {
  switch (fault?.kind) {
    case 'reset-before':
    case 'reset-after':
    case 'reset-in-body':
    case 'refuse':
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    case 'truncate':
    case 'html-200':
    case 'empty-200':
      throw new SyntaxError('Unexpected end of JSON input');
    case 'hang':
    case 'stall-headers':
    case 'stall-body':
      return new Promise(() => {});
    default:
      return undefined;
  }
}

/** The same call without a wire, for tests that let somebody else deploy in between. */
export function applyDirectly(services: Service[], action: string, input: Input): Reply {
  return findOperation(services, action).operation.run(input, undefined);
}

function findOperation(services: Service[], action: string): { service: Service; operation: Operation } {
  for (const service of services) {
    const operation = service.operations.find((candidate) => candidate.action === action);
    if (operation !== undefined) return { service, operation };
  }
  throw new Error(`local-aws has no ${action}.`);
}

/** Stands in where a fault lets neither the call nor an error through; such faults write no reply at all. */
const NOTHING: Reply = { status: 200, headers: {}, body: '' };

interface Routed {
  service: Service;
  operation: Operation;
  input: Input;
  malformed?: ApiError;
}

function route(services: Service[], request: ApiRequest): Routed | undefined {
  for (const service of services) {
    const match = service.match(request);
    if (match === undefined) continue;
    try {
      return { service, operation: match.operation, input: service.readInput(request, match.operation, match.params) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { service, operation: match.operation, input: match.params, malformed: error };
    }
  }
  return undefined;
}

function startCall(service: Service, operation: Operation, input: Input): ApiCall {
  const resource = operation.resourceOf(input);
  return {
    at: performance.now(),
    date: new Date(),
    service: service.name,
    action: operation.action,
    iamAction: operation.iamAction,
    resource: resource.name,
    arn: resource.arn,
    input: summarise(input),
    status: 0,
    effect: false,
  };
}

/** The log of calls shows a deployment package as its size. */
function summarise(input: Input): Input {
  const zip = recordOf(input, 'ZipFile');
  return zip === undefined ? input : { ...input, ZipFile: `(${zip.bytes} bytes)` };
}

function apply(world: Dispatcher, routed: Routed, call: ApiCall, fault: Fault | undefined): Reply {
  runHooks(world, { when: 'before', call });
  const reply = run(world, routed, call, fault);
  call.status = reply.status;
  call.effect = reply.effect === true;
  runHooks(world, { when: 'after', call });
  return reply;
}

function run(world: Dispatcher, { service, operation, input, malformed }: Routed, call: ApiCall, fault?: Fault): Reply {
  try {
    const missing = missingRight(world.denied, operation, input);
    if (missing !== undefined) throw service.errors.denied(refusal(world.caller, missing, call.arn));
    if (malformed !== undefined) throw malformed;
    return operation.run(input, outcomeOf(fault));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    call.error = error.code;
    return service.toErrorReply(error);
  }
}

function runHooks(world: Dispatcher, moment: Moment): void {
  for (const { action, hook } of world.hooks) {
    if (action === moment.call.action || action === '*') hook(moment);
  }
}

function missingRight(denied: Set<string>, operation: Operation, input: Input): string | undefined {
  const needed = [operation.iamAction, ...(operation.alsoNeeds?.(input) ?? [])];
  return needed.find((action) => denied.has(action) || denied.has(`${action.split(':')[0]}:*`));
}

function refusal(caller: string, action: string, arn: string): string {
  return `User: ${caller} is not authorized to perform: ${action} on resource: ${arn} because no identity-based policy allows the ${action} action`;
}

function scriptedError(
  world: Dispatcher,
  service: Service,
  call: ApiCall,
  fault: Fault | undefined,
): ApiError | undefined {
  switch (fault?.kind) {
    case 'error':
      return namedError(service, fault);
    case 'throttle': {
      const error = service.errors.throttled();
      const { retryAfterSeconds, reason } = fault;
      return new ApiError(error.status, error.code, error.message, {
        ...error.details,
        ...(retryAfterSeconds !== undefined && { headers: { 'retry-after': String(retryAfterSeconds) } }),
        ...(reason !== undefined && { fields: { Reason: reason } }),
      });
    }
    case 'service-unavailable':
      return service.errors.unavailable();
    case 'internal-error':
      return service.errors.internal();
    case 'denied':
      return service.errors.denied(refusal(world.caller, call.iamAction, call.arn));
    case 'expired-token':
      return service.errors.expired();
    default:
      return undefined;
  }
}

function namedError(service: Service, fault: Fault & { kind: 'error' }): ApiError {
  const { code, headers } = fault;
  const known = service.errors.named?.(code);
  return new ApiError(fault.status ?? known?.status ?? 400, code, fault.message ?? known?.message ?? code, { headers });
}

function withRequestId(reply: Reply): Reply {
  return { ...reply, headers: { 'x-amzn-requestid': crypto.randomUUID(), ...reply.headers } };
}

function unknownOperation(request: ApiRequest): Reply {
  const message = `local-aws does not know ${request.method} ${request.path}.`;
  return {
    status: 404,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': 'UnknownOperationException' },
    body: JSON.stringify({ Type: 'User', message }),
  };
}
