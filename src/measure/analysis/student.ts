/** An interval of Student's t for the mean of values. */
export interface MeanInterval {
  readonly low: number;
  readonly high: number;
}

/** The mean and standard deviation of the values, NaN where there are too few. */
export function moments(values: readonly number[]): { readonly mean: number; readonly sd: number; readonly n: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (n - 1)), n };
}

/** The interval that holds the mean with this probability if the values are independent and about normal; undefined of fewer than 3. */
export function meanInterval(values: readonly number[], coverage = 0.95): MeanInterval | undefined {
  const { mean, sd, n } = moments(values);
  if (n < 3) return undefined;
  const half = (quantile(1 - (1 - coverage) / 2, n - 1) * sd) / Math.sqrt(n);
  return { low: mean - half, high: mean + half };
}

/** The p-value of a t test of the mean against `at`: two-sided, or one-sided for a mean that is less, or more. */
export function tTest(values: readonly number[], at = 0, side: 'both' | 'less' | 'more' = 'both'): number {
  const { mean, sd, n } = moments(values);
  if (n < 3) return 1;
  const t = sd === 0 ? Math.sign(mean - at) * Number.POSITIVE_INFINITY : ((mean - at) / sd) * Math.sqrt(n);
  if (Number.isNaN(t)) return 1; // all values are what they are compared with
  const above = 1 - cumulative(t, n - 1);
  if (side === 'more') return above;
  if (side === 'less') return 1 - above;
  return Math.min(1, 2 * Math.min(above, 1 - above));
}

/**
 * Holm's correction: of these p-values, what each is worth once all of them are looked at.
 * @see https://en.wikipedia.org/wiki/Holm%E2%80%93Bonferroni_method
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1));
  const adjusted = Array<number>(pValues.length).fill(1);
  let least = 0;
  for (const [rank, index] of order.entries()) {
    least = Math.max(least, Math.min(1, (pValues[index] ?? 1) * (pValues.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}

/** The probability that Student's t with `freedom` degrees of freedom is at most `t`. */
export function cumulative(t: number, freedom: number): number {
  if (!Number.isFinite(t)) return t > 0 ? 1 : 0;
  const tail = regularizedBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** The t below which this probability lies, above one half. */
export function quantile(probability: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (cumulative(high, freedom) < probability) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cumulative(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The regularised incomplete beta function, by its continued fraction (Lentz). @see https://dlmf.nist.gov/8.17.22 */
function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a;
  const floor = (value: number) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / floor(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < 300; m++) {
    for (const term of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / floor(1 + term * d);
      c = floor(1 + term / c);
      result *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return front * result;
}

/** Of a multiple of one half, which is all that is asked for. */
function logGamma(z: number): number {
  let result = Number.isInteger(z) ? 0 : Math.log(Math.sqrt(Math.PI));
  for (let x = Number.isInteger(z) ? 1 : 0.5; x < z; x++) result += Math.log(x);
  return result;
}
