import { brokerFigures } from '../broker-cost.ts';
import {
  type BrokerCost,
  type ComparisonDocument,
  type Entry,
  type FigureName,
  figures,
  type LevelResult,
  type Ratio,
  type WireCost,
  type WireResult,
  type WorkloadResult,
} from '../document.ts';
import { failed } from '../samples.ts';
import { count, figure, listing, type Row, textTable } from '../text-table.ts';

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
    ...columns.flatMap((name) => [figures[name].title, ...(name === 'p99' ? ['p99.9 ms'] : [])]),
    `÷ ${baseline}`,
    'interval',
    '÷ floor',
    'calls',
    'failed',
    'discarded',
  ];
  const rows: Row[] = [heading];
  for (const level of levels) {
    if (levels.length > 1) rows.push('', ` ${level.title} (${level.rounds} rounds)`);
    rows.push(...level.entries.map((entry) => entryRow(entry, workload)));
  }
  const decides = `Compared by ${figures[headline].title}, ${figures[headline].better} is better`;
  return section(title, `${decides}. ${detail}.`, [textTable(rows), brokerTable(levels)], sentences);
}

function entryRow(entry: Entry, { columns }: WorkloadResult): Row {
  const { implementation, design, percentiles, toBaseline, toFloor, measured } = entry;
  const last = percentiles.find(([percent]) => percent === 99.9)?.[1];
  return [
    `  ${implementation} ${design}`,
    ...columns.flatMap((name) => [figureCell(entry, name), ...(name === 'p99' ? [figure(last ?? Number.NaN)] : [])]),
    toBaseline ? figure(toBaseline.median) : '–',
    interval(toBaseline),
    toFloor ? figure(toFloor.median) : '–',
    ...[measured.calls, failed(measured), measured.discarded].map(count),
  ];
}

function figureCell({ figures: told }: Entry, name: FigureName): string {
  const value = told[name]?.median ?? Number.NaN;
  return figure(figures[name].unit === 'bytes' ? value / 1e6 : value);
}

function interval(ratio: Ratio | undefined): string {
  return ratio?.interval ? `${figure(ratio.interval.low)} to ${figure(ratio.interval.high)}` : '–';
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
    broker ? [[`  ${implementation} ${design}`, ...brokerFigures.map((name) => brokerCell(broker, name))]] : [],
  );
  const heading = ['', ...brokerFigures.map((name) => brokerHeadings[name])];
  return textTable([[` broker, ${last.title}`, ...heading.slice(1)], ...rows]);
}

function brokerCell(broker: BrokerCost, name: (typeof brokerFigures)[number]): string {
  const value = broker[name] ?? Number.NaN;
  if (name === 'memory') return figure(value / 1e6);
  return Number.isInteger(value) ? count(value) : figure(value);
}

function wireSection({ title, detail, entries, sentences }: WireResult): string {
  const phases = [
    ['setUp', 'set-up'],
    ['call', 'call'],
    ['teardown', 'teardown'],
  ] as const;
  const cells = ({ roundTrips, framesOut, framesIn, bytesOut, bytesIn }: WireCost) =>
    [roundTrips, framesOut, framesIn, bytesOut, bytesIn].map(count);
  const rows: Row[] = [['', 'round trips', 'frames out', 'frames in', 'bytes out', 'bytes in']];
  for (const [phase, name] of phases) {
    rows.push('', ` ${name}`);
    rows.push(...entries.map((entry): Row => [`  ${entry.implementation} ${entry.design}`, ...cells(entry[phase])]));
  }
  return section(title, `${detail}.`, entries.length > 0 ? [textTable(rows)] : [], sentences);
}
