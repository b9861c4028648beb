import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { callsTo, distributionId, quick, repository, type Site, startSite, v2 } from '../support/site.ts';

/** A release of `web:v2` that moves the alias `live`. */
export const aliased = { ...v2, alias: 'live' };

/** The function that most tests release. */
export const web = { name: 'web', imageUri: `${repository}:v1`, versions: 2, aliases: { live: '2' } };

/** `web` with the versions 1 and 2; its alias `live` names the second, and is what the distribution asks. */
export function startRollout({ clocks, ...options }: LocalAwsOptions = {}): Promise<Site> {
  return startSite({
    functions: [web],
    distributions: [{ id: distributionId, functionName: 'web', qualifier: 'live' }],
    ...options,
    clocks: { ...quick, ...clocks },
  });
}

/** Where an alias points. */
export function aliasOf(site: Site, name = 'web', alias = 'live') {
  const { version, weights } = site.functionNamed(name).aliases[alias] ?? {};
  return { version, weights };
}

/** Every state that the alias of a function has had since the start, as `2` or `2 {"3":0.1}`. */
export function tracesOf(site: Site, name = 'web'): string[] {
  return site.events
    .filter(({ type, subject }) => type === 'alias-changed' && subject === name)
    .map(({ detail: { version, weights } }) => (weights === '{}' ? `${version}` : `${version} ${weights}`));
}

/** The calls that changed something, in order. */
export function changesOf(site: Site): string[] {
  return site.calls.filter(({ effect }) => effect).map(({ action }) => action);
}

export function pathsCleared(site: Site): number {
  return callsTo(site, 'CreateInvalidation').filter(({ effect }) => effect).length;
}

/** Does something at the first call of an action, right before or after it takes effect. */
export function onFirst(site: Site, action: string, when: 'before' | 'after', work: () => void): void {
  const stop = site.on(action, (moment) => {
    if (moment.when === when) {
      stop();
      work();
    }
  });
}

/** How the version of a run of the tests' workflow is described. */
export const byRun = (id: number) => `abc1234 https://github.com/octo/site/actions/runs/${id}`;
