import { plain } from '../plain.ts';
import { cancellation, persist } from '../retry.ts';
import type { World } from '../world.ts';

/** What must stay, whatever its age. */
interface Pruning {
  world: World;
  name: string;
  functionName: string;
  /** How many of the newest versions stay. */
  keep: number;
  /** The version of this run: a newer one belongs to a run that may be about to use it. */
  own: string;
  /** The versions before. */
  inUse: readonly string[];
  /** In milliseconds of the clock. */
  deadline: number;
}

/**
 * Deletes old versions: never one that an alias names, weights included, nor the one that was in use before, which
 * requests may still be on their way to. The release stands as it is, so what cannot be deleted is only told.
 *
 * @returns why something was left, one text each.
 */
export async function pruneVersions({
  world,
  name,
  functionName,
  keep,
  own,
  inUse,
  deadline,
}: Pruning): Promise<string[]> {
  const { lambda, log, clock, cancelled } = world;
  const persistence = (subject: string) => ({
    subject: `${subject} for ${name}`,
    deadline,
    capMs: 5000,
    clock,
    onRetry: (reason: string) => log.line(`${name}: ${reason}`),
  });
  const problems: string[] = [];
  try {
    const versions = await persist(
      () => lambda.listVersions(functionName, deadline),
      persistence('ListVersionsByFunction'),
    );
    const old = versions
      .toSorted((a, b) => b - a)
      .slice(keep)
      .filter((version) => version < Number(own));
    // After the versions: an alias that is moved meanwhile moves to one of the newest.
    const aliases = await persist(() => lambda.listAliases(functionName, deadline), persistence('ListAliases'));
    const named = aliases.flatMap(({ version, weights }) => [version, ...Object.keys(weights)]);
    const kept = new Set([...named, ...inUse]);
    for (const version of old.map(String).filter((one) => !kept.has(one))) {
      const attempt = await lambda.deleteVersion(functionName, version, deadline);
      if (attempt.kind === 'answered') {
        log.line(`${name}: version ${version} deleted`);
      } else {
        const reason = attempt.kind === 'refused' ? attempt.error.message : attempt.reason;
        problems.push(`version ${version} of ${name} was not deleted, ${plain(reason)}`);
      }
    }
  } catch (error) {
    if (cancelled.aborted) {
      throw cancellation(error);
    }
    problems.push(
      `no version of ${name} was deleted, ${error instanceof Error ? error.message : plain(String(error))}`,
    );
  }
  return problems;
}
