import { DeployError } from '../errors.ts';
import type { FunctionOutcome } from '../outcome.ts';
import { plain } from '../plain.ts';
import { persist } from '../retry.ts';
import type { Timeline } from '../timeline.ts';
import type { FunctionState, World } from '../world.ts';
import { packageTypeOf, sourceText } from './code.ts';
import { changeOf } from './preparation.ts';
import { isBusy, refuseDeleting } from './state.ts';
import { refuseTraits } from './traits.ts';

/** What the function is now, and whether this code fits it at all. */
export async function lookAtFunction(
  outcome: FunctionOutcome,
  world: World,
  timeline: Timeline,
  deadline: number,
): Promise<void> {
  const { name, plan } = outcome;
  outcome.before = await timeline.step(name, 'look', async (note) => {
    const state = await persist(() => world.lambda.look(plan.ref.text, deadline), {
      subject: `GetFunction for ${name}`,
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: note,
    });
    note(describe(state));
    return state;
  });
  outcome.seenAt = world.clock.now();
  refuseOtherPackage(outcome, outcome.before);
  refuseDeleting(outcome.name, outcome.before);
  refuseTraits(outcome, outcome.before);
}

function refuseOtherPackage({ name, plan }: FunctionOutcome, { packageType }: FunctionState): void {
  const { source, sourceInput } = plan;
  const needed = packageTypeOf(source);
  if (packageType !== '' && packageType !== needed) {
    const instead = source.kind === 'image' ? 'zip-file, or s3-bucket and s3-key' : 'image-uri';
    throw new DeployError(
      'invalid-input',
      `${sourceInput} "${sourceText(source)}" needs the package type ${needed}, but function ${name} has the package type ${plain(packageType)}.`,
      { hint: `The package type of a function is fixed when it is created. Set ${instead} for this one.` },
    );
  }
}

/** Lets Lambda check the update without making it; a busy function is no obstacle, a real run would wait for it. */
export async function checkUpdate(
  outcome: FunctionOutcome,
  world: World,
  timeline: Timeline,
  deadline: number,
): Promise<void> {
  const { plan, before } = outcome;
  const { ref, source } = plan;
  if (before === undefined) {
    throw new Error(`${outcome.name} was not looked at.`);
  }
  const change = changeOf(outcome, before);
  outcome.accepted = await timeline.step(outcome.name, 'check the update', async (note) => {
    const accepted = await persist<boolean>(
      async () => {
        const attempt = await world.lambda.checkUpdate(ref.text, change, deadline);
        const isSettled = attempt.kind === 'answered' || attempt.kind === 'busy';
        return isSettled ? { kind: 'answered', value: attempt.kind === 'answered' } : attempt;
      },
      {
        subject: `UpdateFunctionCode (dry run) for ${outcome.name}`,
        deadline,
        capMs: 5000,
        clock: world.clock,
        onRetry: note,
      },
    );
    note(
      accepted ? `Lambda would accept ${sourceText(source)}` : 'busy with another update, which a real run waits for',
    );
    return accepted;
  });
}

function describe(state: FunctionState): string {
  const runs = state.resolvedImageUri || state.imageUri || state.codeSha256;
  const status = `${state.state || 'unknown'}, last update ${state.lastUpdateStatus || 'unknown'}`;
  const reason = state.lastUpdateStatusReasonCode || state.stateReasonCode;
  const cure = !isBusy(state) && (['Inactive', 'Failed'].includes(state.state) || state.lastUpdateStatus === 'Failed');
  return plain(
    `${status}${reason ? ` (${reason})` : ''}, ${state.architectures.join(', ')}, holds ${runs}${cure ? '; going on, this update may be the cure' : ''}`,
  );
}
