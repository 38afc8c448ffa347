import type { BrokerCost, FigureName } from './document.ts';
import type { Design } from './implementation.ts';

/** What came of a number of calls. `calls` is the sum of `right`, `wrong`, `timeouts` and `errors`. */
export interface Tally {
  readonly calls: number;
  /** Answered with the result that was expected. */
  readonly right: number;
  /** Answered with anything else. */
  readonly wrong: number;
  /** Not answered within the time limit. */
  readonly timeouts: number;
  /** Failed otherwise: refused, connection lost and so on. */
  readonly errors: number;
  /** Replies that came and that nobody waited for: late, twice, or of unknown origin. */
  readonly discarded: number;
  /** Why the first call that was not right was not; absent if all were. */
  readonly firstFailure?: string;
}

/** What one turn measured. */
export interface Measurement {
  /** Of each measured call that was answered right, or of each life, in ms. */
  readonly latencies: readonly number[];
  /** How long it measured, in ms; NaN where a rate would say nothing. */
  readonly elapsed: number;
  /** Figures that are no rate and no percentile. */
  readonly others?: Readonly<Partial<Record<FigureName, number>>>;
  /** The calls that were measured; the discarded replies are those of the whole turn. */
  readonly measured: Tally;
  /** The turn's other calls: those that warmed it up, and those still under way when it had measured enough. */
  readonly unmeasured: Tally;
}

/** Who has a turn: a design of an implementation. */
export interface Contender {
  readonly implementation: string;
  readonly design: Design;
}

/** One turn: one contender at one level of one workload in one round. */
export interface Sample extends Measurement, Contender {
  readonly workload: string;
  readonly level: number;
  /** From 1; round 0 is the warm-up, which is in no figure. */
  readonly round: number;
  /** Absent if the broker does not tell. */
  readonly broker?: BrokerCost;
}

/** The tally of no calls. */
export const noCalls: Tally = { calls: 0, right: 0, wrong: 0, timeouts: 0, errors: 0, discarded: 0 };

/** The sum of tallies; the first failure is that of the first that has one. */
export function addTallies(tallies: readonly Tally[]): Tally {
  return tallies.reduce((sum, tally) => {
    const firstFailure = sum.firstFailure ?? tally.firstFailure;
    return {
      calls: sum.calls + tally.calls,
      right: sum.right + tally.right,
      wrong: sum.wrong + tally.wrong,
      timeouts: sum.timeouts + tally.timeouts,
      errors: sum.errors + tally.errors,
      discarded: sum.discarded + tally.discarded,
      ...(firstFailure === undefined ? {} : { firstFailure }),
    };
  }, noCalls);
}

/** How many calls of a tally were not answered right. */
export function failed({ wrong, timeouts, errors }: Tally): number {
  return wrong + timeouts + errors;
}
