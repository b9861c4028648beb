import { statusOf } from '../../src/outcome.ts';
import type { LoggedCall } from './aws.ts';
import * as conduct from './conduct.ts';
import * as endings from './endings.ts';
import type { Invariant } from './facts.ts';
import * as others from './others.ts';
import type { Story } from './story.ts';

const invariants: Readonly<Record<string, Invariant>> = { ...endings, ...others, ...conduct };

/** Everything that is wrong with a story, and the calls that led there; empty when nothing is. */
export function problemsOf(story: Story): string {
  const problems = Object.entries(invariants).flatMap(([name, invariant]) =>
    invariant(story).map((problem) => `${name}: ${problem}`),
  );
  return problems.length === 0
    ? ''
    : [...problems, '', ...story.account.aws.calls.map(lineOf), '', ...endsOf(story)].join('\n');
}

function lineOf({ at, by, action, target, applied, result }: LoggedCall): string {
  return `${String(Math.round(at)).padStart(7)} ${by.padEnd(9)} ${action} ${target} → ${applied ? '' : '(not applied) '}${result}`;
}

function endsOf({ runs }: Story): string[] {
  return runs.map(
    ({ actor, outcome, startedAt, endedAt, isRerun }) =>
      `${actor.name}${isRerun ? ' (re-run)' : ''}: ${Math.round(startedAt)} to ${Math.round(endedAt)} ms, ${actor.isKilled ? 'killed' : outcome && statusOf(outcome)}`,
  );
}
