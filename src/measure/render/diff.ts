import { type ComparisonDocument, figures, type Ratio, type WireCost, type WorkloadResult } from '../document.ts';
import { shownFigure } from '../entries.ts';
import { count, figure, type Row, range, textTable } from '../text-table.ts';
import { type Both, contender, disagreements, matches, onlyInOne, otherDifferences } from './differences.ts';
import { phases } from './headings.ts';

/**
 * Two comparisons side by side, of two broker versions, say, as plain text: each headline figure of both and their ratio,
 * the ratios to the baseline's design in each, where the two disagree about a winner, and what else differs.
 */
export function renderDiff(a: ComparisonDocument, b: ComparisonDocument): string {
  const pairs = a.workloads.flatMap((one) => {
    const other = b.workloads.find(({ name }) => name === one.name);
    return other ? [{ a: one, b: other }] : [];
  });
  const baselines = a.baseline === b.baseline ? a.baseline : `${a.baseline} in a and ${b.baseline} in b`;
  return [
    `a  ${nameOf(a)}\nb  ${nameOf(b)}\n`,
    ...pairs.map((pair) => workloadSection(pair, { a, b })),
    ...(a.wire && b.wire ? [section(`${a.wire.title}: what differs`, wireLines({ a, b }))] : []),
    section('Where a and b disagree', disagreements(pairs, { a, b })),
    section('Only in one of them', onlyInOne({ a, b })),
    section('What else differs', otherDifferences({ a, b })),
    'b ÷ a is one run’s median over the other’s: the runs are not paired, so there is no interval for it, and whatever\n' +
      `differed between them is in it. The ratios to ${baselines} are paired within each run; where an interval holds 1\n` +
      'no difference is shown. One shown in a and not in b is no proof that the two differ.\n',
  ].join('\n');
}

function nameOf({ broker, began, cutShort }: ComparisonDocument): string {
  const when = new Date(began).toISOString().slice(0, 16).replace('T', ' ');
  return `${broker}, measured ${when} UTC${cutShort === undefined ? '' : ` (cut short: ${cutShort})`}`;
}

function workloadSection(pair: Both<WorkloadResult>, { a, b }: Both<ComparisonDocument>): string {
  const { title, headline, levels } = pair.a;
  const found = matches(pair);
  if (pair.b.headline !== headline) return `${title}: compared by ${headline} in a and by ${pair.b.headline} in b\n`;
  if (found.length === 0) return `${title}: no level in both\n`;
  const { title: unit, better } = figures[headline];
  const rows: Row[] = [
    ['', `${unit} a`, 'b', 'b ÷ a', `÷ ${a.baseline} a`, 'interval', `÷ ${b.baseline} b`, 'interval'],
  ];
  let last = '';
  for (const match of found) {
    if (levels.length > 1 && match.level !== last) rows.push('', ` ${match.level}`);
    last = match.level;
    const one = shownFigure(match.a, headline) ?? Number.NaN;
    const other = shownFigure(match.b, headline) ?? Number.NaN;
    rows.push([
      `  ${contender(match.a)}`,
      ...[one, other, other / one].map(figure),
      ...ratioCells(match.a.toBaseline),
      ...ratioCells(match.b.toBaseline),
    ]);
  }
  return `${title} (${unit}, ${better} is better)\n\n${textTable(rows)}`;
}

function ratioCells(ratio: Ratio | undefined): string[] {
  return [ratio ? figure(ratio.median) : '–', ratio?.interval ? range(ratio.interval) : '–'];
}

const wireNames = {
  roundTrips: 'round trips',
  framesOut: 'frames out',
  framesIn: 'frames in',
  bytesOut: 'bytes out',
  bytesIn: 'bytes in',
} as const satisfies Record<keyof WireCost, string>;

/** The wire costs that are not the same in both. */
function wireLines({ a, b }: Both<ComparisonDocument>): string[] {
  return (a.wire?.entries ?? []).flatMap((entry) => {
    const other = b.wire?.entries.find((one) => contender(one) === contender(entry));
    if (!other) return [];
    return phases.flatMap(([phase, title]) => {
      const said = Object.entries(wireNames).flatMap(([key, name]) => {
        const [one, two] = [entry[phase][key as keyof WireCost], other[phase][key as keyof WireCost]];
        return one === two ? [] : [`${name} ${count(one)} in a, ${count(two)} in b`];
      });
      return said.length > 0 ? [`${contender(entry)}, ${title}: ${said.join('; ')}`] : [];
    });
  });
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.length > 0 ? lines.map((line) => `  ${line}\n`).join('') : '  nothing\n'}`;
}
