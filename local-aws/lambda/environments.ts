import type { Environment, LambdaFunction } from './function-state.ts';

/** How an invocation finds an environment: a free one of its version, or a cold start. */
export function findFree(fn: LambdaFunction, version: string, now: number): Environment | undefined {
  return fn.environments.get(version)?.find((environment) => isFree(environment, now));
}

export function addEnvironment(fn: LambdaFunction, version: string, environment: Environment): void {
  const environments = fn.environments.get(version);
  if (environments === undefined) fn.environments.set(version, [environment]);
  else environments.push(environment);
}

export function countBusy(fn: LambdaFunction, now: number): number {
  return [...fn.environments.values()].flat().filter((environment) => !isFree(environment, now)).length;
}

/** Environments that are there before anybody asks for them. */
export function addProvisioned(fn: LambdaFunction, wanted: { name: string; version: string; count: number }): void {
  for (let count = 0; count < wanted.count; count += 1) {
    addEnvironment(fn, wanted.version, { busyUntil: 0, provisionedFor: wanted.name });
  }
}

export function removeProvisioned(fn: LambdaFunction, name: string): void {
  for (const [version, environments] of fn.environments) {
    fn.environments.set(
      version,
      environments.filter((environment) => environment.provisionedFor !== name),
    );
  }
}

/** Timers may end a moment early; whoever waited for an answer must find its environment free. */
const EARLY_MS = 1;

function isFree(environment: Environment, now: number): boolean {
  return environment.busyUntil <= now + EARLY_MS;
}
