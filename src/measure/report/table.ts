import { type Finding, type Findings, findingsOf } from '../analysis/findings.ts';
import type { MeasureDocument } from '../document/document.ts';
import { figure } from './text-table.ts';

const DIRECT = 'fib-worker direct';

/** The claims that a reader who has a minute wants, in their order. */
const claims = {
  life: 'connect, one call, disconnect',
  reply: '… until its reply',
  'set-up': 'set-up of many clients',
  staying: 'a client that stays',
  'life-work': 'the broker’s work, one call a life',
  work: 'the broker’s work, a client that stays',
} as const;

/**
 * The README's table, as Markdown: how many times as good as a queue per client Direct Reply-To is, a column for each document. It
 * is made of the documents, so that it can't say anything else than they do.
 */
export function renderTable(documents: readonly MeasureDocument[]): string {
  const columns = documents.map(findingsOf);
  const rows = [
    ['Direct Reply-To, × as good as a queue per client', ...documents.map(({ broker }) => broker)],
    ['---', ...documents.map(() => '---')],
    ...Object.entries(claims).map(([name, title]) => [title, ...columns.map((one) => cell(one.finding(name, DIRECT)))]),
    ['queues a client: direct, queue per client', ...columns.map((one) => held(one, 'queues'))],
    ['Erlang processes a client', ...columns.map((one) => held(one, 'processes'))],
    ['a reply survives its client’s connection', ...columns.map(() => 'no, with either')],
  ];
  const told = rows.filter(([, ...cells]) => cells.some((one) => one !== '–'));
  return told.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Bold if better, italic if worse. */
function cell(finding: Finding | undefined): string {
  if (!finding) return '–';
  const { value, interval, verdict } = finding;
  const said = { better: `**${figure(value)}**`, worse: `*${figure(value)}*` };
  const shown = verdict === 'better' || verdict === 'worse' ? said[verdict] : figure(value);
  return interval ? `${shown} [${figure(interval.low)}, ${figure(interval.high)}]` : shown;
}

/** With either design, at the most clients of which it was told. */
function held({ document, samples }: Findings, name: string): string {
  const levels = document.scenarios.find((one) => one.name === 'clients')?.levels ?? [];
  const each = levels.toReversed().flatMap(({ level }) => {
    const values = [DIRECT, 'fib-worker exclusive'].map(
      (contender) => samples.held({ scenario: 'clients', level, contender })?.[name],
    );
    return values.every((value) => value !== undefined)
      ? [values.map((value) => figure((value ?? 0) / level).replace(/\.0+$/, '')).join(', ')]
      : [];
  });
  return each[0] ?? '–';
}
