import type { AlarmWatch } from './alias/watch-alarms.ts';
import type { Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';
import type { Timeline } from './timeline.ts';
import type { Run, World } from './world.ts';

/** What every step of a release works with. */
export interface Releasing {
  readonly plan: Plan;
  readonly run: Run;
  readonly world: World;
  readonly timeline: Timeline;
  readonly outcome: Outcome;
  readonly alarms: AlarmWatch;
  /** When every function has to be ready, in milliseconds of the clock. */
  deadline: number;
}
