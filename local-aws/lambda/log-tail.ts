import { type Answering, hasSnapStart } from './function-state.ts';
import { findVersion } from './store.ts';

/** One run of a function. */
export interface Execution {
  requestId: string;
  durationMs: number;
  /** Only of a cold start. */
  initMs: number | undefined;
  failure: unknown;
  /** What the function printed. */
  log: string | undefined;
}

const MOST_BYTES = 4096;

/** X-Amz-Log-Result: the end of the log, in base64. */
export function logTail(answering: Answering, execution: Execution): string {
  const { requestId, failure, log } = execution;
  const lines = [
    `START RequestId: ${requestId} Version: ${answering.version}`,
    ...(log === undefined ? [] : [log]),
    ...(failure === undefined ? [] : [`${requestId}\tERROR\tInvoke Error\t${JSON.stringify(failure)}`]),
    `END RequestId: ${requestId}`,
    report(answering, execution),
  ];
  return Buffer.from(`${lines.join('\n')}\n`)
    .subarray(-MOST_BYTES)
    .toString('base64');
}

function report({ fn, version }: Answering, { requestId, durationMs, initMs }: Execution): string {
  const configuration = findVersion(fn, version)?.configuration ?? fn.configuration;
  const isRestored = version !== '$LATEST' && hasSnapStart(configuration);
  const memory = configuration.MemorySize ?? 128;
  const fields = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs + (initMs ?? 0))} ms`,
    `Memory Size: ${memory} MB`,
    'Max Memory Used: 64 MB',
    ...(initMs === undefined ? [] : [`${isRestored ? 'Restore' : 'Init'} Duration: ${initMs.toFixed(2)} ms`]),
  ];
  return `${fields.join('\t')}\t`;
}
