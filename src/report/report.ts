import type { DeployError } from '../errors.ts';
import { errorsOf, type Outcome, statusOf } from '../outcome.ts';
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
  return {
    succeeded: status === 'succeeded' || status === 'planned',
    lines: [...(status === 'planned' ? planLines(outcome) : standingLines(outcome)), ending],
    annotations: [
      ...[
        ...outcome.warnings.map((warning) => ({ warning })),
        ...outcome.distributions,
        ...(outcome.regeneration ? [outcome.regeneration] : []),
      ].flatMap(toWarning),
      ...toErrors(outcome),
    ],
    outputs: toOutputs(outcome),
    summary: toSummary(outcome, run),
  };
}

function toWarning({ warning }: { warning: DeployError | undefined }): Annotation[] {
  return warning ? [toAnnotation('warning', warning)] : [];
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
