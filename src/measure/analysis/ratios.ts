import { type FigureName, figures, type MeasureDocument } from '../document/document.ts';
import { type Interval, median, medianInterval } from './statistics.ts';

/** The least probability with which an interval holds the median; with five rounds the whole range has the second one. */
const COVERAGE = 0.95;
const OF_FIVE = 0.9375;

/** A figure of a contender at a level of a scenario. */
export interface Cell {
  readonly scenario: string;
  readonly level: number;
  readonly figure: FigureName;
  readonly contender: string;
}

/** The logarithm of how many times as good as its baseline a contender was, by round: above 0 it was better. */
export type RoundLogs = ReadonlyMap<number, number>;

/** A document's samples, to be asked for. */
export class Samples {
  readonly document: MeasureDocument;
  readonly #byCell = new Map<string, MeasureDocument['samples'][number][]>();

  constructor(document: MeasureDocument) {
    this.document = document;
    for (const sample of document.samples) {
      const key = keyOf(sample);
      this.#byCell.set(key, [...(this.#byCell.get(key) ?? []), sample]);
    }
  }

  of(place: Omit<Cell, 'figure'>): readonly MeasureDocument['samples'][number][] {
    return this.#byCell.get(keyOf(place)) ?? [];
  }

  /** The median over the rounds; NaN where it was not measured. */
  median({ figure, ...place }: Cell): number {
    return median(this.of(place).flatMap(({ figures: own }) => own[figure] ?? []));
  }

  /** Counts of what its clients held at the broker, medians over the rounds; undefined where it does not tell. */
  held(place: Omit<Cell, 'figure'>): Readonly<Record<string, number>> | undefined {
    const told = this.of(place).flatMap(({ held }) => (held ? [held] : []));
    const names = Object.keys(told[0] ?? {}) as (keyof NonNullable<(typeof told)[number]>)[];
    if (names.length === 0) return undefined;
    return Object.fromEntries(names.map((name) => [name, median(told.flatMap((one) => one[name] ?? []))]));
  }

  /** Beside its baseline, in the rounds that have both. Empty for a baseline. */
  logs(cell: Cell): RoundLogs {
    const { baseline } = this.document.contenders.find(({ name }) => name === cell.contender) ?? {};
    if (baseline === undefined) return new Map();
    const others = new Map(
      this.of({ ...cell, contender: baseline }).map(({ round, figures: own }) => [round, own[cell.figure]]),
    );
    const sign = figures[cell.figure].better === 'more' ? 1 : -1;
    return new Map(
      this.of(cell).flatMap(({ round, figures: own }): [number, number][] => {
        const log = sign * Math.log((own[cell.figure] ?? Number.NaN) / (others.get(round) ?? Number.NaN));
        return Number.isFinite(log) ? [[round, log]] : [];
      }),
    );
  }
}

function keyOf({ scenario, level, contender }: Omit<Cell, 'figure'>): string {
  return `${scenario}\n${level}\n${contender}`;
}

/** The geometric mean over several cells, round by round, of the rounds that all of them have which have any. */
export function pooled(cells: readonly RoundLogs[]): RoundLogs {
  const told = cells.filter(({ size }) => size > 0);
  const [first, ...others] = told;
  const rounds = [...(first?.keys() ?? [])].filter((round) => others.every((one) => one.has(round)));
  const mean = (round: number) => told.reduce((sum, one) => sum + (one.get(round) ?? 0), 0) / told.length;
  return new Map(rounds.map((round) => [round, mean(round)]));
}

/** The median of the rounds and an interval for it by order statistics, as factors; no interval of fewer than five rounds. */
export function medianOf(logs: RoundLogs): { readonly median: number; readonly interval?: Interval } | undefined {
  const values = [...logs.values()].map(Math.exp);
  if (values.length === 0) return undefined;
  const interval = medianInterval(values, values.length === 5 ? OF_FIVE : COVERAGE);
  return { median: median(values), ...(interval ? { interval } : {}) };
}
