import type { ComparisonDocument, FigureName, WireResult, WorkloadResult } from '../document.ts';
import { figureBars, perClientBars, wireBars } from './bar-charts.ts';
import { drawn, type Group } from './chart.ts';
import { levelCharts, percentileCharts } from './line-charts.ts';
import { html, type Markup } from './markup.ts';
import { brokerTable, wireTable, workloadTable } from './tables.ts';

/** A workload's charts and tables. */
export function workloadSection(workload: WorkloadResult, id: string, document: ComparisonDocument): Markup {
  const { name, title, detail, levels } = workload;
  const tables = levels.length > 0 ? [workloadTable(workload, document), brokerCost(workload)] : [];
  return html`<section id="${id}">
<h2>${capital(title)} <code>${name}</code></h2>
<p class="detail">${capital(detail)}.</p>
${chartGroups(chartsOf(workload), id)}${tables}${firstFailure(workload)}</section>
`;
}

/** What goes over the wire: charts and a table. */
export function wireSection(wire: WireResult, id: string): Markup {
  const { title, detail, entries } = wire;
  const figures = entries.length > 0 ? [chartGroups(wireBars(wire), id), wireTable(wire)] : [];
  return html`<section id="${id}">
<h2>${capital(title)} <code>wire</code></h2>
<p class="detail">${capital(detail)}.</p>
${figures}</section>
`;
}

/** Groups of charts; the ids in them begin with `id`. */
export function chartGroups(groups: readonly (Group | undefined)[], id: string): Markup {
  const found = groups.filter((group) => group !== undefined);
  return html`${found.map(
    ({ heading, charts }, group) => html`<h3>${heading}</h3>
<div class="charts">
${charts.map((chart, index) => html`${drawn(chart, `${id}-${group}-${index}`)}\n`)}</div>
`,
  )}`;
}

/** With its first letter as at the beginning of a sentence. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Sentences, each by itself. */
export function list(sentences: readonly string[]): Markup | undefined {
  if (sentences.length === 0) return undefined;
  return html`<ul class="findings">${sentences.map((sentence) => html`<li>${sentence.replaceAll(' ×', '\u00a0×')}</li>`)}</ul>\n`;
}

/** Lines over the levels where there are several, percentiles where they are told, else bars. */
function chartsOf(workload: WorkloadResult): (Group | undefined)[] {
  const { levels, columns, headline } = workload;
  const percentiles = percentileCharts(workload);
  const charts =
    levels.length > 1
      ? [...charted(columns, headline).map((name) => levelCharts(workload, name)), percentiles]
      : [percentiles ?? figureBars(workload)];
  return [...charts, perClientBars(workload)];
}

/** The headline figure, then those that are worth a chart of their own beside it. */
function charted(columns: readonly FigureName[], headline: FigureName): FigureName[] {
  // p90 lies between two that are shown; in a closed loop a rate says the same as the times
  return [headline, ...columns.filter((name) => name !== headline && name !== 'p90' && name !== 'rate')];
}

function brokerCost(workload: WorkloadResult): Markup {
  return brokerTable(workload) ?? html`<p class="detail">What it cost the broker: not available.</p>\n`;
}

function firstFailure({ levels }: WorkloadResult): Markup | undefined {
  const found = levels.flatMap(({ title, entries }) =>
    entries.flatMap(({ implementation, design, measured: { firstFailure: why } }) =>
      why === undefined ? [] : [`${implementation} ${design}, ${title}: ${why}`],
    ),
  );
  if (found.length === 0) return undefined;
  return html`<p class="detail">The first failure of each:</p>
${list(found)}`;
}
