import { answerOf } from '../analysis/answer.ts';
import type { Finding, Findings, Ratio } from '../analysis/findings.ts';
import { figures, type ScenarioHead } from '../document/document.ts';
import { methodLines } from './method.ts';
import { count, figure, listing, type Row, range, textTable } from './text-table.ts';
import {
  failuresOf,
  heldColumns,
  heldOf,
  percentile,
  rowsOf,
  shownFigure,
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
  const { title, detail, headline, levels, figures: columns, outOfReach } = scenario;
  const rows: Row[] = [];
  const crossCheck = findings.document.question === 'designs';
  const percents = [90, 99, 99.9].filter((percent) =>
    findings.document.percentiles.some(
      (one) => one.scenario === scenario.name && one.percentiles.some(([known]) => known === percent),
    ),
  );
  rows.push([
    '',
    ...columns.map((name) => figures[name].title),
    ...percents.map((percent) => `p${percent} ms`),
    '× as good',
    'interval',
    '',
    ...(crossCheck ? ['floor’s ×'] : []),
    'calls',
    'failed',
  ]);
  for (const level of levels) {
    const shown = rowsOf(findings, scenario.name, level.level, verbose);
    if (shown.length === 0) continue;
    if (levels.length > 1) rows.push('', ` ${level.title}`);
    for (const { contender, ratio, floor, calls, failed } of shown) {
      const place = { scenario: scenario.name, level: level.level, contender: contender.name };
      rows.push([
        `  ${contender.name}`,
        ...columns.map((name) => figure(shownFigure(findings.samples.median({ ...place, figure: name }), name))),
        ...percents.map((percent) => figure(percentile(findings.document, place, percent))),
        ...ratioCells(ratio),
        ...(crossCheck ? [floor ? figure(floor.value) : '–'] : []),
        count(calls),
        count(failed),
      ]);
    }
  }
  const decides = `Compared by ${figures[headline].title}; “× as good”: above 1 is better`;
  const held = heldText(scenario, findings, verbose);
  const said = [...(outOfReach === undefined ? [] : [`${outOfReach}.`]), ...failuresOf(findings, scenario)];
  return [`${title}\n${decides}. ${detail}.\n\n${textTable(rows)}`, held, said.map((one) => `${one}\n`).join('')]
    .filter((part) => part !== '')
    .join('\n');
}

function ratioCells(ratio: Ratio | undefined): string[] {
  if (!ratio) return ['1', '', ''];
  return [figure(ratio.value), ratio.interval ? range(ratio.interval) : '–', verdictWords[ratio.verdict]];
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
