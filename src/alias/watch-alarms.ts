import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { type Note, seconds } from '../timeline.ts';
import type { World } from '../world.ts';

/** An alarm looks at its metric once in ten seconds at the most. */
const intervalMs = 2000;
const gone = 'gone';
/** Who cannot see the alarms for so long does not know whether to go on. */
const longestBlindMs = 60_000;

/** Before anything moves: every alarm is there, can be read, and does not ring yet. */
export async function checkAlarms(world: World, names: readonly string[], deadline: number): Promise<void> {
  const states = await readAlarms(world, names, deadline);
  const missing = names.filter((name) => !states.has(name));
  if (missing.length > 0) {
    throw new DeployError('not-found', `alarms: CloudWatch has no alarm ${shown(missing)}.`, {
      hint: 'See that the names, the AWS account and the Region are right.',
    });
  }
  refuseRinging(states, 'before the release began');
  for (const [name, state] of states) {
    world.log.line(`alarm ${plain(name)}: ${plain(state)}`);
  }
}

/** For so long, or until one rings. */
export async function watchAlarms(world: World, names: readonly string[], ms: number, note: Note): Promise<void> {
  const end = world.clock.now() + ms;
  if (names.length === 0) {
    await world.clock.pause(ms);
    return;
  }
  const last = new Map<string, string>();
  while (true) {
    const states = await readAlarms(world, names, world.clock.now() + longestBlindMs);
    for (const name of names) {
      const state = states.get(name) ?? gone;
      if (last.get(name) !== state && (last.has(name) || state !== 'OK')) {
        note(`alarm ${plain(name)}: ${plain(state)}`);
      }
      last.set(name, state);
    }
    refuseGone(names, states);
    refuseRinging(states, `after ${seconds(ms - Math.max(0, end - world.clock.now()))}`);
    const left = end - world.clock.now();
    if (left <= 0) {
      return;
    }
    await world.clock.pause(Math.min(left, intervalMs));
  }
}

/** Until it is answered or the time is up; without knowing the alarms, nobody should go on. */
async function readAlarms(
  world: World,
  names: readonly string[],
  deadline: number,
): Promise<ReadonlyMap<string, string>> {
  for (;;) {
    const attempt = await world.alarms.states(names, deadline);
    if (attempt.kind === 'answered') {
      return attempt.value;
    }
    if (attempt.kind === 'refused') {
      throw attempt.error;
    }
    const left = deadline - world.clock.now();
    if (left <= 0) {
      throw new DeployError('alarm', `The alarms ${shown(names)} could not be read (${attempt.reason}).`, {
        hint: 'Without them nobody knows whether the new version is well. See https://health.aws.amazon.com, then run it again.',
      });
    }
    await world.clock.pause(Math.min(left, intervalMs));
  }
}

/** An alarm that was deleted meanwhile warns nobody any more. */
function refuseGone(names: readonly string[], states: ReadonlyMap<string, string>): void {
  const missing = names.filter((name) => !states.has(name));
  if (missing.length > 0) {
    throw new DeployError('alarm', `CloudWatch has no alarm ${shown(missing)} any more.`, {
      hint: 'Without it nobody knows whether the new version is well. Set it up again, then run this again.',
    });
  }
}

function refuseRinging(states: ReadonlyMap<string, string>, when: string): void {
  const ringing = [...states].filter(([, state]) => state === 'ALARM').map(([name]) => name);
  if (ringing.length > 0) {
    throw new DeployError('alarm', `In ALARM ${when}: ${shown(ringing)}.`, {
      hint: 'See the alarm in CloudWatch. When it is OK again, run this again.',
    });
  }
}

function shown(names: readonly string[]): string {
  return names.map((name) => `"${plain(name)}"`).join(', ');
}
