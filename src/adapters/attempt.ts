import { DeployError, type ErrorCode } from '../errors.ts';
import { cancellation } from '../retry.ts';
import type { Attempt } from '../world.ts';
import { awsText } from './aws-text.ts';

/** One call to AWS. */
export interface Call<T> {
  /** As IAM spells it: `lambda:GetFunction`. */
  action: string;
  /** The ARN that a policy has to name. */
  resource: string;
  /** As it begins a message: `Function web`. */
  subject: string;
  /** The code of a failure that has no code of its own. */
  failure: ErrorCode;
  /** With a long body, `goesOn` is told of each piece that has gone out; see `upload-progress`. */
  send(signal: AbortSignal, goesOn: GoesOn): Promise<unknown>;
  /** What we want of the answer; undefined when it lacks what every right answer has. */
  read(answer: never): T | undefined;
  /** Errors that mean something particular to this call. */
  explain?(name: string, said: string): DeployError | undefined;
}

/** From now on, the answer may take so many milliseconds. */
export type GoesOn = (patienceMs: number) => void;

const leastPatienceMs = 1000;

/**
 * Sends a call once. Throws only when the run was cancelled.
 *
 * The signal is what ends a call that hangs: the SDK's own request and socket time-outs let pass an answer that comes in
 * drips, and the race is for a send that does not heed its signal.
 */
export async function attempt<T>(
  call: Call<T>,
  { patienceMs, deadline, cancelled }: { patienceMs: number; deadline: number; cancelled: AbortSignal },
): Promise<Attempt<T>> {
  if (performance.now() > deadline) {
    return { kind: 'unanswered', reason: 'no time left to send it', retryAfterMs: 0 };
  }
  // The last try before the deadline gets a fair chance too.
  const end = Math.max(deadline, performance.now() + leastPatienceMs);
  const timeout = new AbortController();
  let left = 0;
  let timer: NodeJS.Timeout | undefined;
  // A piece that goes out after the answer starts no clock.
  let isOver = false;
  const wait: GoesOn = (ms) => {
    clearTimeout(timer);
    if (isOver) {
      return;
    }
    left = Math.max(0, Math.min(ms, end - performance.now()));
    timer = setTimeout(() => timeout.abort(), left);
  };
  wait(patienceMs);
  const signal = AbortSignal.any([timeout.signal, cancelled]);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    cancelled.throwIfAborted();
    const value = call.read((await Promise.race([call.send(signal, wait), aborted])) as never);
    return value === undefined
      ? { kind: 'unanswered', reason: 'an answer that makes no sense', retryAfterMs: 0 }
      : { kind: 'answered', value };
  } catch (error) {
    if (cancelled.aborted) {
      throw cancellation(error);
    }
    if (timeout.signal.aborted) {
      return { kind: 'unanswered', reason: `no answer within ${(left / 1000).toFixed(1)} s`, retryAfterMs: 0 };
    }
    return classify(error, call);
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}

/** What we look at in whatever the SDK throws. */
interface SdkError {
  name?: string;
  message?: string;
  code?: unknown;
  cause?: { code?: unknown };
  retryAfterSeconds?: unknown;
  Reason?: unknown;
  $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean };
  $response?: { statusCode?: number; headers?: Record<string, string> };
}

const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired']);
const badCredentials = new Set([
  'AuthFailure',
  'CredentialsProviderError',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'UnrecognizedClientException',
]);
const denied = new Set(['AccessDenied', 'AccessDeniedException', 'NotAuthorized', 'UnauthorizedOperation']);
/** The call did not reach the service or its answer did not reach us; other codes of Node are no passing trouble. */
const networkCodes = new Set<unknown>([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);
const notFound = new Set([
  'ApplicationDoesNotExistException',
  'DeploymentConfigDoesNotExistException',
  'DeploymentGroupDoesNotExistException',
  'EntityNotFound',
  'NoSuchDistribution',
  'NoSuchInvalidation',
  'NoSuchResource',
  'ResourceNotFoundException',
]);
const throttled = new Set([
  'LimitExceededException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyInvalidationsInProgress',
  'TooManyRequestsException',
]);

/** What an SDK error says, safe to pass on, and the call it came from. */
interface Failure<T> {
  call: Call<T>;
  error: SdkError;
  name: string;
  status: number;
  said: string;
}

/** Errors are told apart by name and status, never by AWS's sentence, which is only passed on. */
function classify<T>(thrown: unknown, call: Call<T>): Attempt<T> {
  if (thrown instanceof DeployError) {
    return { kind: 'refused', error: thrown };
  }
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : { message: String(thrown) }) as SdkError;
  const failure = {
    call,
    error,
    name: awsText(error.name ?? 'Error'),
    status: error.$metadata?.httpStatusCode ?? error.$response?.statusCode ?? 0,
    // Of a page where JSON or XML should be, the SDK says nothing that helps.
    said: isUnreadable(error) ? '' : awsText(error.message),
  };
  const reason = passingReason(failure);
  if (reason !== undefined) {
    const { Reason: throttle } = error;
    return {
      kind: 'unanswered',
      reason,
      retryAfterMs: retryAfterMs(error),
      errorName: networkCodeOf(error) ?? failure.name,
      ...(typeof throttle === 'string' && { throttle }),
    };
  }
  const explained = call.explain?.(failure.name, failure.said);
  if (explained === undefined && (failure.name === 'ResourceConflictException' || failure.status === 409)) {
    return { kind: 'busy', reason: `${failure.name}${failure.said ? `, ${failure.said}` : ''}` };
  }
  return { kind: 'refused', error: explained ?? refusal(failure), errorName: failure.name };
}

function isUnreadable({ name, message = '' }: SdkError): boolean {
  return name === 'SyntaxError' || message.includes('Deserialization error');
}

function networkCodeOf({ code, cause }: SdkError): string | undefined {
  const network = [code, cause?.code].find((one) => networkCodes.has(one) || String(one).startsWith('HPE_'));
  return network === undefined ? undefined : String(network);
}

/** Why a call should be tried again, or undefined when that cannot help. */
function passingReason<T>({ error, name, status }: Failure<T>): string | undefined {
  if (throttled.has(name) || status === 429) {
    const { Reason = '' } = error;
    return `throttled (${name}${Reason ? `, ${awsText(Reason)}` : ''})`;
  }
  if (badCredentials.has(name) && error.$metadata?.clockSkewCorrected) {
    // The SDK has set its clock by the server's; the next try is signed with that.
    return `a clock that is off (${name})`;
  }
  const network = networkCodeOf(error);
  if (network !== undefined) {
    // Also behind a status: the connection broke in the middle of the answer.
    return `a broken connection (${network})`;
  }
  if (status >= 200 && status < 300) {
    return 'an answer that makes no sense';
  }
  if (status >= 500 || status === 408 || name.startsWith('RequestTimeout')) {
    return `HTTP ${status} (${name})`;
  }
  const isBroken = ['TimeoutError', 'AbortError', 'SyntaxError'].includes(name);
  return status === 0 && isBroken ? `a broken connection (${name})` : undefined;
}

/** Without a cause: the SDK's error holds the whole response. */
function refusal<T>({ call, error, name, status, said }: Failure<T>): DeployError {
  const refuse = (code: ErrorCode, what: string, hint: string) =>
    new DeployError(code, `${call.subject}: ${what}`, { hint });
  const quote = said === '' ? '' : ` AWS says: ${said}`;

  if (expired.has(name)) {
    return refuse(
      'access-denied',
      `the AWS credentials have expired (${name}).`,
      'Get fresh ones with aws-actions/configure-aws-credentials and run this again; role-duration-seconds makes them last longer.',
    );
  }
  // A token file that cannot be read is one of the ways in which there are no credentials.
  if (badCredentials.has(name) || (status === 0 && ['ENOENT', 'EACCES'].includes(String(error.code)))) {
    return refuse(
      'access-denied',
      `no valid AWS credentials (${name}).${quote}`,
      'Put aws-actions/configure-aws-credentials before this step, in the same job, and give the job the permission id-token: write.',
    );
  }
  const assumed = /sts:AssumeRole\w*/.exec(said)?.[0];
  if (assumed !== undefined) {
    return refuse(
      'access-denied',
      `${assumed} was denied (${name}).${quote}`,
      'Let the trust policy of the role accept the OIDC token of this repository and branch.',
    );
  }
  if (status === 401 || status === 403 || denied.has(name)) {
    return refuse(
      'access-denied',
      `${call.action} was denied (${name}).${quote}`,
      `Allow ${call.action} on ${call.resource} to the role of this job.`,
    );
  }
  if (notFound.has(name) || (status === 404 && !isUnreadable(error))) {
    return refuse(
      'not-found',
      `not found (${name}).${quote}`,
      'See that the name, the AWS account and, for a function, the Region are right; this action creates neither functions nor distributions.',
    );
  }
  if (status >= 400) {
    return refuse(
      call.failure,
      `${call.action} was rejected (${name}).${quote}`,
      'See the reason AWS gives; this call changed nothing.',
    );
  }
  return refuse(
    'unexpected',
    `${call.action} could not be sent (${name}).${quote}`,
    'If this is not about your network or endpoint settings, please report it.',
  );
}

const longestRetryAfterMs = 60_000;

/** What the service asks for, in seconds as a header or as a field of TooManyRequestsException. */
function retryAfterMs(error: SdkError): number {
  const seconds = Number(error.retryAfterSeconds ?? error.$response?.headers?.['retry-after'] ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(longestRetryAfterMs, seconds * 1000) : 0;
}
