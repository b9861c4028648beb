import { cancellation } from '../../src/retry.ts';
import type { Run } from '../../src/world.ts';

export type FaultKind = 'throttled' | 'lost-before' | 'lost-after' | 'error-after' | 'denied' | 'hang' | 'hang-after';

export interface Fault {
  action: string;
  /** Counted from 1, among the calls of that action by that run. */
  nth: number;
  kind: FaultKind;
}

/** Ends a run at one of its calls. */
export interface Stop {
  /** Counted from 1, among all its calls. */
  call: number;
  when: 'before' | 'after';
  /** A run that is cancelled is told so; one that is killed does nothing more. */
  kind: 'kill' | 'cancel';
}

/** One run of the action. */
export interface Actor {
  readonly name: string;
  readonly run: Run;
  readonly faults: readonly Fault[];
  readonly stop: Stop | undefined;
  readonly cancel: AbortController;
  /** Rejects when the run is stopped. */
  readonly stopped: Promise<never>;
  isKilled: boolean;
  calls: number;
  readonly counts: Map<string, number>;
  end(kind: Stop['kind']): void;
}

/** Of a run that is no more. */
class Killed extends Error {}

export function createActor(run: Run, faults: readonly Fault[], stop: Stop | undefined): Actor {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  stopped.catch(() => undefined);
  const cancel = new AbortController();
  const actor: Actor = {
    name: `run ${run.runId}/${run.runAttempt}`,
    run,
    faults,
    stop,
    cancel,
    stopped,
    isKilled: false,
    calls: 0,
    counts: new Map(),
    end(kind) {
      if (kind === 'kill') {
        actor.isKilled = true;
        reject(new Killed());
      } else {
        cancel.abort();
        reject(cancellation());
      }
    },
  };
  return actor;
}

/** The same run once more, for what it has to do when it is cancelled. */
export function afterCancel({ run, faults, counts, calls }: Actor): Actor {
  return Object.assign(createActor(run, faults, undefined), { counts, calls });
}

export function throwIfStopped(actor: Actor): void {
  if (actor.isKilled) {
    throw new Killed();
  }
  if (actor.cancel.signal.aborted) {
    throw cancellation();
  }
}
