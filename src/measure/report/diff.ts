import { type Findings, findingsOf, type Ratio } from '../analysis/findings.ts';
import { figures, type MeasureDocument, type NamedLine } from '../document/document.ts';
import { figure, type Row, range, textTable } from './text-table.ts';
import { shownFigure, verdictWords } from './words.ts';

/**
 * Two runs side by side, of two broker versions, say, as plain text: each headline figure and its ratio to the baseline in both,
 * what is claimed in both, where the two disagree, and what else differs.
 */
export function renderDiff(a: MeasureDocument, b: MeasureDocument): string {
  if (a.question !== b.question)
    return `a asks about ${a.question} and b about ${b.question}: nothing to set side by side\n`;
  const [one, other] = [findingsOf(a), findingsOf(b)];
  return [
    `a  ${nameOf(a)}\nb  ${nameOf(b)}\n`,
    ...a.scenarios.flatMap((scenario) => {
      const found = b.scenarios.find(({ name }) => name === scenario.name);
      if (!found) return [];
      if (found.headline !== scenario.headline)
        return [`${scenario.title}: compared by ${scenario.headline} in a and by ${found.headline} in b\n`];
      return [scenarioText(scenario, one, other)];
    }),
    section('Where a and b disagree', disagreements(one, other)),
    section('Only in one of them', [...missing('a', a, b), ...missing('b', b, a)]),
    section('What else differs', otherDifferences(a, b)),
    'b ÷ a is one run’s median over the other’s: the runs are not paired, so there is no interval for it, and whatever\n' +
      'differed between them is in it. “× as good” is paired within each run.\n',
  ].join('\n');
}

function nameOf({ broker, began, cutShort }: MeasureDocument): string {
  const when = new Date(began).toISOString().slice(0, 16).replace('T', ' ');
  return `${broker}, measured ${when} UTC${cutShort === undefined ? '' : ` (cut short: ${cutShort})`}`;
}

function scenarioText(
  { name, title, headline, levels }: MeasureDocument['scenarios'][number],
  a: Findings,
  b: Findings,
): string {
  const { title: unit, better } = figures[headline];
  const rows: Row[] = [['', `${unit} a`, 'b', 'b ÷ a', '× as good a', '', 'b', '']];
  for (const { level, title: levelTitle } of levels) {
    const shown = a.document.contenders.flatMap(({ name: contender }): Row[] => {
      const place = { scenario: name, level, contender };
      const [one, other] = [a, b].map(({ samples }) =>
        shownFigure(samples.median({ ...place, figure: headline }), headline),
      );
      if (one === undefined || other === undefined || Number.isNaN(one + other)) return [];
      return [
        [
          `  ${contender}`,
          ...[one, other, other / one].map(figure),
          ...ratioCells(a.ratio(place)),
          ...ratioCells(b.ratio(place)),
        ],
      ];
    });
    if (shown.length > 0) rows.push(...(levels.length > 1 ? ['', ` ${levelTitle}`] : []), ...shown);
  }
  if (rows.length === 1) return `${title}: no level in both\n`;
  return `${title} (${unit}, ${better} is better)\n\n${textTable(rows)}`;
}

function ratioCells(ratio: Ratio | undefined): string[] {
  return [ratio ? figure(ratio.value) : '–', ratio?.interval ? range(ratio.interval) : '–'];
}

/** Claims and cells of which one says better and the other worse, or one says something and the other something else. */
function disagreements(a: Findings, b: Findings): string[] {
  return a.findings.flatMap(({ claim, contender, verdict, value }) => {
    const other = b.finding(claim.name, contender);
    if (!other || other.verdict === verdict || other.verdict === 'open' || verdict === 'open') return [];
    return [
      `${claim.title}, ${contender}: ${verdictWords[verdict]} in a (${figure(value)} ×), ${verdictWords[other.verdict]} in b (${figure(other.value)} ×)`,
    ];
  });
}

function missing(name: string, from: MeasureDocument, other: MeasureDocument): string[] {
  const parts = ({ contenders, scenarios }: MeasureDocument) => [
    ...contenders.map((one) => one.name),
    ...scenarios.flatMap(({ title, levels }) => [title, ...levels.map((level) => `${title}, ${level.title}`)]),
  ];
  const has = new Set(parts(other));
  const gone = parts(from).filter((part) => !has.has(part));
  // what goes without saying is left out: the levels of what is missing itself
  return gone
    .filter((part) => !gone.some((above) => part.startsWith(`${above}, `)))
    .map((part) => `only in ${name}: ${part}`);
}

function otherDifferences(a: MeasureDocument, b: MeasureDocument): string[] {
  const lines = ({ conditions, scenarios, contenders }: MeasureDocument): ReadonlyMap<string, string> =>
    new Map<string, string>([
      ...conditions,
      ...contenders.map(({ name, detail }): NamedLine => [name, detail]),
      ...scenarios.map(({ title, detail }): NamedLine => [title, detail]),
    ]);
  const [linesOfA, linesOfB] = [lines(a), lines(b)];
  const inBoth = new Set([...linesOfA.keys()].filter((name) => linesOfB.has(name)));
  return [...inBoth].flatMap((name) => {
    const [one, other] = [linesOfA.get(name), linesOfB.get(name)];
    return one === other ? [] : [`${name}\n    a  ${one}\n    b  ${other}`];
  });
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.length > 0 ? lines.map((line) => `  ${line}\n`).join('') : '  nothing\n'}`;
}
