import type { Findings, Ratio, Verdict } from '../analysis/findings.ts';
import { type FigureName, figures, heldNames, type ScenarioHead, type WireCost } from '../document/document.ts';
import { and, count, figure, range } from './text-table.ts';

/** The words for each verdict. */
export const verdictWords: Readonly<Record<Verdict, string>> = {
  better: 'better',
  worse: 'worse',
  within: 'within ±10 %',
  open: 'not settled',
};

/** A figure in the unit of its heading: `peak MB` in MB. */
export function shownFigure(value: number, name: FigureName): number {
  return figures[name].unit === 'bytes' ? value / 1e6 : value;
}

/** Puts a ratio, its interval and its verdict into words. */
export function saidOf({ value, interval, verdict }: Pick<Ratio, 'value' | 'interval' | 'verdict'>): string {
  return `${figure(value)} ${interval ? `[${range(interval)}] ` : ''}${verdictWords[verdict]}`;
}

/** The figures of a scenario: what its columns are called, and its rows, level by level. The last cell of a row is `failed`. */
export interface ScenarioTable {
  readonly heading: readonly string[];
  readonly levels: readonly {
    readonly title: string;
    readonly rows: readonly { readonly name: string; readonly cells: readonly string[]; readonly failed: number }[];
  }[];
}

/** Lays out the figures of a scenario. Of the floor, which is a cross-check among designs, there are rows only if `all` are asked for. */
export function scenarioTable(findings: Findings, scenario: ScenarioHead, all: boolean): ScenarioTable {
  const { document, samples } = findings;
  const { name, figures: columns, levels } = scenario;
  const isDesigns = document.question === 'designs';
  const told = document.percentiles.filter((one) => one.scenario === name);
  const percents = [90, 99, 99.9].filter((percent) =>
    told.some(({ percentiles }) => percentiles.some(([known]) => known === percent)),
  );
  const heading = [
    ...columns.map((column) => figures[column].title),
    ...percents.map((percent) => `p${percent} ms`),
    '× as good',
    ...(isDesigns ? ['floor’s ×'] : []),
    'calls',
    'failed',
  ];
  const rowsAt = (level: number) =>
    document.contenders.flatMap(({ name: contender, implementation, design }) => {
      const place = { scenario: name, level, contender };
      const own = samples.of(place);
      const isCrossCheck = isDesigns && implementation === 'floor';
      if (own.length === 0 || (isCrossCheck && !all)) return [];
      const percentiles = told.find((one) => one.level === level && one.contender === contender)?.percentiles ?? [];
      const ratio = findings.ratio(place);
      const floor = isCrossCheck ? undefined : findings.ratio({ ...place, contender: `floor ${design}` });
      const sum = (of: 'calls' | 'failed') => own.reduce((total, one) => total + one[of], 0);
      const cells = [
        ...columns.map((figureName) =>
          figure(shownFigure(samples.median({ ...place, figure: figureName }), figureName)),
        ),
        ...percents.map((percent) => figure(percentiles.find(([known]) => known === percent)?.[1] ?? Number.NaN)),
        ratio ? saidOf(ratio) : '1',
        ...(isDesigns ? [floor ? figure(floor.value) : '–'] : []),
        count(sum('calls')),
        count(sum('failed')),
      ];
      return [{ name: contender, cells, failed: sum('failed') }];
    });
  return { heading, levels: levels.map(({ level, title }) => ({ title, rows: rowsAt(level) })) };
}

/** The headings of what is held at the broker. */
export const heldColumns = ['connections', 'channels', 'queues', 'Erlang processes', 'kB in these'] as const;

/** Rows of what the broker held for each client, at the highest level of a scenario that tells, where there are many clients. */
export function heldOf(
  { document, samples }: Findings,
  scenario: string,
  all: boolean,
):
  | { readonly clients: number; readonly rows: readonly { readonly name: string; readonly cells: string[] }[] }
  | undefined {
  const levels = document.scenarios.find(({ name }) => name === scenario)?.levels ?? [];
  const told = levels.findLast(({ level }) =>
    document.contenders.some(({ name }) =>
      samples.of({ scenario, level, contender: name }).some(({ clients = 0 }) => clients > 1),
    ),
  );
  if (!told) return undefined;
  const clients = told.level;
  const rows = document.contenders
    .filter(({ implementation }) => all || implementation !== 'floor')
    .flatMap(({ name }) => {
      const held = samples.held({ scenario, level: told.level, contender: name });
      if (!held) return [];
      const cells = heldNames.map((one) => {
        const value = (held[one] ?? Number.NaN) / clients / (one === 'memory' ? 1_000 : 1);
        return figure(value).replace(/\.0+$/, '');
      });
      return [{ name, cells }];
    });
  return rows.length > 0 ? { clients, rows } : undefined;
}

/** Which calls were not answered right, and why the first of each was not. */
export function failuresOf({ document, samples }: Findings, { name, levels }: ScenarioHead): string[] {
  const bad = levels.flatMap(({ level, title }) =>
    document.contenders.flatMap(({ name: contender }) => {
      const own = samples.of({ scenario: name, level, contender });
      const failed = own.reduce((sum, one) => sum + one.failed, 0);
      const why = own.find(({ firstFailure }) => firstFailure !== undefined)?.firstFailure;
      return failed > 0 ? [`${contender}, ${title}: ${count(failed)} (${why ?? 'why is not told'})`] : [];
    }),
  );
  return bad.length > 0 ? [`Calls failed: ${and(bad)}.`] : [];
}

/** The phases of a client's life on the wire. */
export const wirePhases = [
  ['setUp', 'set-up'],
  ['call', 'a call'],
  ['teardown', 'teardown'],
] as const;

/** The headings of {@link wireCells}. */
export const wireHeadings = ['round trips', 'frames out', 'frames in', 'bytes out', 'bytes in'] as const;

/** The cells of a phase: its costs on the wire. */
export function wireCells({ roundTrips, framesOut, framesIn, bytesOut, bytesIn }: WireCost): string[] {
  return [roundTrips, framesOut, framesIn, bytesOut, bytesIn].map(count);
}
