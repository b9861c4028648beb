import { DeployError, toDeployError } from '../errors.ts';
import { cancellation, persist } from '../retry.ts';
import type { World } from '../world.ts';

/** What must stay, whatever its age. */
interface Pruning {
  world: World;
  name: string;
  functionName: string;
  isDurable: boolean;
  /** How many of the newest versions stay. */
  keep: number;
  /** The version of this run: a newer one belongs to a run that may be about to use it. */
  own: string;
  /** The versions before. */
  inUse: readonly string[];
  /** In milliseconds of the clock. */
  deadline: number;
}

/** How long one version is tried: the release is out, and the next run deletes what is left. */
const patienceMs = 30_000;

/**
 * Deletes old versions: never one that an alias names, weights included, nor the one that was in use before, which
 * requests may still be on their way to. The release stands as it is, so what cannot be deleted is only told.
 *
 * @returns why something was left, one warning for each reason.
 */
export async function pruneVersions(pruning: Pruning): Promise<DeployError[]> {
  const { world, name, isDurable } = pruning;
  if (isDurable) {
    return [durableStays(name)];
  }
  const left: Left[] = [];
  let none = 'no version';
  try {
    for (const version of await oldVersions(pruning)) {
      // Each time: somebody may have moved an alias back to this one meanwhile.
      if (!(await namedVersions(pruning)).has(version)) {
        const error = await deleteVersion(pruning, version);
        none = 'no other version';
        left.push(...(error ? [{ version, error }] : []));
      }
    }
  } catch (thrown) {
    if (world.cancelled.aborted) {
      throw cancellation(thrown);
    }
    const { code, message, hint } = toDeployError(thrown);
    return [...told(name, left), new DeployError(code, `${none} of ${name} was deleted, ${message}`, { hint })];
  }
  return told(name, left);
}

/** An execution is replayed on the version that it began with (https://docs.aws.amazon.com/lambda/latest/dg/durable-best-practices.html). */
function durableStays(name: string): DeployError {
  return new DeployError(
    'invalid-input',
    `keep-versions deletes no version of ${name}: it is a durable function, and an execution needs the version that it began with to its end.`,
    { hint: 'Set keep-versions to 0 for durable functions; delete versions that no execution uses by hand.' },
  );
}

async function oldVersions(pruning: Pruning): Promise<string[]> {
  const { world, functionName, keep, own, inUse, deadline } = pruning;
  const versions = await persist(
    () => world.lambda.listVersions(functionName, deadline),
    persistence(pruning, 'ListVersionsByFunction', deadline),
  );
  return versions
    .toSorted((a, b) => b - a)
    .slice(keep)
    .filter((version) => version < Number(own))
    .map(String)
    .filter((version) => !inUse.includes(version));
}

async function namedVersions(pruning: Pruning): Promise<ReadonlySet<string>> {
  const { world, functionName, deadline } = pruning;
  const aliases = await persist(
    () => world.lambda.listAliases(functionName, deadline),
    persistence(pruning, 'ListAliases', deadline),
  );
  return new Set(aliases.flatMap(({ version, weights }) => [version, ...Object.keys(weights)]));
}

/** Why it is left; one that is gone already is as good as deleted. */
async function deleteVersion(pruning: Pruning, version: string): Promise<DeployError | undefined> {
  const { world, name, functionName } = pruning;
  const deadline = Math.min(pruning.deadline, world.clock.now() + patienceMs);
  try {
    await persist(
      () => world.lambda.deleteVersion(functionName, version, deadline),
      persistence(pruning, `DeleteFunction of version ${version}`, deadline),
    );
    world.log.line(`${name}: version ${version} deleted`);
    return undefined;
  } catch (thrown) {
    const error = toDeployError(thrown);
    if (world.cancelled.aborted || error.code === 'timed-out') {
      throw error;
    }
    return error.code === 'not-found' ? undefined : error;
  }
}

function persistence({ world, name }: Pruning, action: string, deadline: number) {
  return {
    subject: `${action} for ${name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: (reason: string) => world.log.line(`${name}: ${reason}`),
  };
}

interface Left {
  version: string;
  error: DeployError;
}

function told(name: string, left: readonly Left[]): DeployError[] {
  const reasons = Map.groupBy(left, ({ error: { code, hint } }) => `${code} ${hint}`);
  return [...reasons.values()].flatMap(([first, ...others]) => {
    if (first === undefined) {
      return [];
    }
    const { version, error } = first;
    const which =
      others.length === 0
        ? `version ${version} of ${name} was`
        : `versions ${[first, ...others].map((one) => one.version).join(', ')} of ${name} were`;
    return [new DeployError(error.code, `${which} not deleted, ${error.message}`, { hint: error.hint })];
  });
}
