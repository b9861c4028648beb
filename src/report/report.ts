import type { DeployError } from '../errors.ts';
import { errorsOf, type Outcome, statusOf, warningsOf } from '../outcome.ts';
import { seconds } from '../timeline.ts';
import type { Run } from '../world.ts';
import { type Outputs, toOutputs } from './outputs.ts';
import { planLines, standingLines } from './standing.ts';
import { toSummary } from './summary.ts';

/** Everything a run leaves behind, as text; nothing here talks to the runner. */
export interface Report {
  succeeded: boolean;
  /** The end of the log. */
  lines: readonly string[];
  annotations: readonly Annotation[];
  outputs: Outputs;
  summary: string;
}

export interface Annotation {
  level: 'error' | 'warning';
  title: string;
  text: string;
}

export function toReport(outcome: Outcome, run: Run): Report {
  const status = statusOf(outcome);
  const ending = `${status} after ${seconds(outcome.totalMs)}`;
  const errors = fitting(toErrors(outcome));
  const warnings = fitting(warningsOf(outcome).map((warning) => toAnnotation('warning', warning)));
  return {
    succeeded: status === 'succeeded' || status === 'planned',
    lines: [
      ...(status === 'planned' ? planLines(outcome) : standingLines(outcome)),
      ...errors.lines,
      ...warnings.lines,
      ending,
    ],
    annotations: [...errors.annotations, ...warnings.annotations],
    outputs: toOutputs(outcome),
    summary: toSummary(outcome, run),
  };
}

/** So many errors and so many warnings of a step are kept (actions/runner, ExecutionContext); others vanish. */
const mostAnnotations = 10;

/** What fits into annotations, and what is left for the log. */
function fitting(all: readonly Annotation[]): { annotations: Annotation[]; lines: string[] } {
  if (all.length <= mostAnnotations) {
    return { annotations: [...all], lines: [] };
  }
  const shown = all.slice(0, mostAnnotations - 1);
  const rest = all.slice(shown.length);
  const text = `… and ${rest.length} more, which stand at the end of the log.`;
  return {
    annotations: [
      ...shown,
      ...rest.slice(0, 1).map(({ level }) => ({ level, title: 'lambda-cloudfront-deploy', text })),
    ],
    lines: rest.flatMap((one) => `${one.level}: ${one.text}`.split('\n')),
  };
}

function toAnnotation(level: Annotation['level'], { code, message, hint }: DeployError): Annotation {
  const text = hint === undefined ? message : `${message}\n${hint}`;
  return { level, title: `lambda-cloudfront-deploy: ${code}`, text };
}

/** One for each failure; a cancel is one event, however many steps it ended. */
function toErrors(outcome: Outcome): Annotation[] {
  const errors = errorsOf(outcome);
  const cancels = errors.filter(({ code }) => code === 'cancelled');
  return errors
    .filter((error) => error.code !== 'cancelled' || error === cancels[0])
    .map((error) => toAnnotation('error', error));
}
