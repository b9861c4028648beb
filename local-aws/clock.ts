/** A duration in ms, or a range from which every use draws one. */
export type Duration = number | readonly [min: number, max: number];

/** Real time, but one place that ends every timer, and draws that a seed repeats. */
export interface Clock {
  now: () => number;
  /** A number from 0 up to 1. */
  random: () => number;
  draw: (duration: Duration) => number;
  after: (ms: number, action: () => void) => void;
  /** Never resolves once the clock was stopped: what waited then is over. */
  sleep: (ms: number) => Promise<void>;
  stop: () => void;
}

export function startClock(seed: number): Clock {
  const timers = new Set<NodeJS.Timeout>();
  const random = seededRandom(seed);
  const after: Clock['after'] = (ms, action) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, ms);
    timers.add(timer);
  };
  return {
    now: () => performance.now(),
    random,
    draw: (duration) =>
      typeof duration === 'number' ? duration : duration[0] + random() * (duration[1] - duration[0]),
    after,
    sleep: (ms) => (ms > 0 ? new Promise((resolve) => after(ms, resolve)) : Promise.resolve()),
    stop: () => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

/** mulberry32: short, and good enough to draw durations and weights. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
