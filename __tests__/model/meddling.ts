import type { VirtualClock } from './clock.ts';
import { shaOf } from './code.ts';
import type { LambdaFunction } from './functions.ts';
import type { MeddlingKind, Schedule } from './schedule.ts';
import type { Account } from './world.ts';

/** Whoever works on the same account by hand, or with another tool. */
const person = 'somebody';
const theirCode = shaOf(9);
const againMs = 200;
const mostTries = 60;

export function meddleAsPlanned(account: Account, { meddling, deployers }: Schedule): void {
  const { clock, onCall } = account.aws;
  const names = deployers.map(({ runId }) => `run ${runId}/1`);
  for (const { at, kind } of meddling) {
    if (typeof at === 'number') {
      clock.after(at, () => meddle(account, kind));
    } else {
      onCall.push((actor, call, when) => {
        if (actor.name === names[at.deployer] && call === at.call && when === at.when) {
          meddle(account, kind);
        }
      });
    }
  }
}

/** With the first function. */
function meddle({ aws, functions }: Account, kind: MeddlingKind): void {
  const [fn] = functions.values();
  if (fn === undefined) {
    return;
  }
  aws.calls.push({ at: aws.clock.now(), by: person, action: kind, target: fn.name, applied: true, result: '' });
  const { clock } = aws;
  const [oldest = ''] = fn.versions.keys();
  const newest = [...fn.versions.keys()].at(-1) ?? '';
  const move = (version: string, weights: Record<string, number> = {}) =>
    fn.updateAlias(person, { version, weights, revisionId: '' });
  switch (kind) {
    case 'changes the configuration':
      fn.updateConfiguration(person);
      return;
    case 'deploys':
      deploy(clock, fn, () => undefined);
      return;
    case 'deploys and publishes':
      deploy(clock, fn, () => publish(clock, fn, () => undefined));
      return;
    case 'releases':
      deploy(clock, fn, () => publish(clock, fn, (version) => move(version)));
      return;
    case 'publishes':
      fn.publish(person, fn.latest.now.codeSha256, 'by hand');
      return;
    case 'moves the alias back':
      move(oldest);
      return;
    case 'moves the alias on':
      move(newest);
      return;
    case 'splits the alias':
      move(oldest, oldest === newest ? {} : { [newest]: 0.3 });
      return;
    case 'points the alias to $LATEST':
      move('$LATEST');
      return;
    case 'deletes the alias':
      fn.deleteAlias(person);
  }
}

/** As soon as Lambda takes it, and then on. */
function deploy(clock: VirtualClock, fn: LambdaFunction, then: () => void): void {
  until(clock, () => {
    if (fn.updateCode(person, theirCode).kind !== 'answered') {
      return false;
    }
    until(clock, () => {
      const { codeSha256, lastUpdateStatus } = fn.latest.now;
      if (codeSha256 !== theirCode || lastUpdateStatus !== 'Successful') {
        return false;
      }
      then();
      return true;
    });
    return true;
  });
}

function publish(clock: VirtualClock, fn: LambdaFunction, then: (version: string) => void): void {
  const published = fn.publish(person, theirCode, 'by hand');
  if (published.kind !== 'answered') {
    return;
  }
  const { version } = published.value;
  until(clock, () => {
    if (fn.versions.get(version)?.now.state !== 'Active') {
      return false;
    }
    then(version);
    return true;
  });
}

function until(clock: VirtualClock, isDone: () => boolean, tries = 0): void {
  if (!isDone() && tries < mostTries) {
    clock.after(againMs, () => until(clock, isDone, tries + 1));
  }
}
