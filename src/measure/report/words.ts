import type { Findings, Ratio, Verdict } from '../analysis/findings.ts';
import {
  type Contender,
  type FigureName,
  figures,
  heldNames,
  type MeasureDocument,
  type ScenarioHead,
  type WireCost,
} from '../document/document.ts';
import { and, count, figure } from './text-table.ts';

/** What can be said of a ratio, in words. */
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

/** A percentile of all calls, in ms; NaN where too few calls lie above it. */
export function percentile(
  document: MeasureDocument,
  place: { readonly scenario: string; readonly level: number; readonly contender: string },
  percent: number,
): number {
  const found = document.percentiles.find(
    ({ scenario, level, contender }) =>
      scenario === place.scenario && level === place.level && contender === place.contender,
  );
  return found?.percentiles.find(([known]) => known === percent)?.[1] ?? Number.NaN;
}

/** A row of a table. */
export interface ReportRow {
  readonly contender: Contender;
  readonly ratio: Ratio | undefined;
  /** The floor's ratio of the same design: the cross-check. */
  readonly floor: Ratio | undefined;
  readonly calls: number;
  readonly failed: number;
}

/** The contenders that had a turn at this level; of the floor, which is a cross-check among designs, only if all are asked for. */
export function rowsOf(findings: Findings, scenario: string, level: number, all: boolean): ReportRow[] {
  const { document, samples } = findings;
  return document.contenders.flatMap((contender) => {
    const own = samples.of({ scenario, level, contender: contender.name });
    if (own.length === 0) return [];
    const isCrossCheck = document.question === 'designs' && contender.implementation === 'floor';
    if (isCrossCheck && !all) return [];
    const floor = isCrossCheck ? undefined : `floor ${contender.design}`;
    return [
      {
        contender,
        ratio: findings.ratio({ scenario, level, contender: contender.name }),
        floor: floor === undefined ? undefined : findings.ratio({ scenario, level, contender: floor }),
        calls: own.reduce((sum, { calls }) => sum + calls, 0),
        failed: own.reduce((sum, { failed }) => sum + failed, 0),
      },
    ];
  });
}

/** The headings of what is held at the broker. */
export const heldColumns = ['connections', 'channels', 'queues', 'Erlang processes', 'kB in these'] as const;

/** What the broker held for each client, at the highest level of a scenario that tells, where there are many clients. */
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

/** What {@link wireCells} are. */
export const wireHeadings = ['round trips', 'frames out', 'frames in', 'bytes out', 'bytes in'] as const;

/** What a phase costs on the wire. */
export function wireCells({ roundTrips, framesOut, framesIn, bytesOut, bytesIn }: WireCost): string[] {
  return [roundTrips, framesOut, framesIn, bytesOut, bytesIn].map(count);
}
