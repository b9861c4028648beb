import { plain } from '../plain.ts';
import type { AliasState } from '../world.ts';

/** Where an alias points, or is to point. */
export interface AliasTarget {
  version: string;
  weights: Readonly<Record<string, number>>;
}

export function pointsTo(state: AliasTarget, target: AliasTarget): boolean {
  return state.version === target.version && weightsText(state) === weightsText(target);
}

/**
 * While provisioned concurrency follows the alias, AWS itself lets the version from before serve, by a weight of 1 that
 * nobody asked for (https://github.com/hashicorp/terraform-provider-aws/issues/48116). Clearing it again changes nothing.
 */
export function isHandedOver({ version, weights }: AliasTarget, target: AliasTarget): boolean {
  return version === target.version && !isSplit(target) && Object.values(weights).every((weight) => weight === 1);
}

/**
 * As it will be when provisioned concurrency has followed an earlier move: a whole weight of an older version is AWS's
 * own. To be put back with it, the alias would leave the newer one without traffic for good.
 */
export function settled(state: AliasState): AliasState {
  const [[version, weight] = ['', 0]] = Object.entries(state.weights);
  return weight === 1 && Number(version) < Number(state.version) ? { ...state, weights: {} } : state;
}

/** The one it points to, and those that get a part of the traffic. */
export function versionsOf({ version, weights }: AliasTarget): string[] {
  return [version, ...Object.keys(weights).filter((one) => (weights[one] ?? 0) > 0)];
}

export function isSplit({ weights }: AliasTarget): boolean {
  return Object.values(weights).some((weight) => weight > 0);
}

/** `version 3 (10 % to version 4)`. */
export function describeTarget(target: AliasTarget): string {
  const others = weightsText(target);
  return `version ${plain(target.version)}${others === '' ? '' : ` (${others})`}`;
}

function weightsText({ weights }: AliasTarget): string {
  return Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .map(([version, weight]) => `${Math.round(weight * 10_000) / 100} % to version ${plain(version)}`)
    .toSorted()
    .join(', ');
}
