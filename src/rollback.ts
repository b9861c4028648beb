import { type AliasOutcome, leftBehind } from './alias/alias.ts';
import { moveBackAtOnce } from './alias/move-back.ts';
import { toSwitching, toWork } from './alias/rollout.ts';
import { moveBack } from './alias/switch.ts';
import { describeTarget } from './alias/target.ts';
import { clearCaches } from './cloudfront/caches.ts';
import { DeployError, toDeployError } from './errors.ts';
import { sourceText } from './lambda/code.ts';
import { releaseOfBefore } from './lambda/going-back.ts';
import { awaitOwnCode } from './lambda/own-code.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { assetsChanged, type FunctionOutcome, type RollbackOutcome, servesOther } from './outcome.ts';
import type { Releasing } from './releasing.ts';
import type { AliasState } from './world.ts';

/**
 * The way back from a release that failed: every alias that was moved to what it pointed to, functions without one to
 * the code from before, and then the caches, if they were cleared, for they may hold new pages by now. What others have
 * done since stays, and what cannot be put back is named; neither stops anything else. Does nothing where nothing was
 * changed, and where the failure says nothing against the code.
 */
export async function rollBack(releasing: Releasing): Promise<void> {
  const { plan, world, outcome } = releasing;
  const changed = outcome.functions.filter((one) => (one.alias ? one.alias.isMoved : hasOtherCode(one)));
  const isCleared = outcome.distributions.some(({ isSent }) => isSent);
  if (changed.length === 0 || !speaksAgainstCode(releasing)) {
    // Clearing again would change nothing about old code.
    return;
  }
  const rollback: RollbackOutcome = { done: [], errors: [] };
  outcome.rollback = rollback;
  if (assetsChanged(outcome) > 0) {
    rollback.done.push(`${outcome.assets?.uploaded ?? 0} uploaded assets stay`);
  }
  await world.log.group('Roll back', async () => {
    await putBackAll(changed, rollback, (one) => putBack(releasing, one));
    if (world.cancelled.aborted) {
      return;
    }
    if (isCleared && plan.clearing !== undefined && outcome.paths !== undefined) {
      await clearAgain(releasing, plan.clearing, outcome.paths.items);
    }
    for (const line of [...rollback.done, ...rollback.errors.map(({ message }) => message)]) {
      world.log.line(line);
    }
  });
}

/**
 * A job that is cancelled has some seconds left: aliases that this run has moved go back, so that no split stays for good.
 * Not once caches are being invalidated, since they fill with pages of the new code; and what CodeDeploy is at, goes on.
 */
export async function rollBackAfterCancel(releasing: Releasing): Promise<void> {
  const { plan, run, world, outcome } = releasing;
  const moved = outcome.functions.filter(({ alias }) => alias?.isMoved);
  const isInvalidating = outcome.distributions.some(({ isSent }) => isSent);
  if (moved.length === 0 || isInvalidating || plan.rollout.codeDeploy !== undefined) {
    return;
  }
  const rollback = outcome.rollback ?? { done: [], errors: [] };
  outcome.rollback = rollback;
  const left = world.afterCancel();
  const deadline = left.clock.now() + afterCancelMs;
  await putBackAll(moved, rollback, (one) =>
    putAliasBack(one, (alias, before) => {
      const note = (status: string) => world.log.line(`${one.name}: ${status}`);
      const work = { world: left, run, functionName: one.plan.ref.text, outcome: alias, deadline, note };
      return moveBackAtOnce(work, before);
    }),
  );
  for (const line of [...rollback.done, ...rollback.errors.map(({ message }) => message)]) {
    world.log.line(line);
  }
}

/** The runner sends SIGINT, 7.5 s later SIGTERM, and kills 2.5 s after that; the report takes some of it. */
const afterCancelMs = 5000;

/** Side by side: one that cannot be put back stops none of the others. */
async function putBackAll(
  functions: readonly FunctionOutcome[],
  { done, errors }: RollbackOutcome,
  work: (one: FunctionOutcome) => Promise<string>,
): Promise<void> {
  await Promise.all(
    functions.map(async (one) => {
      try {
        done.push(await work(one));
      } catch (error) {
        errors.push(toDeployError(error));
      }
    }),
  );
}

/**
 * Whether the failure is a reason to leave the new code. Up to the invalidation every one is; so is an invalidation that
 * CloudFront took nowhere, because old pages would stay in front of the new code. One that it took is only slow, whatever
 * became of it since; and of pages only one counts that the origin itself made wrong.
 */
function speaksAgainstCode({ outcome }: Releasing): boolean {
  const { distributions, regeneration } = outcome;
  const isAccepted = distributions.some(({ invalidations }) => invalidations.length > 0);
  return isAccepted ? (regeneration?.provesOldCode ?? false) : true;
}

/** A version that was published of the same code changes nothing for anybody. */
function hasOtherCode(one: FunctionOutcome): boolean {
  const { before, after } = one;
  return before !== undefined && (after === undefined ? mayServeOther(one) : servesOther(before, after));
}

/** An update whose end was not seen; one that Failed changed nothing. */
function mayServeOther({ stage, error }: FunctionOutcome): boolean {
  return stage === 'update-sent' && error?.code !== 'update-failed';
}

async function putBack(releasing: Releasing, one: FunctionOutcome): Promise<string> {
  return one.alias === undefined
    ? putCodeBack(releasing, one)
    : putAliasBack(one, (alias, before) => moveBack(toWork(releasing), toSwitching(one, alias), before));
}

async function putAliasBack(
  one: FunctionOutcome,
  move: (alias: AliasOutcome, before: AliasState) => Promise<void>,
): Promise<string> {
  const { name, alias } = one;
  const before = alias?.before;
  if (alias === undefined || before === undefined) {
    throw createdAliasStays(one);
  }
  try {
    await move(alias, before);
  } catch (error) {
    throw leftBehind(name, alias, toDeployError(error));
  }
  return `${name}: alias ${alias.name} points to ${describeTarget(before)} again`;
}

/** Whatever refers to it by now would find nothing. */
function createdAliasStays({ name, alias }: FunctionOutcome): DeployError {
  const where = alias?.now ? describeTarget(alias.now) : 'an unknown version';
  return new DeployError(
    'rollback-failed',
    `Alias ${alias?.name} of ${name} was created by this run and stays, at ${where}.`,
    {
      hint: 'Delete it if nothing refers to it yet, or re-run.',
    },
  );
}

async function putCodeBack({ world, timeline, plan }: Releasing, one: FunctionOutcome): Promise<string> {
  const deadline = world.clock.now() + plan.updateTimeoutMs;
  try {
    const now = await timeline.step(one.name, 'look again', (note) =>
      awaitOwnCode({ world, timeline, outcome: one, deadline }, note),
    );
    const back = await releaseOfBefore(one, now, world, deadline);
    if (back === undefined) {
      throw new DeployError(
        'rollback-failed',
        `the code from before is not to be had: it takes its image, or a published version of a zip.`,
        {
          hint: 'Deploy the code from before, or use an alias: then every release can be rolled back.',
        },
      );
    }
    await prepareFunction({ world, timeline, outcome: back, deadline });
    one.after = back.after;
    refuseOtherCode(one, back);
    one.isPutBack = true;
    return `${one.name}: holds ${sourceText(back.plan.source)} again`;
  } catch (error) {
    throw notPutBack(one, toDeployError(error));
  }
}

/** What Lambda says it has now is the last word; an image by digest cannot be another. */
function refuseOtherCode({ before }: FunctionOutcome, { code, after }: FunctionOutcome): void {
  if (code?.kind === 'zip' && after?.codeSha256 !== before?.codeSha256) {
    throw new DeployError(
      'rollback-failed',
      'what Lambda made of the package has another SHA-256 than the code from before.',
      {
        hint: 'Deploy the code from before, or use an alias: then every release can be rolled back.',
      },
    );
  }
}

function notPutBack({ name, after }: FunctionOutcome, cause: DeployError): DeployError {
  if (cause.code === 'conflict') {
    return new DeployError(
      'conflict',
      `Function ${name} was not rolled back: another deployment came since. ${cause.message}`,
      {
        hint: 'What it holds now stays. Give the workflow a concurrency group, then run it again.',
        cause,
      },
    );
  }
  const code = cause.code === 'cancelled' ? 'cancelled' : 'rollback-failed';
  return new DeployError(
    code,
    `Function ${name} could not be rolled back and ${after ? 'keeps' : 'may get'} the new code: ${cause.message}`,
    { hint: cause.code === 'rollback-failed' ? cause.hint : 'Deploy the code from before by hand, or re-run.', cause },
  );
}

async function clearAgain(
  releasing: Releasing,
  clearing: NonNullable<Releasing['plan']['clearing']>,
  items: readonly string[],
): Promise<void> {
  const { rollback, distributions } = releasing.outcome;
  const errors = new Map(distributions.map((one) => [one.id, one.error]));
  for (const one of distributions) {
    one.error = undefined;
  }
  await clearCaches(releasing, clearing, items);
  for (const one of distributions) {
    if (one.error !== undefined) {
      rollback?.errors.push(one.error);
    }
    // What went wrong first is what the report is about.
    one.error = errors.get(one.id) ?? undefined;
  }
}
