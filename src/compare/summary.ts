import { addTallies, type Sample, type Tally } from './samples.ts';
import { type Interval, median, medianInterval, percentile } from './statistics.ts';
import type { Headline } from './workloads.ts';

/** How sure an interval is to be, at least. */
export const COVERAGE = 0.95;

/** A figure of one design over that of another in the same round: the median over the rounds. */
export interface Ratio {
  readonly median: number;
  /** Undefined where there are too few rounds for one. */
  readonly interval: Interval | undefined;
  /** How many rounds have both. */
  readonly rounds: number;
}

/** One design at one workload: medians over the rounds of each round's figure. NaN where no call was answered. */
export interface DesignSummary {
  readonly design: string;
  /** Calls answered right per second. */
  readonly rate: number;
  /** Percentiles of the time of a call, in ms. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** The headline figure over the baseline's; undefined for the baseline itself. */
  readonly ratio: Ratio | undefined;
  readonly measured: Tally;
}

/** The design that does best, and how the others do beside it. */
export interface Standing {
  readonly best: string;
  /** The headline figure over that of the best. */
  readonly others: readonly { readonly design: string; readonly ratio: Ratio }[];
}

/** One workload. */
export interface WorkloadSummary {
  readonly workload: string;
  readonly headline: Headline;
  /** How many rounds have every design. */
  readonly rounds: number;
  readonly designs: readonly DesignSummary[];
  readonly standing: Standing;
}

/** Sums up the samples of one workload, of the rounds in which every design had its turn. Round 0 is left out. */
export function summarise(
  samples: readonly Sample[],
  options: {
    readonly workload: string;
    readonly headline: Headline;
    readonly designs: readonly string[];
    readonly baseline: string;
  },
): WorkloadSummary {
  const { workload, headline, designs, baseline } = options;
  const rounds = completeRounds(
    samples.filter((sample) => sample.workload === workload && sample.round > 0),
    designs,
  );
  const of = (design: string) => rounds.flatMap((round) => round.filter((sample) => sample.design === design));
  const ratio = (above: string, below: string): Ratio => {
    const [figures, others] = [of(above).map(figureOf[headline]), of(below).map(figureOf[headline])];
    const ratios = figures.map((figure, index) => figure / (others[index] ?? Number.NaN)).filter(Number.isFinite);
    return { median: median(ratios), interval: medianInterval(ratios, COVERAGE), rounds: ratios.length };
  };
  const over = (figure: (sample: Sample) => number, design: string) =>
    median(of(design).map(figure).filter(Number.isFinite));
  return {
    workload,
    headline,
    rounds: rounds.length,
    designs: designs.map((design) => ({
      design,
      rate: over(rateOf, design),
      p50: over(({ latencies }) => percentile(latencies, 50), design),
      p90: over(({ latencies }) => percentile(latencies, 90), design),
      p99: over(({ latencies }) => percentile(latencies, 99), design),
      ratio: design === baseline ? undefined : ratio(design, baseline),
      measured: addTallies(of(design).map(({ measured }) => measured)),
    })),
    standing: standingOf(designs, headline, ratio),
  };
}

/** Says where a design stands beside another by their ratio: `unclear` where the interval holds 1, or there is none. */
export function place({ interval }: Ratio, headline: Headline): 'better' | 'worse' | 'unclear' {
  if (!interval || (interval.low <= 1 && interval.high >= 1)) return 'unclear';
  return interval.high < 1 === (headline === 'time') ? 'better' : 'worse';
}

const rateOf = ({ elapsed, measured }: Sample) => (measured.right > 0 ? (measured.right / elapsed) * 1000 : Number.NaN);

const figureOf: Record<Headline, (sample: Sample) => number> = {
  time: ({ latencies }) => percentile(latencies, 50),
  rate: rateOf,
};

/** The best is one that no other is shown to beat; of several, the one that is ahead of most in the medians. */
function standingOf(
  designs: readonly string[],
  headline: Headline,
  ratio: (above: string, below: string) => Ratio,
): Standing {
  const standings = designs.map((best) => {
    const others = designs
      .filter((design) => design !== best)
      .map((design) => ({ design, ratio: ratio(design, best) }));
    const beatenBy = others.filter((other) => place(other.ratio, headline) === 'better').length;
    const ahead = others.filter((other) => other.ratio.median > 1 === (headline === 'time')).length;
    return { best, others, beatenBy, ahead };
  });
  const [first] = standings.sort((a, b) => a.beatenBy - b.beatenBy || b.ahead - a.ahead);
  return { best: first?.best ?? '', others: first?.others ?? [] };
}

function completeRounds(samples: readonly Sample[], designs: readonly string[]): Sample[][] {
  const rounds = [...new Set(samples.map(({ round }) => round))].map((round) =>
    samples.filter((sample) => sample.round === round),
  );
  return rounds.filter((round) => designs.every((design) => round.some((sample) => sample.design === design)));
}
