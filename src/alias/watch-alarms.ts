import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import type { Note } from '../timeline.ts';
import type { AlarmState, World } from '../world.ts';

/** An alarm looks at its metric once in ten seconds at the most. */
const intervalMs = 2000;
const gone = 'gone';
/** Who cannot see the alarms for so long does not know whether to go on. */
const longestBlindMs = 60_000;

type States = ReadonlyMap<string, AlarmState>;

/** The alarms of a release, from before it starts to its end. */
export interface AlarmWatch {
  /** Before anything moves: every alarm exists, can be read, and is not in ALARM, unless the release may start in it. */
  check(deadline: number): Promise<void>;
  /** For so long, or until one fires; `during` says in which part of the release that is. */
  watch(ms: number, during: string, note: Note): Promise<void>;
  /** What was in ALARM before the start, was never OK since, and is in ALARM now. */
  stillInAlarm(deadline: number): Promise<readonly string[]>;
}

/**
 * An alarm that was in ALARM before the start stops the release, or with `startInAlarm` is left out until it is OK; then
 * it counts like the others. INSUFFICIENT_DATA is not OK: the metric of a function that nobody calls has it in between.
 */
export function createAlarmWatch(
  world: World,
  { alarms: names, startInAlarm }: { alarms: readonly string[]; startInAlarm: boolean },
): AlarmWatch {
  /** In ALARM since before the start, as they were last seen. */
  const leftOut = new Map<string, AlarmState>();

  const read = async (deadline: number): Promise<States> => {
    const states = await readAlarms(world, names, deadline);
    for (const [name, last] of leftOut) {
      const now = states.get(name);
      if (now !== undefined && countsAgain(last, now)) {
        leftOut.delete(name);
        world.log.line(`alarm ${plain(name)} was OK, so it counts from now on`);
      } else if (now !== undefined) {
        leftOut.set(name, now);
      }
    }
    return states;
  };
  const firing = (states: States) =>
    [...states].filter(([name, { value }]) => value === 'ALARM' && !leftOut.has(name)).map(([name]) => name);

  return {
    async check(deadline) {
      if (names.length === 0) {
        return;
      }
      const states = await read(deadline);
      refuseMissing(names, states);
      const inAlarm = firing(states);
      if (inAlarm.length > 0 && !startInAlarm) {
        throw inAlarmBefore(inAlarm);
      }
      for (const [name, state] of states) {
        world.log.line(`alarm ${plain(name)}: ${plain(state.value)}`);
        if (inAlarm.includes(name)) {
          leftOut.set(name, state);
          world.log.line(`warning: alarm ${plain(name)} is in ALARM before the start, it counts once it was OK`);
        }
      }
    },
    async watch(ms, during, note) {
      const end = world.clock.now() + ms;
      if (names.length === 0) {
        await world.clock.pause(ms);
        return;
      }
      const tell = tellChanges(names, note);
      for (;;) {
        const states = await read(world.clock.now() + longestBlindMs);
        tell(states);
        refuseGone(names, states);
        refuseFiring(firing(states), during);
        const left = end - world.clock.now();
        if (left <= 0) {
          return;
        }
        await world.clock.pause(Math.min(left, intervalMs));
      }
    },
    async stillInAlarm(deadline) {
      if (leftOut.size > 0) {
        await read(deadline);
      }
      return [...leftOut].filter(([, { value }]) => value === 'ALARM').map(([name]) => name);
    },
  };
}

/**
 * Seen OK, or in ALARM both times and not the same: then it was something else between two looks
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html, StateTransitionedTimestamp).
 */
function countsAgain(last: AlarmState, now: AlarmState): boolean {
  const hasFiredAgain = now.value === 'ALARM' && last.value === 'ALARM' && now.changedAt !== last.changedAt;
  return now.value === 'OK' || hasFiredAgain;
}

function tellChanges(names: readonly string[], note: Note): (states: States) => void {
  const last = new Map<string, string>();
  return (states) => {
    for (const name of names) {
      const value = states.get(name)?.value ?? gone;
      if (last.get(name) !== value && (last.has(name) || value !== 'OK')) {
        note(`alarm ${plain(name)}: ${plain(value)}`);
      }
      last.set(name, value);
    }
  };
}

/** Until it is answered or the time is up; without knowing the alarms, nobody should go on. */
async function readAlarms(world: World, names: readonly string[], deadline: number): Promise<States> {
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

function missingOf(names: readonly string[], states: States): string[] {
  return names.filter((name) => !states.has(name));
}

function refuseMissing(names: readonly string[], states: States): void {
  const missing = missingOf(names, states);
  if (missing.length > 0) {
    throw new DeployError('not-found', `alarms: CloudWatch has no alarm ${shown(missing)}.`, {
      hint: 'Check the names, the account and the Region.',
    });
  }
}

/** An alarm that was deleted meanwhile warns nobody any more, also one that is left out as long as it is in ALARM. */
function refuseGone(names: readonly string[], states: States): void {
  const missing = missingOf(names, states);
  if (missing.length > 0) {
    throw new DeployError('alarm', `CloudWatch has no alarm ${shown(missing)} any more.`, {
      hint: 'Without it nobody knows whether the new version is well. Set it up again, then run this again.',
    });
  }
}

function inAlarmBefore(names: readonly string[]): DeployError {
  const alarms = names.length === 1 ? 'Alarm' : 'Alarms';
  return new DeployError(
    'alarm',
    `${alarms} ${shown(names)} ${names.length === 1 ? 'is' : 'are'} in ALARM before the release starts.`,
    {
      hint: 'Check the alarm in CloudWatch; re-run when it is OK. If this release is the fix, set start-in-alarm: true.',
    },
  );
}

function refuseFiring(names: readonly string[], during: string): void {
  if (names.length > 0) {
    throw new DeployError(
      'alarm',
      `${names.length === 1 ? 'Alarm' : 'Alarms'} ${shown(names)} fired during ${during}.`,
      {
        hint: 'Check the alarm in CloudWatch; re-run when it is OK.',
      },
    );
  }
}

/** The release is out; whether it is the cure, only the alarm can tell. */
export function notYetOk(names: readonly string[]): DeployError {
  const [alarms, are] = names.length === 1 ? ['Alarm', 'is'] : ['Alarms', 'are'];
  return new DeployError(
    'alarm',
    `${alarms} ${shown(names)} ${are} still in ALARM, as before the release, and never OK meanwhile.`,
    { hint: 'Check the alarm in CloudWatch: if it does not recover, this release has not fixed the cause.' },
  );
}

function shown(names: readonly string[]): string {
  return names.map((name) => `"${plain(name)}"`).join(', ');
}
