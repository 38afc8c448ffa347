import { brokerFigures } from '../broker-cost.ts';
import {
  type ComparisonDocument,
  type Entry,
  figures,
  type LevelResult,
  type WireResult,
  type WorkloadResult,
} from '../document.ts';
import { shownFigure } from '../entries.ts';
import { failed } from '../samples.ts';
import { count, figure, listing, type Row, range, textTable } from '../text-table.ts';
import { brokerCell, LAST, lastOf, wireCells, wireHeadings } from './cells.ts';

/** The report in plain text: figures and a sentence for each workload, how to read them, and the conditions. */
export function renderText(document: ComparisonDocument): string {
  const { broker, cutShort, workloads, wire, reading, conditions } = document;
  return [
    `${broker}${cutShort === undefined ? '' : ` (cut short: ${cutShort})`}\n`,
    ...workloads.map((workload) => workloadSection(workload, document)),
    ...(wire ? [wireSection(wire)] : []),
    `How to read it\n${listing(reading)}`,
    `Conditions\n${listing(conditions)}`,
  ].join('\n');
}

function section(title: string, detail: string, tables: readonly string[], sentences: readonly string[]): string {
  const said = sentences.map((sentence) => `${sentence}\n`).join('');
  return [`${title}\n${detail}\n`, ...tables, said].filter((part) => part !== '').join('\n');
}

function workloadSection(workload: WorkloadResult, { baseline }: ComparisonDocument): string {
  const { title, detail, headline, columns, levels, sentences } = workload;
  const heading = [
    '',
    ...columns.flatMap((name) => [figures[name].title, ...(name === 'p99' ? [`p${LAST} ms`] : [])]),
    `÷ ${baseline}`,
    'interval',
    '÷ floor',
    'calls',
    'failed',
    'discarded',
  ];
  const rows: Row[] = [heading];
  for (const level of levels) {
    if (levels.length > 1) rows.push('', ` ${level.title} (${level.rounds} round${level.rounds === 1 ? '' : 's'})`);
    rows.push(...level.entries.map((entry) => entryRow(entry, workload)));
  }
  const decides = `Compared by ${figures[headline].title}, ${figures[headline].better} is better`;
  return section(title, `${decides}. ${detail}.`, [textTable(rows), brokerTable(levels)], sentences);
}

function entryRow(entry: Entry, { columns }: WorkloadResult): Row {
  const { implementation, design, toBaseline, toFloor, measured } = entry;
  const cell = (value: number | undefined) => figure(value ?? Number.NaN);
  return [
    `  ${implementation} ${design}`,
    ...columns.flatMap((name) => [cell(shownFigure(entry, name)), ...(name === 'p99' ? [cell(lastOf(entry))] : [])]),
    cell(toBaseline?.median),
    toBaseline?.interval ? range(toBaseline.interval) : '–',
    cell(toFloor?.median),
    ...[measured.calls, failed(measured), measured.discarded].map(count),
  ];
}

const brokerHeadings: Record<(typeof brokerFigures)[number], string> = {
  connections: 'connections',
  channels: 'channels',
  queues: 'queues',
  processes: 'processes',
  memory: 'process MB',
  connectionsOpened: 'opened/call',
  queuesDeclared: 'declared/call',
  queuesDeleted: 'deleted/call',
};

/** What it cost the broker, at the last level that has all of it. */
function brokerTable(levels: readonly LevelResult[]): string {
  const last = levels.findLast(({ entries }) => entries.some(({ broker }) => broker));
  if (!last) return '';
  const rows = last.entries.flatMap(({ implementation, design, broker }): Row[] =>
    broker ? [[`  ${implementation} ${design}`, ...brokerFigures.map((name) => brokerCell(broker, name) ?? '–')]] : [],
  );
  const heading = [` broker, ${last.title}`, ...brokerFigures.map((name) => brokerHeadings[name])];
  return textTable([heading, ...rows]);
}

function wireSection({ title, detail, entries, sentences }: WireResult): string {
  const phases = [
    ['setUp', 'set-up'],
    ['call', 'call'],
    ['teardown', 'teardown'],
  ] as const;
  const rows: Row[] = [['', ...wireHeadings]];
  for (const [phase, name] of phases) {
    rows.push('', ` ${name}`);
    rows.push(
      ...entries.map((entry): Row => [`  ${entry.implementation} ${entry.design}`, ...wireCells(entry[phase])]),
    );
  }
  return section(title, `${detail}.`, entries.length > 0 ? [textTable(rows)] : [], sentences);
}
