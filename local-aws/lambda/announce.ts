import { type Alias, type LambdaFunction, weightsOf } from './function-state.ts';
import type { LambdaStore } from './store.ts';

/** Everything that follows from an alias that has changed, by whatever way. */
export function announceAlias(store: LambdaStore, fn: LambdaFunction, alias: Alias): void {
  const weights = JSON.stringify(weightsOf(alias));
  store.timeline.add('alias-changed', fn.name, { alias: alias.name, version: alias.version, weights });
  for (const listener of store.aliasListeners) listener(fn, alias);
}
