import { brokerFigures } from '../broker-cost.ts';
import {
  type ComparisonDocument,
  type FigureName,
  figures,
  type LevelResult,
  type Ratio,
  type WireResult,
  type WorkloadResult,
} from '../document.ts';
import { shownFigure } from '../entries.ts';
import type { Design } from '../implementation.ts';
import { place } from '../ratios.ts';
import { failed, type Tally } from '../samples.ts';
import { count, figure, range } from '../text-table.ts';
import { brokerCell, LAST, lastOf, wireCells, wireHeadings } from './cells.ts';
import { brokerHeadings, phases, placeWords } from './headings.ts';
import { html, type Markup } from './markup.ts';

/** A row: whose it is, and its cells. */
interface Row {
  readonly implementation: string;
  readonly design: Design;
  readonly cells: readonly (string | Markup)[];
}

/** Rows under a heading of their own; without one where there is nothing to tell apart. */
interface Section {
  readonly title: string | undefined;
  readonly rows: readonly Row[];
}

/** A workload's figures: a section for each level, a row for each implementation and design. */
export function workloadTable(workload: WorkloadResult, { baseline }: ComparisonDocument): Markup {
  const { title, headline, columns, levels } = workload;
  const entries = levels.flatMap((level) => level.entries);
  const shownColumns = columns.flatMap((name): readonly (FigureName | typeof LAST)[] =>
    name === 'p99' && entries.some(lastOf) ? ([name, LAST] as const) : [name],
  );
  const floor = entries.some(({ toFloor }) => toFloor);
  const name = figures[headline].title.replace(/ (ms|MB)$/, '');
  const heading = [
    ...shownColumns.map((column) => (column === LAST ? `p${LAST} ms` : figures[column].title)),
    `${name} ÷ ${baseline}’s`,
    ...(floor ? [`${name} ÷ floor’s`] : []),
    'calls',
    'failed',
    'discarded',
  ];
  const sections = levels.map((level) => ({
    title: levels.length > 1 || level.title !== title ? `${level.title}${roundsOf(level)}` : undefined,
    rows: level.entries.map((entry) => ({
      ...entry,
      cells: [
        ...shownColumns.map((column) =>
          figure((column === LAST ? lastOf(entry) : shownFigure(entry, column)) ?? Number.NaN),
        ),
        entry.design === baseline ? '1' : ratioCell(entry.toBaseline, headline),
        ...(floor ? [ratioCell(entry.toFloor, headline)] : []),
        count(entry.measured.calls),
        failedCell(entry.measured),
        count(entry.measured.discarded),
      ],
    })),
  }));
  const decides = `${figures[headline].title} decides, ${figures[headline].better} is better`;
  return table({ caption: `${title}: medians over the rounds; ${decides}`, heading, sections });
}

function roundsOf({ rounds }: LevelResult): string {
  return `, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
}

function ratioCell(ratio: Ratio | undefined, headline: FigureName): string | Markup {
  if (!ratio) return '–';
  const { median, interval } = ratio;
  const at = place(ratio, headline);
  const shown = interval && html`<span class="range">${range(interval)}</span>`;
  return html`<b>${figure(median)} ×</b> ${shown} <span class="place ${at}">${placeWords[at]}</span>`;
}

function failedCell(tally: Tally): string | Markup {
  if (failed(tally) === 0) return '0';
  const kinds = [
    [tally.timeouts, 'timed out'],
    [tally.wrong, 'wrong'],
    [tally.errors, 'other errors'],
  ] as const;
  const said = kinds.filter(([calls]) => calls > 0).map(([calls, what]) => `${count(calls)} ${what}`);
  return html`<b class="failed">⚠ ${count(failed(tally))}</b> <span class="range">${said.join(', ')}</span>`;
}

/** What it cost the broker, at the last level that tells, and at all where they differ in clients; undefined if it told nothing. */
export function brokerTable({ title, levels }: WorkloadResult): Markup | undefined {
  const all = levels.filter(({ entries }) => entries.some(({ broker }) => broker));
  const clients = new Set(all.flatMap(({ entries }) => entries.flatMap(({ broker }) => broker?.clients ?? [])));
  const told = clients.size > 1 ? all : all.slice(-1);
  const columns = brokerFigures.filter((name) =>
    told.some(({ entries }) => entries.some(({ broker }) => broker?.[name] !== undefined)),
  );
  if (columns.length === 0) return undefined;
  const sections = told.map((level) => ({
    title: levels.length > 1 ? level.title : undefined,
    rows: level.entries.map((entry) => ({
      ...entry,
      cells: [
        ...columns.map((name) => brokerCell(entry.broker, name) ?? 'not available'),
        count(entry.broker?.clients ?? Number.NaN),
      ],
    })),
  }));
  const heading = [...columns.map((name) => brokerHeadings[name]), 'clients connected'];
  const caption = `${title}: what it cost the broker, beyond what it held before, medians over the rounds`;
  return table({ caption, heading, sections });
}

/** Frames, bytes and round trips, phase by phase. */
export function wireTable({ title, entries }: WireResult): Markup {
  return table({
    caption: `${title}: as seen from the client`,
    heading: wireHeadings,
    sections: phases.map(([phase, name]) => ({
      title: name,
      rows: entries.map((entry) => ({ ...entry, cells: wireCells(entry[phase]) })),
    })),
  });
}

/** In a box of its own, which scrolls where the table is too wide, also by the keyboard. */
function table(options: { caption: string; heading: readonly string[]; sections: readonly Section[] }): Markup {
  const { caption, heading, sections } = options;
  const columns = heading.map((name) => html`<th scope="col">${name}</th>`);
  const bodies = sections.map(
    ({ title, rows }) => html`<tbody>
${title === undefined ? undefined : html`<tr><th class="level" scope="rowgroup" colspan="${heading.length + 1}"><span>${title}</span></th></tr>\n`}${rows.map(row)}</tbody>
`,
  );
  return html`<div class="table" role="region" aria-label="${caption}" tabindex="0">
<table>
<caption><span>${caption}</span></caption>
<thead><tr><th scope="col">implementation, design</th>${columns}</tr></thead>
${bodies}</table>
</div>
`;
}

function row({ implementation, design, cells }: Row): Markup {
  return html`<tr><th scope="row">${implementation} <span class="${design}">${design}</span></th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`;
}
