import { describeTarget, leftBehind } from './alias/alias.ts';
import { toSwitching, toWork } from './alias/rollout.ts';
import { moveBack } from './alias/switch.ts';
import { clearCaches } from './cloudfront/caches.ts';
import { DeployError, toDeployError } from './errors.ts';
import { releaseOfBefore } from './lambda/going-back.ts';
import { prepareFunction } from './lambda/prepare.ts';
import { assetsChanged, errorsOf, type FunctionOutcome, type RollbackOutcome, servesOther } from './outcome.ts';
import type { Releasing } from './releasing.ts';

/**
 * The way back from a release that failed: every alias that was moved to what it pointed to, functions without one to
 * the image from before, and then the caches, if they were cleared, for they may hold new pages by now. What cannot be
 * put back is named, and stops nothing else. Does nothing where nothing was changed.
 */
export async function rollBack(releasing: Releasing): Promise<void> {
  const { plan, world, outcome } = releasing;
  const changed = outcome.functions.filter((one) => (one.alias ? one.alias.isMoved : hasOtherCode(one)));
  const isCleared = outcome.distributions.some(({ isSent }) => isSent);
  if (changed.length === 0 || errorsOf(outcome).some(({ code }) => code === 'cancelled')) {
    // Clearing again would change nothing about old code; and who cancels wants an end, not more work.
    return;
  }
  const rollback: RollbackOutcome = { done: [], errors: [] };
  outcome.rollback = rollback;
  if (assetsChanged(outcome) > 0) {
    rollback.done.push(`${outcome.assets?.uploaded ?? 0} uploaded assets stay`);
  }
  await world.log.group('Roll back', async () => {
    await Promise.all(
      changed.map(async (one) => {
        try {
          rollback.done.push(await putBack(releasing, one));
        } catch (error) {
          rollback.errors.push(toDeployError(error));
        }
      }),
    );
    if (isCleared && plan.clearing !== undefined && outcome.paths !== undefined) {
      await clearAgain(releasing, plan.clearing, outcome.paths.items);
    }
    for (const line of [...rollback.done, ...rollback.errors.map(({ message }) => message)]) {
      world.log.line(line);
    }
  });
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
  return one.alias === undefined ? putImageBack(releasing, one) : putAliasBack(releasing, one);
}

async function putAliasBack(releasing: Releasing, one: FunctionOutcome): Promise<string> {
  const { name, alias } = one;
  if (alias === undefined) {
    throw new Error(`${name} has no alias.`);
  }
  const { before } = alias;
  if (before === undefined) {
    // Whatever refers to it by now would find nothing.
    throw new DeployError(
      'rolled-back',
      `Alias ${alias.name} of ${name} was created by this run and stays, at ${alias.now ? describeTarget(alias.now) : 'an unknown version'}.`,
      { hint: 'Delete it if nothing refers to it yet, or run this again.' },
    );
  }
  try {
    await moveBack(toWork(releasing), toSwitching(one, alias), before);
  } catch (error) {
    throw leftBehind(name, alias, toDeployError(error));
  }
  return `${name}: alias ${alias.name} points to ${describeTarget(before)} again`;
}

async function putImageBack({ world, timeline, plan }: Releasing, one: FunctionOutcome): Promise<string> {
  if (one.after === undefined && one.error?.code === 'conflict') {
    throw new DeployError(
      'rolled-back',
      `Function ${one.name} was not put back: somebody else has deployed to it meanwhile.`,
      { hint: 'Give the workflow a concurrency group, then run it again.' },
    );
  }
  const back = releaseOfBefore(one);
  if (back === undefined) {
    throw new DeployError(
      'rolled-back',
      `Function ${one.name} could not be put back and ${one.after ? 'keeps' : 'may get'} the new code: only an image can be.`,
      {
        hint: 'Deploy the code from before, or use an alias: then there is always a way back.',
      },
    );
  }
  try {
    await prepareFunction({ world, timeline, outcome: back, deadline: world.clock.now() + plan.updateTimeoutMs });
  } catch (error) {
    throw notPutBack(one.name, toDeployError(error));
  }
  one.after = back.after;
  one.isPutBack = true;
  return `${one.name}: holds ${back.code?.kind === 'image' ? back.code.imageUri : 'the code from before'} again`;
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

function notPutBack(name: string, cause: DeployError): DeployError {
  const code = cause.code === 'cancelled' ? 'cancelled' : 'rolled-back';
  return new DeployError(code, `Function ${name} could not be put back: ${cause.message}`, {
    hint: 'Deploy the image from before by hand, or run this again.',
    cause,
  });
}
