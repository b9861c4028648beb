import type { AliasState } from '../world.ts';
import { type AliasTarget, isHandedOver, pointsTo } from './target.ts';

/** What this run knows of an alias, by which it tells its own moves from those of others. */
export interface Knowledge {
  /** As this run left it, or found it before its first move; undefined when there was none. */
  readonly left: AliasState | undefined;
  /** The revisions that it had before: a read that shows one of them is behind. */
  readonly past: readonly string[];
  /** Moves whose answers got lost: they may be in, or come still. Each would make a revision of its own. */
  readonly pending: readonly AliasTarget[];
  /** Whether provisioned concurrency may follow the alias, by which AWS changes it in its own name. */
  readonly isProvisioned: boolean;
}

/**
 * What a read shows: the alias as this run left it (what AWS does to it in our name counts as that), a state from before
 * that, or a move of somebody else.
 */
export type Relation = 'own' | 'behind' | 'foreign';

/** Pure, so that a table can say what each read means. */
export function relationOf(knowledge: Knowledge, seen: AliasState | undefined): Relation {
  const { left, past, pending, isProvisioned } = knowledge;
  if (seen === undefined || left === undefined) {
    return relationOfNone(knowledge, seen);
  }
  const isPending = pending.some((target) => pointsTo(seen, target) || isHandedOver(seen, target));
  const isSame = pointsTo(seen, left);
  // The weight of a hand-over comes and goes by itself.
  const isByAws = !isSame && (isHandedOver(seen, left) || isHandedOver(left, seen));
  if (seen.revisionId === left.revisionId || seen.revisionId === '' || left.revisionId === '') {
    return isSame || isByAws || isPending ? 'own' : 'foreign';
  }
  if (past.includes(seen.revisionId)) {
    return 'behind';
  }
  return isPending || isByAws || (isSame && isProvisioned) ? 'own' : 'foreign';
}

/** An alias that is not there, or was not. */
function relationOfNone({ left, pending }: Knowledge, seen: AliasState | undefined): Relation {
  if (seen === undefined) {
    return left === undefined ? 'own' : 'foreign';
  }
  return pending.some((target) => pointsTo(seen, target)) ? 'own' : 'foreign';
}
