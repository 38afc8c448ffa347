import { type FigureName, figures, type Ratio } from './document.ts';
import { median, medianInterval } from './statistics.ts';

/** How sure an interval is to be, at least. */
export const COVERAGE = 0.95;

/**
 * The median of one contender's figures over another's of the same rounds, pair by pair, with an interval for it.
 * Undefined where no round has both.
 */
export function ratioOf(above: readonly number[], below: readonly number[]): Ratio | undefined {
  const rounds = above.map((figure, round) => figure / (below[round] ?? Number.NaN)).filter(Number.isFinite);
  if (rounds.length === 0) return undefined;
  const interval = medianInterval(rounds, COVERAGE);
  return {
    median: median(rounds),
    ...(interval ? { interval: { low: interval.low, high: interval.high, coverage: interval.coverage } } : {}),
    rounds,
  };
}

/** Where one stands beside another: `unclear` if the interval holds 1, `untold` if there is none. */
export type Place = 'better' | 'worse' | 'unclear' | 'untold';

/** Says where the one whose ratio this is stands beside the other. */
export function place({ interval }: Ratio, figure: FigureName): Place {
  if (!interval) return 'untold';
  if (interval.low <= 1 && interval.high >= 1) return 'unclear';
  return interval.high < 1 === (figures[figure].better === 'less') ? 'better' : 'worse';
}

/** Whether a place says who wins. */
export function isClear(at: Place): boolean {
  return at === 'better' || at === 'worse';
}
