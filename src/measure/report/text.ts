import { answerOf } from '../analysis/answer.ts';
import type { Finding, Findings } from '../analysis/findings.ts';
import { figures, type ScenarioHead } from '../document/document.ts';
import { methodLines } from './method.ts';
import { figure, listing, type Row, range, textTable } from './text-table.ts';
import {
  failuresOf,
  heldColumns,
  heldOf,
  scenarioTable,
  verdictWords,
  wireCells,
  wireHeadings,
  wirePhases,
} from './words.ts';

/** The report in plain text: tables, what is said of each claim, and the answer last. */
export function renderText(findings: Findings, { verbose = false }: { readonly verbose?: boolean } = {}): string {
  const { document } = findings;
  const { broker, cutShort, scenarios, wire, conditions } = document;
  return [
    `${broker}${cutShort === undefined ? '' : ` (cut short: ${cutShort})`}\n`,
    ...scenarios.map((scenario) => scenarioText(scenario, findings, verbose)),
    ...(wire ? [wireText(findings, verbose)] : []),
    claimsText(findings),
    ...(verbose
      ? [`How to read it\n${listing(methodLines(findings))}`, `Conditions\n${listing(conditions)}`]
      : ['--verbose adds how to read it, the conditions, and every contender.\n']),
    `${answerOf(findings).lines.join('\n')}\n`,
  ].join('\n');
}

function scenarioText(scenario: ScenarioHead, findings: Findings, verbose: boolean): string {
  const { title, detail, headline, outOfReach } = scenario;
  const { heading, levels } = scenarioTable(findings, scenario, verbose);
  const rows = levels.flatMap(({ title: level, rows: own }): Row[] => [
    ...(levels.length > 1 && own.length > 0 ? ['', ` ${level}`] : []),
    ...own.map(({ name, cells }) => [`  ${name}`, ...cells]),
  ]);
  const decides = `Compared by ${figures[headline].title}; “× as good”: above 1 is better`;
  const held = heldText(scenario, findings, verbose);
  const said = [...(outOfReach === undefined ? [] : [`${outOfReach}.`]), ...failuresOf(findings, scenario)];
  const table = textTable([['', ...heading], ...rows]);
  return [`${title}\n${decides}. ${detail}.\n\n${table}`, held, said.map((one) => `${one}\n`).join('')]
    .filter((part) => part !== '')
    .join('\n');
}

function heldText(scenario: ScenarioHead, findings: Findings, verbose: boolean): string {
  const held = heldOf(findings, scenario.name, verbose);
  if (!held) return '';
  const rows = held.rows.map(({ name, cells }): Row => [`  ${name}`, ...cells]);
  return textTable([[` held for each of ${held.clients} at the broker`, ...heldColumns], ...rows]);
}

function wireText({ document }: Findings, verbose: boolean): string {
  const { detail, entries } = document.wire ?? { detail: '', entries: [] };
  const rows: Row[] = [['', ...wireHeadings]];
  for (const [phase, name] of wirePhases) {
    rows.push('', ` ${name}`);
    for (const entry of entries)
      if (verbose || document.question === 'implementations' || !entry.contender.startsWith('floor'))
        rows.push([`  ${entry.contender}`, ...wireCells(entry[phase])]);
  }
  return `what goes over the client’s connection\n${detail}.\n${entries.length > 0 ? `\n${textTable(rows)}` : ''}`;
}

/** Each claim, for each contender, with its rounds: so that a drift can be seen. */
function claimsText({ findings, document }: Findings): string {
  const shown = findings.filter(
    ({ contender }) => document.question === 'implementations' || !contender.startsWith('floor'),
  );
  const rows = shown.map(
    (one): Row => [
      `  ${one.contender}`,
      one.claim.title,
      figure(one.value),
      one.interval ? range(one.interval) : '–',
      verdictWords[one.verdict],
      roundsOf(one),
    ],
  );
  const head: Row = ['', '', '× as good', '95 %', '', 'round by round'];
  return `What is claimed (geometric means of the rounds’ means, Student’s t)\n${textTable([head, ...rows])}`;
}

function roundsOf({ logs }: Finding): string {
  return [...logs.values()].map((log) => Math.exp(log).toFixed(2)).join(' ');
}
