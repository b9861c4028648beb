import { decoded, plain } from '../plain.ts';
import type { ClearingPlan } from '../plan.ts';
import type { Run, World } from '../world.ts';
import { pathsOfAnyFile, pathsOfFiles } from './changed-files.ts';
import { isTag, isWildcard, pathOfKey, pathVariants } from './paths.ts';
import { type PathPlan, planItems } from './planner.ts';

/** What is to be cleared in every distribution, from the inputs, from what a push changed, and from the keys of assets. */
export async function choosePaths(
  plan: ClearingPlan,
  assetKeys: readonly string[],
  run: Run,
  world: World,
): Promise<PathPlan> {
  const { log } = world;
  for (const { given, wildcard } of plan.widenedPaths) {
    log.line(`${plain(given)} is cleared as ${wildcard}: CloudFront matches no "~"`);
  }
  const changed = plan.changedFiles.length > 0 ? await changedPaths(plan, run, world) : [];
  const asked = [...plan.paths, ...changed, ...assetKeys.map(pathOfAsset)];
  const chosen = planItems(plan.variants ? asked.flatMap(pathVariants) : asked, plan.maxPaths);
  if (chosen.wildcards.length > 0) {
    log.line(
      `${chosen.asked} paths are more than max-paths (${plan.maxPaths}), so they are cleared as ${chosen.items.length}: ${shown(chosen.wildcards)} with everything that begins like that`,
    );
  } else if (chosen.items.length < chosen.asked) {
    const some = chosen.items.filter(isWildcard).length === 1 ? 'a wildcard covers' : 'wildcards cover';
    log.line(`${chosen.asked} paths come to ${chosen.items.length}: ${some} the others`);
  }
  return chosen;
}

function pathOfAsset(key: string): string {
  const parsed = pathOfKey(key);
  return 'problem' in parsed ? '/*' : parsed.path;
}

async function changedPaths(plan: ClearingPlan, run: Run, { repository, log }: World): Promise<string[]> {
  const changes =
    run.push === undefined
      ? { unknown: 'this is no push to a branch that was there before' }
      : await repository.changedFiles(run.push);
  if ('unknown' in changes) {
    // Too much rather than too little: an old page that is left stays.
    log.line(`changed-files: clearing all that the mappings can name, because ${changes.unknown}`);
    return pathsOfAnyFile(plan.changedFiles);
  }
  const paths = pathsOfFiles(plan.changedFiles, changes.files);
  log.line(`changed-files: ${changes.files.length} files changed, which show in ${new Set(paths).size} paths`);
  return paths;
}

const mostShown = 20;

function shown(paths: readonly string[]): string {
  const more = paths.length > mostShown ? ` and ${paths.length - mostShown} more` : '';
  return `${paths
    .slice(0, mostShown)
    .map((path) => plain(decoded(path)))
    .join(' ')}${more}`;
}

/** Whether any of it can only be cleared where CloudFront reads cache tags. */
export function hasTags({ items }: PathPlan): boolean {
  return items.some(isTag);
}
