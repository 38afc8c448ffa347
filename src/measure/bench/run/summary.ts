import { ratioOf } from '../../ratios.ts';
import { median } from '../../statistics.ts';
import {
  benchFigures,
  type EntryResult,
  type FigureName,
  type FigureResult,
  type RowResult,
  type Sample,
  type SectionResult,
} from './results.ts';

/** What the ratios are to. */
export const FLOOR = 'floor';

/** What a section is called. */
export type Heading = Pick<SectionResult, 'name' | 'title' | 'detail' | 'columns'> & {
  /** Whether its rows are one piece of work in several sizes, the smallest first. */
  readonly grows?: boolean;
};

/** Makes figures and ratios of samples; a section without samples is left out. */
export function summarise(headings: readonly Heading[], samples: readonly Sample[]): SectionResult[] {
  return headings.flatMap(({ name, title, detail, columns, grows = false }) => {
    const own = samples.filter((sample) => sample.section === name);
    if (own.length === 0) return [];
    const first = own[0]?.row;
    const rows = inOrder(own.map(({ row }) => row)).map((row): RowResult => {
      const here = own.filter((sample) => sample.row === row);
      const start = grows && row !== first ? own.filter((sample) => sample.row === first) : [];
      const contenders = inOrder(here.map(({ contender }) => contender));
      return { row, entries: contenders.map((contender) => entryOf(contender, here, start)) };
    });
    return [{ name, title, detail, columns, rows }];
  });
}

function entryOf(contender: string, here: readonly Sample[], start: readonly Sample[]): EntryResult {
  const own = of(here, contender);
  const floor = contender === FLOOR ? [] : of(here, FLOOR);
  const smallest = of(start, contender);
  const names = (Object.keys(benchFigures) as FigureName[]).filter((name) =>
    own.some(({ values }) => values[name] !== undefined),
  );
  const firstFailure = own.find((sample) => sample.firstFailure !== undefined)?.firstFailure;
  return {
    contender,
    figures: Object.fromEntries(names.map((name) => [name, figureOf(name, own, floor, smallest)])),
    failed: own.reduce((sum, { failed = 0 }) => sum + failed, 0),
    ...(firstFailure === undefined ? {} : { firstFailure }),
  };
}

function figureOf(
  name: FigureName,
  own: readonly Sample[],
  floor: readonly Sample[],
  smallest: readonly Sample[],
): FigureResult {
  const rounds = byRound(own, name);
  const told = rounds.filter((value) => value !== undefined);
  const over = (other: readonly Sample[]) =>
    benchFigures[name].ratio === 'none' ? undefined : ratioOf(paired(rounds), paired(byRound(other, name)));
  const [toFloor, toFirst] = [over(floor), over(smallest)];
  return {
    median: median(told),
    rounds: told,
    ...(toFloor ? { toFloor } : {}),
    ...(toFirst ? { toFirst } : {}),
  };
}

/** A contender's figure over another's, round by round; undefined where no round has both. */
export function ratioBetween(
  samples: readonly Sample[],
  place: { readonly section: string; readonly row: string; readonly figure: FigureName },
  [above, below]: readonly [string, string],
) {
  const here = samples.filter(({ section, row }) => section === place.section && row === place.row);
  const [own, other] = [above, below].map((contender) => paired(byRound(of(here, contender), place.figure)));
  return ratioOf(own ?? [], other ?? []);
}

function of(samples: readonly Sample[], contender: string): Sample[] {
  return samples.filter((sample) => sample.contender === contender);
}

/** The figure of each round, the first at 0; holes where it is missing. */
function byRound(samples: readonly Sample[], name: FigureName): (number | undefined)[] {
  const rounds: (number | undefined)[] = [];
  for (const { round, values } of samples) rounds[round - 1] = values[name];
  return Array.from(rounds);
}

function paired(rounds: readonly (number | undefined)[]): number[] {
  return rounds.map((value) => value ?? Number.NaN);
}

function inOrder(names: readonly string[]): string[] {
  return [...new Set(names)];
}
