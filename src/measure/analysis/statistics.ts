/** An interval for a median. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** The rank of `low` from below, which is that of `high` from above, from 1. */
  readonly rank: number;
  /** The probability that such an interval holds the median: at least what was asked for. */
  readonly coverage: number;
}

/** The median; of an even number the mean of the middle two. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The nearest-rank percentile: the smallest value that at least `percent` % do not exceed. NaN of nothing. */
export function percentile(values: readonly number[], percent: number): number {
  return ascending(values)[nearestRank(values.length, percent) - 1] ?? Number.NaN;
}

/** The rank, from 1, of the nearest-rank percentile of `count` values. */
export function nearestRank(count: number, percent: number): number {
  const exact = Number(((percent * count) / 100).toFixed(6)); // 99.9 % of 10,000 is 9,990, and not a little more
  return Math.max(1, Math.ceil(exact));
}

/**
 * The narrowest symmetric interval of order statistics that holds the median with probability `coverage` or more,
 * for any distribution: from the k-th smallest value to the k-th largest. It asks only that the values are
 * independent of each other. Undefined where even the whole range covers less: for 95 %, of fewer than 6 values.
 * @see https://en.wikipedia.org/wiki/Order_statistic#Confidence_intervals_for_quantiles
 */
export function medianInterval(values: readonly number[], coverage: number): Interval | undefined {
  const sorted = ascending(values);
  const n = sorted.length;
  let found: Interval | undefined;
  // the median lies below the k-th smallest value if fewer than k of n do, each of which is a toss of a coin
  let missedBelow = 0;
  let tosses = 0.5 ** n; // P(exactly k - 1 of n)
  for (let k = 1; k <= n / 2; k++) {
    missedBelow += tosses;
    tosses = (tosses * (n - k + 1)) / k;
    const covered = 1 - 2 * missedBelow;
    const [low, high] = [sorted[k - 1], sorted[n - k]];
    if (covered < coverage || low === undefined || high === undefined) break;
    found = { low, high, rank: k, coverage: covered };
  }
  return found;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
