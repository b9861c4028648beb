import { DeployError } from '../errors.ts';
import { plain, plainLines } from '../plain.ts';
import { backoffMs, leastLeftMs, outOfTime } from '../retry.ts';
import { type Note, seconds } from '../timeline.ts';
import type { Attempt, Invocation } from '../world.ts';
import type { Preparation } from './preparation.ts';
import { latestPublished } from './traits.ts';

/** In seconds: the most that Timeout of Lambda's API takes, for a function that does not tell its own. */
const longestTimeout = 5400;

export interface WarmUpPlan {
  /** How many invocations run at the same time. */
  count: number;
  /** JSON. */
  payload: string;
}

/** How long the invocations took that made a new execution environment, and those that found one. */
export interface WarmUpOutcome {
  coldMs: readonly number[];
  warmMs: readonly number[];
}

/**
 * Invokes the function as often as asked, all at once, so that as many execution environments are there when traffic
 * comes; and proves that the code starts and answers. Environments belong to a version, so it is this one that is
 * invoked, and not an alias that still names another.
 */
export async function warmUp(
  preparation: Preparation,
  qualifier: string,
  { count, payload }: WarmUpPlan,
  note: Note,
): Promise<WarmUpOutcome> {
  const { after, before } = preparation.outcome;
  const timeoutMs = ((after ?? before)?.traits.timeout ?? longestTimeout) * 1000;
  const isStopped = stopCheck(preparation);
  const results = await Promise.allSettled(
    Array.from({ length: count }, () => invokeOnce(preparation, { qualifier, payload, timeoutMs }, isStopped, note)),
  );
  const failure = results.find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') {
    throw failure.reason;
  }
  const invocations = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const outcome = {
    coldMs: invocations.flatMap(({ initMs, durationMs = 0 }) => (initMs === undefined ? [] : [initMs + durationMs])),
    warmMs: invocations.flatMap(({ initMs, durationMs = 0 }) => (initMs === undefined ? [durationMs] : [])),
  };
  note(warmUpText(outcome));
  return outcome;
}

function warmUpText({ coldMs, warmMs }: WarmUpOutcome): string {
  const kinds = [
    { name: 'cold', values: coldMs },
    { name: 'warm', values: warmMs },
  ];
  const texts = kinds
    .filter(({ values }) => values.length > 0)
    .map(
      ({ name, values }) =>
        `${values.length} ${name} (${milliseconds(Math.min(...values))} to ${milliseconds(Math.max(...values))})`,
    );
  return `warmed up: ${texts.join(', ')}`;
}

function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms);
}

/**
 * Refusals after which the function has not run: it is not ready yet, or the account is at a limit that passes
 * (Errors of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). Of anything else, a lost answer too, it
 * cannot be told, so it is not sent again.
 */
const passing: ReadonlySet<string> = new Set([
  'CodeArtifactUserPendingException',
  'EC2ThrottledException',
  'ENILimitReachedException',
  'ENINotReadyException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SnapStartNotReadyException',
  'TooManyRequestsException',
  // Not even sent.
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENOTFOUND',
]);

/**
 * Whether it is the reserved concurrency of the function that throttles, for good: with none of it no invocation ever
 * runs, with some of it others' invocations end. Asked of AWS once, when the first is throttled so.
 */
function stopCheck({ world, outcome, deadline }: Preparation): (throttle: string) => Promise<boolean> {
  let reserved: Promise<number | undefined> | undefined;
  const look = async () => {
    const answer = await world.lambda.look(outcome.plan.ref.text, deadline);
    return answer.kind === 'answered' ? answer.value.traits.reservedConcurrency : undefined;
  };
  return async (throttle) => {
    // ReservedFunctionConcurrentInvocationLimitExceeded and ReservedFunctionInvocationRateLimitExceeded of ThrottleReason.
    if (!throttle.startsWith('ReservedFunction')) {
      return false;
    }
    reserved ??= look();
    return !((await reserved) ?? 0);
  };
}

async function invokeOnce(
  preparation: Preparation,
  invocation: { qualifier: string; payload: string; timeoutMs: number },
  isStopped: (throttle: string) => Promise<boolean>,
  note: Note,
): Promise<Invocation> {
  const { world, outcome, deadline } = preparation;
  const subject = `${outcome.name}:${invocation.qualifier}`;
  for (let tries = 0; ; tries += 1) {
    const attempt = await world.lambda.invoke(outcome.plan.ref.text, invocation, deadline);
    if (attempt.kind === 'answered') {
      return judge(subject, invocation.qualifier, attempt.value);
    }
    const hasNotRun = attempt.kind === 'busy' || passing.has(attempt.errorName ?? '');
    if (!hasNotRun) {
      throw attempt.kind === 'refused' ? attempt.error : maybeRun(subject, attempt.reason);
    }
    const { throttle = '' } = attempt.kind === 'unanswered' ? attempt : {};
    if (await isStopped(throttle)) {
      throw stopped(subject, throttle);
    }
    note(`not ready to be invoked, ${reasonOf(attempt)}`);
    await pauseBeforeRetry(preparation, `The warm-up of ${subject}`, tries, attempt);
  }
}

async function pauseBeforeRetry(
  { world, deadline }: Preparation,
  subject: string,
  tries: number,
  attempt: Unanswered,
): Promise<void> {
  const left = deadline - world.clock.now() - leastLeftMs;
  if (left <= 0) {
    throw outOfTime(subject, reasonOf(attempt));
  }
  const retryAfterMs = attempt.kind === 'unanswered' ? attempt.retryAfterMs : 0;
  await world.clock.pause(Math.min(left, Math.max(retryAfterMs, backoffMs(tries, 300, 5000))));
}

type Unanswered = Exclude<Attempt<Invocation>, { kind: 'answered' }>;

function reasonOf(attempt: Unanswered): string {
  return attempt.kind === 'refused' ? attempt.error.message : attempt.reason;
}

function judge(subject: string, qualifier: string, invocation: Invocation): Invocation {
  const { functionError, payload, logTail, version } = invocation;
  if (functionError !== '') {
    const log = plainLines(
      logTail
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-shownLogLines)
        .join('\n'),
    );
    const message = [
      `The warm-up of ${subject} ended with a function error (${plain(functionError)}):`,
      ...errorLines(payload),
      ...(log.length > 0 ? ['Its log ends with:', ...log] : []),
    ];
    throw new DeployError('warm-up-failed', message.join('\n'), {
      hint: 'See the log of the function; a function that does not know the payload needs a warm-up-payload that it does know.',
    });
  }
  const isLatest = qualifier === latestPublished && version.startsWith('$LATEST');
  if (version !== '' && version !== qualifier && !isLatest) {
    throw new DeployError('warm-up-failed', `The warm-up of ${subject} was answered by version ${plain(version)}.`, {
      hint: 'Somebody else deployed at the same time. Give the workflow a concurrency group, then run it again.',
    });
  }
  return invocation;
}

function stopped(subject: string, throttle: string): DeployError {
  return new DeployError(
    'warm-up-failed',
    `The warm-up of ${subject} was throttled (${throttle}): the function has no reserved concurrency that it could use.`,
    {
      hint: 'Check the reserved concurrency of the function: 0 stops every invocation. Raise or remove it, or set warm-up to 0.',
    },
  );
}

const shownLogLines = 12;

/** What a runtime says of an error is JSON (lambda/latest/api/API_Invoke.html); its texts are shown as they are in it. */
function errorLines(payload: string): string[] {
  try {
    const { errorType = 'Error', errorMessage } = JSON.parse(payload) as {
      errorType?: unknown;
      errorMessage?: unknown;
    };
    return plainLines(errorMessage === undefined ? payload : `${errorType}: ${errorMessage}`);
  } catch {
    return plainLines(payload);
  }
}

function maybeRun(subject: string, reason: string): DeployError {
  return new DeployError(
    'warm-up-failed',
    `The warm-up of ${subject} got no answer (${reason}); it may have run, so it was not sent again.`,
    { hint: 'Run it again. A function that runs for minutes is better warmed by a short payload of its own.' },
  );
}
