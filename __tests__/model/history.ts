/** Everything that something has been, so that a read can be behind and an invariant can look back. */
export interface Entry<T> {
  at: number;
  /** Who made it so. */
  by: string;
  value: T;
}

export class History<T> {
  readonly entries: Entry<T>[] = [];

  add(at: number, by: string, value: T): T {
    this.entries.push({ at, by, value });
    return value;
  }

  get now(): T {
    const last = this.entries.at(-1);
    if (last === undefined) {
      throw new Error('nothing yet');
    }
    return last.value;
  }

  at(moment: number): T | undefined {
    return this.entries.findLast(({ at }) => at <= moment)?.value;
  }
}
