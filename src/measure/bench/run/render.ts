import type { Ratio } from '../../document.ts';
import { figure, listing, type Row, range, textTable } from '../../text-table.ts';
import {
  type BenchDocument,
  benchFigures,
  type EntryResult,
  type FigureName,
  type GoalResult,
  type SectionResult,
} from './results.ts';

/** The report in plain text: a table for each section, the goals, and the conditions. */
export function renderBench(document: BenchDocument): string {
  const { broker, cutShort, sections, goals, conditions } = document;
  return [
    `${broker}${cutShort === undefined ? '' : ` (cut short: ${cutShort})`}\n`,
    ...sections.map(sectionText),
    ...(goals.length > 0 ? [`Goals\n${goalTable(goals)}`] : []),
    `Conditions\n${listing(conditions)}`,
  ].join('\n');
}

function sectionText({ title, detail, columns, rows }: SectionResult): string {
  const entries = rows.flatMap((row) => row.entries);
  const extras = (name: FigureName) => ({
    toFloor: entries.some(({ figures }) => figures[name]?.toFloor !== undefined),
    toFirst: entries.some(({ figures }) => figures[name]?.toFirst !== undefined),
  });
  const heading = columns.flatMap((name) => {
    const { toFloor, toFirst } = extras(name);
    return [benchFigures[name].title, ...(toFloor ? ['÷ floor'] : []), ...(toFirst ? ['× first'] : [])];
  });
  const table: Row[] = [['', ...heading]];
  for (const { row, entries } of rows) {
    table.push('', ` ${row}`);
    for (const entry of entries) {
      const cells = columns.flatMap((name) => {
        const { toFloor, toFirst } = extras(name);
        const found = entry.figures[name];
        return [
          found ? figure(found.median) : '–',
          ...(toFloor ? [ratioText(found?.toFloor, benchFigures[name].ratio === 'alone')] : []),
          ...(toFirst ? [found?.toFirst ? figure(found.toFirst.median) : '–'] : []),
        ];
      });
      table.push([`  ${entry.contender}`, ...cells]);
    }
  }
  return `${title}\n${detail}.\n\n${textTable(table)}${failures(entries)}`;
}

function failures(entries: readonly EntryResult[]): string {
  return entries
    .filter(({ failed }) => failed > 0)
    .map(({ contender, failed, firstFailure }) => `${contender}: ${failed} calls failed, the first: ${firstFailure}\n`)
    .join('');
}

/** `0.92 [0.85 to 0.97]`; in brief, or without an interval, the ratio alone. */
function ratioText(ratio: Ratio | undefined, brief = false): string {
  if (!ratio) return '';
  return ratio.interval && !brief ? `${figure(ratio.median)} [${range(ratio.interval)}]` : figure(ratio.median);
}

function goalTable(goals: readonly GoalResult[]): string {
  return textTable(
    goals.map(({ goal, bound, target, ratio, verdict, sure }) => [
      `  ${goal}`,
      `${bound} ${figure(target)}`,
      ratioText(ratio) || '–',
      verdict === 'not measured' || sure ? verdict : `${verdict}, not sure`,
    ]),
  );
}
