/** The colours of a page or picture in the light. */
export const light = `
  --paper: #ffffff; --text: #1b1f24; --soft: #57606a; --axis: #8c959f; --grid: #dfe3e8; --rule: #d0d7de;
  --panel: #f6f8fa; --link: #0550ae; --alarm: #b3261e; --notice: #fff4d6;
  --per-request: #c04e00; --exclusive: #0072b2; --direct: #00795a;`;

/** The same in the dark. */
export const dark = `
  --paper: #14171c; --text: #e6e9ed; --soft: #a5aeb8; --axis: #79828d; --grid: #333a43; --rule: #3a424c;
  --panel: #1b2027; --link: #7cb8ff; --alarm: #ff8f86; --notice: #3a2f10;
  --per-request: #ff9a4d; --exclusive: #66b8ec; --direct: #3ecfa3;`;

/** How marks look. */
export const chartRules = `svg .soft { fill: var(--soft); font-size: 12px; }
svg .band { fill: var(--panel); stroke: var(--grid); }
svg .one, svg .tick { stroke: var(--axis); }
svg line.own, svg line.direct { stroke: var(--direct); stroke-width: 2; }
svg circle.own, svg circle.direct { fill: var(--direct); stroke: var(--direct); }
svg line.floor { stroke: var(--soft); stroke-width: 1.5; }
svg circle.floor { fill: var(--paper); stroke: var(--soft); stroke-width: 1.5; }
svg line.exclusive { stroke: var(--exclusive); }
svg circle.exclusive { fill: var(--exclusive); }
svg line.per-request { stroke: var(--per-request); }
svg circle.per-request { fill: var(--per-request); }
`;

/** The page's style: one column on a phone, more on a desk; dark if the reader's machine is; light on paper. */
export const pageStyle = `
:root { color-scheme: light;${light}
}
@media screen and (prefers-color-scheme: dark) {
:root { color-scheme: dark;${dark}
}
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--text); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
header, main { max-width: 74rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.2rem; }
main { padding-bottom: 4rem; }
h1 { margin: 0 0 .4rem; font-size: clamp(1.35rem, 1.1rem + 1.6vw, 2.1rem); line-height: 1.2; text-wrap: balance; letter-spacing: -.01em; }
h2 { margin: 2.6rem 0 .4rem; font-size: 1.35rem; line-height: 1.25; }
h2 code { margin-left: .35em; font-size: .65em; font-weight: 400; color: var(--soft); vertical-align: .1em; }
summary { cursor: pointer; color: var(--link); }
summary h2 { display: inline-block; margin-top: 1.4rem; color: var(--text); }
p { margin: 0 0 .7rem; max-width: 48rem; }
dl { max-width: 62rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0 0 .6rem; }
a { color: var(--link); text-underline-offset: .15em; }
nav a { display: inline-block; margin: .15rem .6rem .15rem 0; }
nav p { max-width: none; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.kicker { margin: 0 0 .2rem; color: var(--soft); font-size: .9rem; font-variant-numeric: tabular-nums; }
.detail { color: var(--soft); font-size: .95rem; }
.notice { padding: .6rem .9rem; border-left: 4px solid var(--alarm); background: var(--notice); }
.answer { margin: .3rem 0 .8rem; padding-left: 1.1rem; max-width: 56rem; font-size: 1.05rem; }
.answer li { margin: .25rem 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem 2rem; }
.chart { margin: .4rem 0 1rem; min-width: 0; break-inside: avoid; }
.chart figcaption { font-size: .9rem; color: var(--soft); margin-bottom: .4rem; }
.chart figcaption b { color: var(--text); }
svg { display: block; overflow: visible; font-size: 13px; fill: var(--text); font-variant-numeric: tabular-nums; }
${chartRules}figcaption span::before { content: "● "; }
span.per-request::before { color: var(--per-request); }
span.exclusive::before { color: var(--exclusive); }
span.direct::before { color: var(--direct); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; line-height: 1.35; margin: .6rem 0 1rem; }
th, td { padding: .38rem .5rem; text-align: left; vertical-align: top; border-top: 1px solid var(--grid); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; border-top: 0; }
.words { max-width: 62rem; }
.words tbody th { font-weight: 600; }
.data td, .data thead th:not(:first-child) { text-align: right; }
.data tbody th { font-weight: 400; }
.data .level th { background: var(--panel); font-weight: 600; }
.failed { color: var(--alarm); }
@media screen and (max-width: 52rem) {
.data thead { display: none; }
.data, .data tbody, .data tr, .data th, .data td { display: block; }
.data td { display: flex; justify-content: space-between; gap: 1rem; padding: .1rem .5rem; border: 0; }
.data td::before { content: attr(data-label); color: var(--soft); }
.data tbody th { font-weight: 600; }
.words { font-size: .8rem; }
.words th, .words td { padding: .3rem .3rem; }
}
@media (min-width: 45rem) {
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .35rem 1.2rem; }
dt { max-width: 14rem; }
dd { margin: 0; }
}
@page { margin: 14mm 12mm; }
@media print {
body { font-size: 10pt; }
header, main { max-width: none; padding: 0; }
nav { display: none; }
a { color: inherit; text-decoration: none; }
details::details-content { content-visibility: visible; block-size: auto; }
h2, thead, .detail, .level, summary { break-after: avoid; }
.charts { grid-template-columns: repeat(3, 1fr); }
svg { font-size: 9px; }
svg .soft { font-size: 8.5px; }
table { font-size: 7.5pt; }
th, td { padding: .2rem .3rem; }
tr, .data tbody, .words, li, dt, .notice { break-inside: avoid; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
