import { runAction } from '../__tests__/support/run-action.ts';
import type { Figure } from './figure.ts';
import { DISTRIBUTION, NEW_IMAGE, onLocalAws } from './release.ts';
import { median } from './statistics.ts';

const ROUNDS = 5;
const clocks = { updateMs: 4000, versionMs: 1500, initMs: 800 };
/** What the one function takes longer than the other. */
const slower = 1500;

/** What a second function costs: both are prepared side by side, and then switched together. */
export async function measureRollout(): Promise<Figure[]> {
  const alone: number[] = [];
  const both: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    alone.push(await release(['api']));
    both.push(await release(['web', 'api']));
  }
  const value = median(both) / median(alone);
  return [
    {
      name: 'rollout: two functions, warm-up and alias / the slower alone',
      value,
      unit: 'x',
      n: ROUNDS,
      goal: { atMost: 1.15 },
    },
    { name: '  two functions', value: median(both) / 1000, unit: 's', n: ROUNDS },
    { name: '  the slower alone', value: median(alone) / 1000, unit: 's', n: ROUNDS },
  ];
}

/** In milliseconds, from the start of the process to its end. */
function release(functionNames: string[]): Promise<number> {
  return onLocalAws({ clocks, functionNames, seed: 1 }, async (aws) => {
    for (const FunctionName of functionNames) {
      const { Version } = aws.apply('PublishVersion', { FunctionName }) as { Version?: string };
      aws.apply('CreateAlias', { FunctionName, Name: 'live', FunctionVersion: Version ?? '1' });
    }
    aws.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'takes', ms: clocks.updateMs + slower });
    const { exitCode, log, ms } = await runAction(
      {
        'function-name': functionNames.join('\n'),
        'image-uri': NEW_IMAGE,
        'distribution-id': DISTRIBUTION,
        alias: 'live',
        'warm-up': '5',
      },
      { env: aws.env },
    );
    if (exitCode !== 0) {
      throw new Error(`the action ended with exit code ${exitCode}:\n${log}`);
    }
    return ms;
  });
}
