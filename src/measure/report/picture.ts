import type { Findings } from '../analysis/findings.ts';
import { designRows } from './claims-chart.ts';
import { drawnForest } from './forest.ts';
import { html, Markup } from './markup.ts';
import { chartRules, dark, light } from './page-style.ts';

/** In pixels. */
const WIDTH = 760;
const MARGIN = 16;
const HEAD = 64;

const style = `:root{${light}}
@media (prefers-color-scheme: dark){:root{${dark}}}
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: var(--text); }
.paper { fill: var(--paper); } .title { font-weight: 600; font-size: 15px; }
${chartRules}`;

/**
 * Draws the findings of a comparison of designs about Direct Reply-To, claim by claim, as an SVG that stands alone: light or
 * dark, as the reader's machine is.
 * @throws Error if the document asks about something else
 */
export function renderPicture(findings: Findings): string {
  const { question, broker } = findings.document;
  if (question !== 'designs') throw new Error('a picture is made of a comparison of reply designs, and this is none');
  const { height, content } = drawnForest(designRows(findings), true);
  const all = HEAD + height + MARGIN;
  const title = 'Direct Reply-To: how many times as good as a queue per client';
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${all}" viewBox="0 0 ${WIDTH} ${all}" role="img" aria-label="${title}, ${broker}">
<style>${new Markup(style)}</style>
<rect class="paper" width="100%" height="100%"/>
<text class="title" x="${MARGIN}" y="26">${title}</text>
<text class="soft" x="${MARGIN}" y="46">${broker}. Lines: 95 % intervals; filled: this client, hollow: hand-written frames; shaded: within ±10 %</text>
<svg aria-hidden="true" x="${MARGIN}" y="${HEAD}" width="${WIDTH - 2 * MARGIN}" height="${height}">${content}</svg>
</svg>
`.text;
}
