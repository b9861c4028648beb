import type { GoesOn } from './attempt.ts';

/** How long nothing may go out. The system wakes us when a third of its buffer, up to 4 MB, is empty again. */
const silenceMs = 60_000;
/** How long the answer may take when all is out, apart from what the system still holds. */
const answerMs = 15_000;
/** What buffers of the system and of proxies hold at the most when the last byte has left us. */
const mostHeldBytes = 8 * 1_048_576;
/** In bytes a millisecond. */
const slowest = 50;

/**
 * How long a body may take that is sent in one piece, or whose first byte is not out yet.
 */
export function patienceFor(bytes: number): number {
  return answerMs + Math.min(bytes, mostHeldBytes) / slowest;
}

/**
 * Lets pieces through and says of each that it has gone out: an upload ends for lack of progress, not of speed. The last
 * piece has not gone over the line yet, but into a buffer of the system, which says nothing any more.
 */
export function* reportSync<T extends string | Buffer>(
  pieces: Iterable<T>,
  bytes: number,
  goesOn: GoesOn,
): Generator<T> {
  for (const piece of pieces) {
    yield piece;
    goesOn(silenceMs);
  }
  goesOn(patienceFor(bytes));
}

export async function* report(pieces: AsyncIterable<Buffer>, bytes: number, goesOn: GoesOn): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    yield piece;
    goesOn(silenceMs);
  }
  goesOn(patienceFor(bytes));
}
