import { DeployError } from '../errors.ts';
import type { AliasState, Attempt } from '../world.ts';
import { type AliasWork, ask, leaveAt } from './alias.ts';
import { relationOf } from './ownership.ts';
import { movedByOthers } from './run-order.ts';
import { type AliasTarget, describeTarget, pointsTo } from './target.ts';

/** The second is for a move of this run, or of AWS in its name, that came in between. */
const mostTries = 2;

/** Moves an alias back while the runner is about to kill the job: each call once, and nothing is waited for. */
export async function moveBackAtOnce(work: AliasWork, before: AliasTarget): Promise<void> {
  const { world, functionName, outcome, deadline, note } = work;
  const { name } = outcome;
  for (let tries = 1; ; tries += 1) {
    const seen = answerOf(await world.lambda.lookAtAlias(functionName, name, deadline));
    const relation = relationOf(outcome.knowledge, seen);
    if (relation === 'foreign') {
      throw await movedByOthers(work, seen);
    }
    if (relation === 'own') {
      leaveAt(outcome, seen);
    }
    const from = outcome.knowledge.left;
    if (from === undefined || (pointsTo(from, before) && outcome.knowledge.pending.length === 0)) {
      return;
    }
    const attempt = await ask(outcome, before, () =>
      world.lambda.updateAlias(functionName, name, { ...before, revisionId: from.revisionId }, deadline),
    );
    const isOvertaken = attempt.kind === 'refused' && attempt.error.code === 'conflict';
    if (!isOvertaken || tries === mostTries) {
      leaveAt(outcome, answerOf(attempt));
      note(`alias ${name} points to ${describeTarget(before)}`);
      return;
    }
  }
}

function answerOf(attempt: Attempt<AliasState | undefined>): AliasState | undefined {
  switch (attempt.kind) {
    case 'answered':
      return attempt.value;
    case 'refused':
      throw attempt.error;
    default:
      throw new DeployError('timed-out', `there was no answer in the seconds before the job ends (${attempt.reason}).`);
  }
}
