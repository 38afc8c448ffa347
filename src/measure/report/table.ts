import { answerOf, DIRECT, EXCLUSIVE } from '../analysis/answer.ts';
import { type Finding, type Findings, findingsOf } from '../analysis/findings.ts';
import type { MeasureDocument } from '../document/document.ts';
import { figure } from './text-table.ts';
import { heldColumns, heldOf, scenarioTable } from './words.ts';

/** The claims that a reader who has a minute wants, in their order. */
const claims = {
  life: 'connect, one call, disconnect',
  reply: '… until its reply',
  'set-up': 'set-up of many clients',
  staying: 'a client that stays',
  'life-work': 'the broker’s work, one call a life',
  work: 'the broker’s work, a client that stays',
} as const;

// Tables in Markdown for the pages of the docs: made of documents, so that they can't say anything else than these do.

/**
 * The README's table: how many times as good as a queue per client Direct Reply-To is, a column for each document. Of a comparison of
 * libraries: how many times as good as fib-worker each is, a column for each.
 */
export function renderTable(documents: readonly MeasureDocument[]): string {
  const columns = documents.map(findingsOf);
  const [first] = columns;
  if (first?.document.question === 'implementations') return libraryTable(first);
  const rows = [
    ['Direct Reply-To, × as good as a queue per client', ...documents.map(({ broker }) => broker)],
    ...Object.entries(claims).map(([name, title]) => [title, ...columns.map((one) => cell(one.finding(name, DIRECT)))]),
    ['queues a client: direct, queue per client', ...columns.map((one) => held(one, 'queues'))],
    ['Erlang processes a client', ...columns.map((one) => held(one, 'processes'))],
    ['a reply survives its client’s connection', ...columns.map(() => 'no, with either')],
  ];
  return markdown(rows.filter(([, ...cells]) => cells.some((one) => one !== '–')));
}

function libraryTable(findings: Findings): string {
  const others = findings.document.contenders.filter(({ baseline }) => baseline !== undefined).map(({ name }) => name);
  const claimed = [...new Set(findings.findings.map(({ claim }) => claim))];
  return markdown([
    [`× as good as fib-worker, ${findings.document.broker}`, ...others],
    ...claimed.map(({ name, title }) => [title, ...others.map((one) => cell(findings.finding(name, one)))]),
  ]);
}

/**
 * The figures of one scenario, and what the broker held for each client where it was looked at.
 * @throws Error if it was not measured
 */
export function renderScenario(document: MeasureDocument, name: string): string {
  const findings = findingsOf(document);
  const scenario = document.scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`${name} was not measured there`);
  const { heading, levels } = scenarioTable(findings, scenario, false);
  const columns = scenario.figures.length;
  const figures = markdown([
    [document.broker, 'contender', ...heading.slice(0, columns), '× as good'],
    ...scenario.levels.flatMap(({ level }, index) =>
      (levels[index]?.rows ?? []).map((one) => [
        levels[index]?.title ?? '',
        one.name,
        ...one.cells.slice(0, columns),
        cell(findings.ratio({ scenario: name, level, contender: one.name })),
      ]),
    ),
  ]);
  const held = heldOf(findings, name, false);
  if (!held) return figures;
  const rows = held.rows.map((one) => [one.name, ...one.cells]);
  return `${figures}\n${markdown([[`the broker held for each of ${held.clients} clients`, ...heldColumns], ...rows])}`;
}

/** The answers of documents, a list. */
export function renderAnswers(documents: readonly MeasureDocument[]): string {
  return documents
    .map((document) => {
      const { question, parts } = answerOf(findingsOf(document));
      return `**${question}**\n\n${parts.map(({ about, said }) => `- ${about}: ${said}\n`).join('')}`;
    })
    .join('\n');
}

function markdown([heading = [], ...rows]: readonly (readonly string[])[]): string {
  return [heading, heading.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Bold if better, italic if worse, with ≈ if within ±10 %: without any of them it is not settled. */
function cell(found: Pick<Finding, 'value' | 'interval' | 'verdict'> | undefined): string {
  if (!found) return '–';
  const { value, interval, verdict } = found;
  const ratio = figure(value);
  const shown = { better: `**${ratio}**`, worse: `*${ratio}*`, within: `≈ ${ratio}`, open: ratio }[verdict];
  return interval ? `${shown} [${figure(interval.low)}, ${figure(interval.high)}]` : shown;
}

/** With either design, at the most clients of which it was told. */
function held({ document, samples }: Findings, name: string): string {
  const levels = document.scenarios.find((one) => one.name === 'clients')?.levels ?? [];
  const each = levels.toReversed().flatMap(({ level }) => {
    const values = [DIRECT, EXCLUSIVE].map(
      (contender) => samples.held({ scenario: 'clients', level, contender })?.[name],
    );
    return values.every((value) => value !== undefined)
      ? [values.map((value) => figure((value ?? 0) / level).replace(/\.0+$/, '')).join(', ')]
      : [];
  });
  return each[0] ?? '–';
}
