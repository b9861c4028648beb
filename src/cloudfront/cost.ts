// https://aws.amazon.com/cloudfront/pricing/: a path, a wildcard and a tag each count once, in every distribution; the
// free ones are those of the account and the month, so nobody here knows how many of them are left.
const dollarsEach = 0.005;
const freeEachMonth = 1000;

/** What clearing `items` in each of `targets` may cost, in words. */
export function costText(items: number, targets: number): string {
  const count = items * targets;
  const free = `the account's ${freeEachMonth.toLocaleString('en-US')} free paths a month`;
  return count <= freeEachMonth
    ? `${inDollars(count * dollarsEach)}, or nothing within ${free}`
    : `${inDollars(count * dollarsEach)}, or ${inDollars((count - freeEachMonth) * dollarsEach)} if none of ${free} is used`;
}

function inDollars(amount: number): string {
  const digits = amount < 0.095 ? 3 : 2;
  return `$${amount.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** The most that clearing can cost, in US dollars. */
export function costUsd(items: number, targets: number): number {
  return Math.round(items * targets * dollarsEach * 1000) / 1000;
}
