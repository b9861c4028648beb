import { DeployError, toDeployError } from './errors.ts';
import type { InputSource } from './fields.ts';
import { parseInputs } from './inputs.ts';
import { emptyOutcome, type Outcome } from './outcome.ts';
import { type Plan, planRelease } from './plan.ts';
import { release } from './release.ts';
import { type Report, toReport } from './report/report.ts';
import type { Run, World } from './world.ts';

/** The job that runs the action: where its inputs come from and its report goes to. */
export interface Runner {
  inputs: InputSource;
  run: Run;
  publish(report: Report): Promise<void>;
}

/** The whole action: inputs, plan, release, report. */
export async function main(runner: Runner, connect: (plan: Plan) => World): Promise<void> {
  const outcome = await work(runner, connect);
  await runner.publish(toReport(outcome, runner.run));
}

async function work({ inputs, run }: Runner, connect: (plan: Plan) => World): Promise<Outcome> {
  try {
    const problems: string[] = [];
    const plan = planRelease(parseInputs(inputs, problems), run, problems);
    if (problems.length > 0) {
      return emptyOutcome(undefined, invalidInput(problems));
    }
    return await release(plan, run, connect(plan));
  } catch (error) {
    return emptyOutcome(undefined, toDeployError(error));
  }
}

const mostProblems = 50;

function invalidInput(problems: readonly string[]): DeployError {
  const shown = problems.slice(0, mostProblems);
  const more = problems.length > shown.length ? [`… and ${problems.length - shown.length} more.`] : [];
  const message =
    problems.length === 1 ? shown.join('') : [`${problems.length} problems:`, ...shown, ...more].join('\n- ');
  return new DeployError('invalid-input', message, {
    hint: 'Nothing was changed. Correct the `with:` of this step; the inputs are described in action.yml.',
  });
}
