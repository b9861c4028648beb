import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runAction } from '../__tests__/support/run-action.ts';
import type { LocalAws } from '../local-aws/local-aws.ts';

const bundle = resolve(import.meta.dirname, '../dist/index.js');

/** What V8 writes for NODE_V8_COVERAGE. */
interface Coverage {
  result: { url: string; functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[] }[];
}

/** How often a run, however it ends, evaluated the module of the bundle in which a text stands. */
export async function evaluationsOf(text: string, aws: LocalAws, inputs: Record<string, string>): Promise<number> {
  const at = readFileSync(bundle, 'utf8').indexOf(text);
  if (at === -1) {
    throw new Error(`"${text}" does not stand in the bundle.`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'bench-coverage-'));
  try {
    await runAction(inputs, { env: { ...aws.env, NODE_V8_COVERAGE: directory } });
    const [file = ''] = readdirSync(directory);
    const { result }: Coverage = JSON.parse(readFileSync(join(directory, file), 'utf8'));
    const [script, ...around] = (result.find(({ url }) => url.endsWith('/dist/index.js'))?.functions ?? [])
      .flatMap(({ ranges }) => ranges)
      .filter(({ startOffset, endOffset }) => startOffset <= at && at < endOffset)
      .toSorted((a, b) => b.endOffset - b.startOffset - (a.endOffset - a.startOffset));
    if (script === undefined) {
      throw new Error('V8 did not count what the bundle evaluates.');
    }
    // Around the text stand the whole script and in it the module; what is in the module counts for itself.
    return around[0]?.count ?? script.count;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
