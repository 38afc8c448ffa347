import { answerOf } from '../analysis/answer.ts';
import type { Findings } from '../analysis/findings.ts';
import { figures, type MeasureDocument, type NamedLine, type ScenarioHead } from '../document/document.ts';
import { caseTable, decisionTable, documentationTable, reasonFor, replyTable, workedCases } from './advice.ts';
import { designRows, inShort, markOf, rowOf } from './claims-chart.ts';
import { type ForestRow, forest } from './forest.ts';
import { html, Markup } from './markup.ts';
import { methodLines } from './method.ts';
import { pageStyle } from './page-style.ts';
import { count, figure } from './text-table.ts';
import {
  failuresOf,
  heldColumns,
  heldOf,
  scenarioTable,
  shownFigure,
  wireCells,
  wireHeadings,
  wirePhases,
} from './words.ts';

/**
 * The report as one HTML page: the answer first, then what it rests on; all tables and the method folded away. It loads
 * nothing, needs no script, and is made for phones, dark mode and print. The same document always gives the same page.
 */
export function renderPage(findings: Findings): string {
  const { document } = findings;
  const { scenarios, wire, conditions, question } = document;
  const answer = answerOf(findings);
  const told = scenarios.filter(({ levels }) => levels.length > 0);
  const sections = told.map((scenario) => ({ scenario, id: `s-${scenario.name}` }));
  const reason = reasonFor(findings);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${answer.question}</title>
<style>${new Markup(pageStyle)}</style>
</head>
<body>
<header>
<p class="kicker">fib-worker comparison, ${measured(document)}</p>
<h1>${answer.question}</h1>
${cutShort(document)}</header>
<main>
<section id="answer">
<ul class="answer">
${answer.parts.map(({ about, said }) => html`<li><b>${about}:</b> ${said}</li>\n`)}</ul>
${reason === undefined ? undefined : html`<p>${reason}</p>\n`}${overview(findings)}</section>
<nav aria-label="On this page">
<p>${question === 'designs' ? designLinks(document) : undefined}${sections.map(({ scenario, id }) => html`<a href="#${id}">${capital(scenario.title)}</a> `)}${wire && html`<a href="#wire">On the wire</a> `}<a href="#method">Method</a> <a href="#conditions">Conditions</a></p>
</nav>
${question === 'designs' ? advice(findings) : undefined}${sections.map(({ scenario, id }) => scenarioSection(scenario, id, findings))}${wire && wireSection(findings)}${folded('method', 'Method', methodLines(findings))}${folded('conditions', 'Conditions', [...document.contenders.map(({ name, detail }): NamedLine => [name, detail]), ...conditions])}</main>
</body>
</html>
`.text;
}

function measured({ began, took }: MeasureDocument): Markup {
  const utc = `${new Date(began).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const seconds = Math.round(took / 1_000);
  return html`<time datetime="${began}">${utc}</time>, in ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}`;
}

function cutShort({ cutShort: why }: MeasureDocument): Markup | undefined {
  return why === undefined
    ? undefined
    : html`<p class="notice"><b>Cut short:</b> ${why}. What follows is what was measured until then.</p>\n`;
}

/** Each claim in a row: among designs this client filled, the floor hollow; among libraries each one. */
function overview(findings: Findings): Markup {
  const { document } = findings;
  if (document.question === 'designs') {
    return chart(
      'How many times as good as a queue per client',
      'Direct Reply-To. A line is the 95 % interval; filled: this client, hollow: the floor, hand-written frames, as a cross-check; shaded: within ±10 %.',
      forest(
        'Intervals: how many times as good as a queue per client Direct Reply-To is, claim by claim',
        designRows(findings),
        true,
      ),
    );
  }
  const claims = [...new Set(findings.findings.map(({ claim }) => claim))];
  return html`<div class="charts">
${claims.map((claim) => {
  const rows = findings.findings
    .filter((one) => one.claim === claim)
    .map(
      (one): ForestRow => ({
        label: one.contender,
        said: inShort(one),
        marks: [markOf(one, one.contender === 'floor' ? 'floor' : 'own')],
      }),
    );
  return chart(
    capital(claim.title),
    'Times as good as fib-worker.',
    forest(`Intervals: ${claim.title}, times as good as fib-worker`, rows, true),
  );
})}</div>
`;
}

function chart(title: string, detail: string, drawing: Markup): Markup {
  return html`<figure class="chart"><figcaption><b>${title}</b> ${detail}</figcaption>${drawing}</figure>
`;
}

function designLinks({ wire }: MeasureDocument): Markup {
  return html`<a href="#decide">Which design</a> <a href="#documentation">What the documentation says</a> <a href="#fate">What becomes of a reply</a> ${wire && wire.entries.length > 0 ? html`<a href="#cases">Four cases</a> ` : undefined}`;
}

function advice(findings: Findings): Markup {
  const cases = workedCases(findings);
  return html`<section id="decide">
<h2>Which design</h2>
${simpleTable(['Your case', 'Design', 'Why'], decisionTable(findings))}</section>
<section id="documentation">
<h2>What RabbitMQ’s documentation says, and what was measured here</h2>
<p class="detail"><a href="https://www.rabbitmq.com/docs/direct-reply-to">rabbitmq.com/docs/direct-reply-to</a></p>
${simpleTable(['It says', 'Here'], documentationTable(findings))}</section>
<section id="fate">
<h2>What becomes of a reply</h2>
${simpleTable(['When', 'Direct Reply-To', 'Queue per client', 'Queue per request'], replyTable)}</section>
${
  cases &&
  html`<section id="cases">
<h2>Four cases, reckoned</h2>
<p class="detail">Round trips, counted on the wire, × the time of one, and the time at both ends and the broker, as measured over loopback. ${cases.sum}</p>
${simpleTable(caseTable, cases.rows)}</section>
`
}`;
}

function scenarioSection(scenario: ScenarioHead, id: string, findings: Findings): Markup {
  const { name, title, detail, headline, outOfReach } = scenario;
  const failures = [...(outOfReach === undefined ? [] : [`${outOfReach}.`]), ...failuresOf(findings, scenario)];
  return html`<section id="${id}">
<h2>${capital(title)} <code>${name}</code></h2>
<p class="detail">${capital(detail)}.</p>
<div class="charts">
${findings.document.question === 'designs' ? designCharts(scenario, findings) : undefined}${valueChart(scenario, findings)}</div>
${failures.map((one) => html`<p>${one}</p>\n`)}<details>
<summary>All figures: ${figures[headline].title} decides, ${figures[headline].better} is better</summary>
${figuresTable(scenario, findings)}${heldTable(scenario, findings)}</details>
</section>
`;
}

/** Ratios level by level: Direct Reply-To beside a queue per client, and a queue per request. */
function designCharts(scenario: ScenarioHead, findings: Findings): Markup {
  const titles = { direct: 'Direct Reply-To', 'per-request': 'A queue per request' } as const;
  return html`${(['direct', 'per-request'] as const).map((design) => {
    const rows = scenario.levels.flatMap(({ level, title }): ForestRow[] => {
      const ratio = (who: string) => findings.ratio({ scenario: scenario.name, level, contender: `${who} ${design}` });
      const own = ratio('fib-worker');
      return own ? [rowOf(title, own, ratio('floor'))] : [];
    });
    if (rows.length === 0) return undefined;
    const heading = `${titles[design]}: × as good as a queue per client`;
    return chart(heading, '', forest(`Intervals: ${heading}, ${scenario.title}`, rows, true));
  })}`;
}

/** The figure itself, level by level. */
function valueChart({ name, title, headline, levels }: ScenarioHead, findings: Findings): Markup {
  const { document, samples } = findings;
  const shown = document.contenders.filter(
    ({ implementation }) => document.question === 'implementations' || implementation !== 'floor',
  );
  const { title: unit, better } = figures[headline];
  const heading = `${capital(unit)}, ${better} is better`;
  const rows = levels.flatMap((level): ForestRow[] => {
    const marks = shown.flatMap(({ name: contender, design }) => {
      const value = shownFigure(
        samples.median({ scenario: name, level: level.level, contender, figure: headline }),
        headline,
      );
      return value > 0
        ? [{ contender, mark: { value, look: design && document.question === 'designs' ? design : 'own' } as const }]
        : [];
    });
    if (document.question === 'implementations')
      return marks.map(({ contender, mark }) => ({
        label: levels.length === 1 ? contender : marks.length === 1 ? level.title : `${level.title}, ${contender}`,
        said: figure(mark.value),
        marks: [mark],
      }));
    const said = marks.map(({ mark }) => figure(mark.value)).join(', ');
    return marks.length > 0 ? [{ label: level.title, said, marks: marks.map(({ mark }) => mark) }] : [];
  });
  const legend =
    document.question === 'designs'
      ? html`<span class="per-request">per request</span> <span class="exclusive">per client</span> <span class="direct">direct</span>`
      : undefined;
  return html`<figure class="chart"><figcaption><b>${heading}</b> ${legend}</figcaption>${forest(`Medians: ${unit}, ${title}`, rows, false)}</figure>
`;
}

type Cell = string | Markup;

function figuresTable(scenario: ScenarioHead, findings: Findings): Markup {
  const { heading, levels } = scenarioTable(findings, scenario, true);
  const bodies = levels.map(({ title, rows }) => {
    const shown = rows.map(({ name, cells, failed }) =>
      row(name, heading, failed > 0 ? [...cells.slice(0, -1), html`<b class="failed">⚠ ${count(failed)}</b>`] : cells),
    );
    return html`<tbody>
${levels.length > 1 ? html`<tr class="level"><th scope="rowgroup" colspan="${heading.length + 1}">${capital(title)}</th></tr>\n` : undefined}${shown}</tbody>
`;
  });
  return dataTable(heading, bodies);
}

function heldTable({ name }: ScenarioHead, findings: Findings): Markup | undefined {
  const held = heldOf(findings, name, true);
  if (!held) return undefined;
  const rows = held.rows.map((one) => row(one.name, heldColumns, one.cells));
  return html`<p class="detail">What the broker held for each of ${held.clients} clients; some ten kB are noise.</p>
${dataTable(heldColumns, [html`<tbody>\n${rows}</tbody>\n`])}`;
}

function wireSection({ document }: Findings): Markup {
  const { detail, entries } = document.wire ?? { detail: '', entries: [] };
  const trips = entries.filter(
    ({ contender }) => document.question === 'implementations' || !contender.startsWith('floor'),
  );
  const bodies = wirePhases.map(
    ([phase, title]) => html`<tbody>
<tr class="level"><th scope="rowgroup" colspan="${wireHeadings.length + 1}">${capital(title)}</th></tr>
${entries.map((entry) => row(entry.contender, wireHeadings, wireCells(entry[phase])))}</tbody>
`,
  );
  return html`<section id="wire">
<h2>On the wire <code>wire</code></h2>
<p class="detail">Network round trips, counted.</p>
${simpleTable(
  ['', ...wirePhases.map(([, title]) => title)],
  trips.map((entry) => [entry.contender, ...wirePhases.map(([phase]) => String(entry[phase].roundTrips))]),
)}<details>
<summary>Frames and bytes</summary>
<p class="detail">${detail}.</p>
${entries.length > 0 ? dataTable(wireHeadings, bodies) : undefined}</details>
</section>
`;
}

function row(name: string, heading: readonly string[], cells: readonly Cell[]): Markup {
  return html`<tr><th scope="row">${name}</th>${cells.map((cell, index) => html`<td data-label="${heading[index]}">${cell}</td>`)}</tr>
`;
}

/** Wide ones become a list of cards where the screen is narrow. */
function dataTable(heading: readonly string[], bodies: readonly Markup[]): Markup {
  return html`<table class="data">
<thead><tr><th scope="col">contender</th>${heading.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
${bodies}</table>
`;
}

/** Of words: they wrap. */
function simpleTable(heading: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return html`<table class="words">
<thead><tr>${heading.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>\n`)}</tbody>
</table>
`;
}

function folded(id: string, title: string, lines: readonly NamedLine[]): Markup {
  return html`<section id="${id}">
<details>
<summary><h2>${title}</h2></summary>
<dl>
${lines.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>
</details>
</section>
`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
