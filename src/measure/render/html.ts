import type { ComparisonDocument, NamedLine } from '../document.ts';
import { designs } from '../implementation.ts';
import { html, Markup } from './markup.ts';
import { pageStyle } from './page-style.ts';
import { comparedDesigns, ratioCharts } from './ratio-charts.ts';
import { capital, chartGroups, list, wireSection, workloadSection } from './workload-section.ts';

/**
 * The comparison as one HTML page: it loads nothing, needs no script, and is made for phones, dark mode and print. The
 * same document always gives the same page.
 */
export function renderHtml(document: ComparisonDocument): string {
  const { broker, workloads, wire, reading, conditions } = document;
  const title = `${broker}: three ways to get a reply, compared`;
  const sections = workloads.map((workload, index) => ({ workload, id: `w${index + 1}` }));
  const groups = comparedDesigns(document)
    .toReversed()
    .map((design) => ratioCharts(document, design));
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Markup(pageStyle)}</style>
</head>
<body>
<header>
<p class="kicker">fib-worker comparison</p>
<h1>Three ways to get a reply, measured on ${broker}</h1>
<p>${measured(document)}</p>
${cutShort(document)}</header>
<main>
<section id="findings">
<h2>What it says</h2>
<div class="columns">
${sections.map(({ workload, id }) => findings(workload.title, id, workload.sentences))}${wire && findings(wire.title, 'wire', wire.sentences)}</div>
</section>
<section id="designs">
<h2>The designs</h2>
${legend(document)}</section>
${groups.length > 0 ? overview(document, chartGroups(groups, 'all')) : undefined}${sections.map(({ workload, id }) => workloadSection(workload, id, document))}${wire && wireSection(wire, 'wire')}${named('reading', 'How to read it', reading)}${named('conditions', 'Conditions', conditions)}</main>
</body>
</html>
`.text;
}

/** When, and for how long. */
function measured({ began, took }: ComparisonDocument): Markup {
  const utc = `${new Date(began).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const seconds = Math.round(took / 1_000);
  const length = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return html`<time datetime="${began}">${utc}</time>, in ${length}`;
}

function cutShort({ cutShort: why }: ComparisonDocument): Markup | undefined {
  return why === undefined
    ? undefined
    : html`<p class="notice"><b>Cut short:</b> ${why}. What follows is what was measured until then.</p>\n`;
}

function findings(title: string, id: string, sentences: readonly string[]): Markup {
  return html`<div>
<h3><a href="#${id}">${capital(title)}</a></h3>
${list(sentences)}</div>
`;
}

const meanings = {
  'per-request': 'a queue for each request',
  exclusive: 'a queue for each client, as in RabbitMQ’s tutorial',
  direct: 'Direct Reply-To: no queue at all',
} as const satisfies Record<(typeof designs)[number], string>;

function legend({ baseline, implementations }: ComparisonDocument): Markup {
  const designLines = designs.map((design) => {
    const compared = design === baseline ? '; the others are compared with it' : '';
    return html`<dt><span class="${design}">${design}</span></dt><dd>${capital(meanings[design])}${compared}.</dd>\n`;
  });
  const lines = implementations.map(({ name, detail }) => html`<dt>${name}</dt><dd>${detail}</dd>\n`);
  return html`<dl>${designLines}</dl>
<h3>With which client and worker</h3>
<dl>${lines}</dl>
`;
}

function overview({ baseline }: ComparisonDocument, charts: Markup): Markup {
  return html`<section id="overview">
<h2>At a glance</h2>
<p class="detail">How many times as good as ${baseline}: the ratio of the figure that decides, or its inverse where less is better. A line is the interval, a mark the median; a hollow mark says that no difference was shown, or that rounds were too few to tell.</p>
${charts}</section>
`;
}

function named(id: string, title: string, lines: readonly NamedLine[]): Markup {
  return html`<section id="${id}">
<h2>${title}</h2>
<dl>
${lines.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>
</section>
`;
}
