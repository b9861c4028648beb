import type { Attempt, Invalidation } from '../../src/world.ts';
import { type Aws, answered, refused } from './aws.ts';

interface Made {
  id: string;
  status: string;
  by: string;
  paths: string;
  createdAt: number;
  completedAt: number | undefined;
}

interface Page {
  code: string | undefined;
  filledAt: number;
}

const pagesEach = 3;

/** A distribution whose visitors ask for every page, all the time. */
export class Distribution {
  readonly id: string;
  readonly invalidations = new Map<string, Made>();
  readonly pages: Page[];
  readonly #aws: Aws;
  readonly #origin: () => string | undefined;

  constructor(id: string, aws: Aws, origin: () => string | undefined) {
    this.id = id;
    this.#aws = aws;
    this.#origin = origin;
    this.pages = Array.from({ length: pagesEach }, () => ({ code: undefined, filledAt: 0 }));
    aws.onTick.push(() => this.visit());
  }

  /** What is not in the cache is fetched from the function, and stays. */
  visit(): void {
    for (const page of this.pages) {
      if (page.code === undefined) {
        page.code = this.#origin();
        page.filledAt = this.#aws.clock.now();
      }
    }
  }

  invalidate(by: string, paths: readonly string[], callerReference: string): Attempt<Invalidation> {
    const { clock, random, pace, newId } = this.#aws;
    const text = paths.join(' ');
    const known = this.invalidations.get(callerReference);
    if (known !== undefined && known.paths !== text) {
      return refused('conflict', 'the caller reference was used for other paths', 'InvalidationBatchAlreadyExists');
    }
    if (known !== undefined) {
      return answered({ id: known.id, status: known.status, ageMs: this.#aws.clock.now() - known.createdAt });
    }
    const createdAt = clock.now();
    const made: Made = { id: newId(), status: 'InProgress', by, paths: text, createdAt, completedAt: undefined };
    this.invalidations.set(callerReference, made);
    const takesMs = random() * pace.invalidationMs;
    for (const page of this.pages) {
      // Each edge in its own time; what came after the invalidation may stay.
      clock.after(random() * takesMs, () => {
        page.code = page.filledAt <= createdAt ? undefined : page.code;
      });
    }
    clock.after(takesMs, () => {
      made.status = 'Completed';
      made.completedAt = clock.now();
    });
    return answered({ id: made.id, status: made.status, ageMs: 0 });
  }

  look(id: string): Attempt<Invalidation> {
    const made = [...this.invalidations.values()].find((one) => one.id === id);
    return made === undefined
      ? refused('not-found', `no invalidation ${id}`, 'NoSuchInvalidation')
      : answered({ id, status: made.status, ageMs: this.#aws.clock.now() - made.createdAt });
  }
}
