import { type DeployError, toDeployError } from './errors.ts';
import type { Log } from './world.ts';

/** One that fails stops none of the others; true when none failed. */
export async function sideBySide<T extends { error: DeployError | undefined }>(
  outcomes: readonly T[],
  log: Log,
  work: (outcome: T) => Promise<void>,
): Promise<boolean> {
  await Promise.all(
    outcomes.map(async (outcome) => {
      try {
        await work(outcome);
      } catch (error) {
        outcome.error = toDeployError(error);
        log.line(`${outcome.error.code}: ${outcome.error.message}`);
      }
    }),
  );
  return outcomes.every(({ error }) => error === undefined);
}

export function count(items: readonly unknown[], noun: string, nouns = `${noun}s`): string {
  return `${items.length} ${items.length === 1 ? noun : nouns}`;
}
