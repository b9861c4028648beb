import type { FunctionOutcome } from '../outcome.ts';
import { persist } from '../retry.ts';
import type { World } from '../world.ts';

const patienceMs = 5000;

/** A list under way; `versions` is undefined until it is there, and stays so when it cannot be had. */
export interface Listing {
  versions: readonly number[] | undefined;
  done: Promise<void>;
}

/** For the report only, so nobody has to wait for it or be allowed to have it. */
export function listVersions(outcome: FunctionOutcome, world: World): Listing {
  const listing: Listing = {
    versions: undefined,
    done: list(outcome, world).then((versions) => {
      listing.versions = versions;
    }),
  };
  return listing;
}

async function list(outcome: FunctionOutcome, world: World): Promise<readonly number[] | undefined> {
  const deadline = world.clock.now() + patienceMs;
  try {
    return await persist(() => world.lambda.listVersions(outcome.plan.ref.text, deadline), {
      subject: `ListVersionsByFunction for ${outcome.name}`,
      deadline,
      capMs: 1000,
      clock: world.clock,
      onRetry: () => undefined,
    });
  } catch (error) {
    if (!world.cancelled.aborted) {
      const reason = error instanceof Error ? error.message : String(error);
      world.log.line(`${outcome.name}: previous-version stays empty, the versions could not be listed (${reason})`);
    }
    return undefined;
  }
}

/**
 * The newest version before this run: empty when there was none, undefined when it cannot be told. A list that came after
 * the publishing may hold the version of this run, which is new for certain only when the code is.
 */
export function previousVersion(
  versions: readonly number[] | undefined,
  { version, hasNewCode, isListedBefore }: { version: string; hasNewCode: boolean; isListedBefore: boolean },
): string | undefined {
  if (versions === undefined) {
    return undefined;
  }
  const published = Number(version);
  if (!isListedBefore && !hasNewCode && versions.includes(published)) {
    return undefined;
  }
  const earlier = isListedBefore ? versions : versions.filter((one) => one !== published);
  return earlier.length === 0 ? '' : String(Math.max(...earlier));
}
