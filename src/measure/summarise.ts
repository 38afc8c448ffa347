import { medianCost } from './broker-cost.ts';
import type { Entry, Estimate, FigureName, LevelResult } from './document.ts';
import { BASELINE } from './implementation.ts';
import { ratioOf } from './ratios.ts';
import { addTallies, type Contender, type Sample } from './samples.ts';
import { median, nearestRank, percentile } from './statistics.ts';
import type { Workload } from './workloads/index.ts';

/** What other implementations are compared with, where it takes part: it does the least that can be done. */
export const FLOOR = 'floor';

/** The percentiles that are told of all calls together. */
const percents = [1, 10, 25, 50, 75, 90, 95, 99, 99.9] as const;

/** So many calls must lie above a percentile for it to be told. */
const ABOVE = 10;

/**
 * Sums up the samples of one level of one workload, of the rounds in which every contender had its turn: round 0 is left
 * out, and so is a round that was cut short.
 */
export function summariseLevel(
  samples: readonly Sample[],
  level: number,
  workload: Pick<Workload, 'headline' | 'columns' | 'levelTitle' | 'levelLabel'>,
  contenders: readonly Contender[],
): LevelResult {
  const rounds = completeRounds(samples, contenders);
  const of = (contender: Contender) => rounds.flatMap((round) => round.filter((sample) => isOf(sample, contender)));
  const headline = (contender: Contender) => of(contender).map(figureOf(workload.headline));
  return {
    level,
    label: workload.levelLabel?.(level) ?? String(level),
    title: workload.levelTitle(level),
    rounds: rounds.length,
    entries: contenders.map((contender): Entry => {
      const own = of(contender);
      const { implementation, design } = contender;
      const toBaseline =
        design === BASELINE ? undefined : ratioOf(headline(contender), headline({ implementation, design: BASELINE }));
      const toFloor =
        implementation === FLOOR
          ? undefined
          : ratioOf(headline(contender), headline({ implementation: FLOOR, design }));
      const broker = medianCost(
        own.flatMap((sample) => sample.broker ?? []),
        median,
      );
      return {
        implementation,
        design,
        figures: estimates(own, workload.columns),
        percentiles: pooledPercentiles(own),
        ...(toBaseline && { toBaseline }),
        ...(toFloor && { toFloor }),
        measured: addTallies(own.map(({ measured }) => measured)),
        ...(broker && { broker }),
      };
    }),
  };
}

const figureOf =
  (name: FigureName) =>
  ({ latencies, elapsed, measured, others }: Sample): number => {
    switch (name) {
      case 'rate':
        return measured.right > 0 ? (measured.right / elapsed) * 1000 : Number.NaN;
      case 'p50':
        return median(latencies);
      case 'p90':
        return percentile(latencies, 90);
      case 'p99':
        return percentile(latencies, 99);
      default:
        return others?.[name] ?? Number.NaN;
    }
  };

function estimates(samples: readonly Sample[], names: readonly FigureName[]): Entry['figures'] {
  const told = names.flatMap((name): [FigureName, Estimate][] => {
    const rounds = samples.map(figureOf(name)).filter(Number.isFinite);
    return rounds.length > 0 ? [[name, { median: median(rounds), rounds }]] : [];
  });
  return Object.fromEntries(told);
}

function pooledPercentiles(samples: readonly Sample[]): [number, number][] {
  const pooled = samples.flatMap(({ latencies }) => latencies);
  return percents
    .filter((percent) => pooled.length - nearestRank(pooled.length, percent) >= ABOVE)
    .map((percent) => [percent, percentile(pooled, percent)]);
}

function isOf(sample: Sample, { implementation, design }: Contender): boolean {
  return sample.implementation === implementation && sample.design === design;
}

function completeRounds(samples: readonly Sample[], contenders: readonly Contender[]): Sample[][] {
  const rounds = new Map<number, Sample[]>();
  for (const sample of samples) {
    if (sample.round > 0) rounds.set(sample.round, [...(rounds.get(sample.round) ?? []), sample]);
  }
  return [...rounds.values()].filter((round) =>
    contenders.every((contender) => round.some((sample) => isOf(sample, contender))),
  );
}
