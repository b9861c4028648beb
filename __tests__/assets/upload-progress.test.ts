import { describe, expect, it } from 'vitest';
import { attempt, type GoesOn } from '../../src/adapters/attempt.ts';
import { patienceFor, report, reportSync } from '../../src/adapters/upload-progress.ts';

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** A call that answers when its body is out. */
function send(body: (goesOn: GoesOn) => Promise<void>, patienceMs: number, deadlineMs = 60_000) {
  return attempt<true>(
    {
      action: 's3:PutObject',
      resource: '*',
      subject: 'Bucket site',
      failure: 'upload-failed',
      send: async (_, goesOn) => {
        await body(goesOn);
        return true;
      },
      read: () => true as const,
    },
    { patienceMs, deadline: performance.now() + deadlineMs, cancelled: new AbortController().signal },
  );
}

describe('an upload', () => {
  it('may take as long as it goes on', async () => {
    const slow = async (goesOn: GoesOn) => {
      for (let piece = 0; piece < 6; piece += 1) {
        await pause(400);
        goesOn(1500);
      }
    };
    expect(await send(slow, 1500)).toEqual({ kind: 'answered', value: true });
  });

  it('ends when nothing goes out any more, and at the deadline', async () => {
    const stalls = async (goesOn: GoesOn) => {
      goesOn(1200);
      await pause(20_000);
    };
    const began = performance.now();
    expect(await send(stalls, 15_000)).toMatchObject({ kind: 'unanswered', reason: 'no answer within 1.2 s' });
    const drips = async (goesOn: GoesOn) => {
      for (;;) {
        await pause(100);
        goesOn(15_000);
      }
    };
    expect(await send(drips, 15_000, 1500)).toMatchObject({ kind: 'unanswered' });
    expect(performance.now() - began).toBeLessThan(6000);
  });

  it('says of each piece that it is out, and gives the last ones the time that buffers need', async () => {
    const heard: number[] = [];
    const pieces: string[] = [...reportSync(['a', 'b'], 4000, (ms) => heard.push(ms))];
    async function* source() {
      yield Buffer.from('a');
    }
    for await (const piece of report(source(), 10 ** 9, (ms) => heard.push(ms))) {
      pieces.push(piece.toString());
    }
    expect(pieces).toEqual(['a', 'b', 'a']);
    expect(heard).toEqual([60_000, 60_000, patienceFor(4000), 60_000, patienceFor(10 ** 9)]);
    expect(patienceFor(10 ** 9)).toBeLessThan(200_000);
  });
});
