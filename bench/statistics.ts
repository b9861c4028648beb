export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between two values it is interpolated; `share` 1 is the largest. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) {
    throw new Error('there is no value to take a quantile of.');
  }
  return below + (above - below) * (at - Math.floor(at));
}

/** The most moments that lie within any stretch of `windowMs`. */
export function busiestWindow(moments: readonly number[], windowMs: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, moment] of sorted.entries()) {
    while (moment - (sorted[first] ?? moment) >= windowMs) {
      first += 1;
    }
    most = Math.max(most, last - first + 1);
  }
  return most;
}
