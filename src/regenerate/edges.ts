import type { PageAnswer, PageFailure } from '../world.ts';
import { cacheResultOf } from './judge.ts';
import type { RegenerationOutcome } from './outcome.ts';

/** CloudFront has some 1,300 edge locations; a server that makes up names shall not fill our memory with them. */
const mostEdges = 100;

export function addAnswer(outcome: RegenerationOutcome, answer: PageAnswer | PageFailure): void {
  outcome.requests += 1;
  if (answer.kind === 'failed') {
    return;
  }
  outcome.bytes += answer.bytes;
  const pop = answer.headers['x-amz-cf-pop'] ?? '';
  const isKnown = /^[A-Z0-9-]{3,16}$/.test(pop) && (outcome.edges.has(pop) || outcome.edges.size < mostEdges);
  const edge = isKnown ? pop : 'unknown';
  const counts = outcome.edges.get(edge) ?? { hit: 0, miss: 0, other: 0 };
  const result = cacheResultOf(answer);
  counts[result === 'hit' ? 'hit' : result === 'miss' || result === 'refresh-hit' ? 'miss' : 'other'] += 1;
  outcome.edges.set(edge, counts);
}
