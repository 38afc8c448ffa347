const light = `
  --paper: #ffffff; --text: #1b1f24; --soft: #57606a; --axis: #8c959f; --grid: #dfe3e8; --rule: #d0d7de;
  --panel: #f6f8fa; --link: #0550ae; --alarm: #b3261e; --notice: #fff4d6;
  --per-request: #c04e00; --exclusive: #0072b2; --direct: #00795a;`;

const dark = `
  --paper: #14171c; --text: #e6e9ed; --soft: #a5aeb8; --axis: #79828d; --grid: #333a43; --rule: #3a424c;
  --panel: #1b2027; --link: #7cb8ff; --alarm: #ff8f86; --notice: #3a2f10;
  --per-request: #ff9a4d; --exclusive: #66b8ec; --direct: #3ecfa3;`;

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
body { margin: 0; background: var(--paper); color: var(--text); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif; overflow-wrap: break-word; }
header, main { max-width: 74rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; border-bottom: 1px solid var(--rule); }
main { padding-bottom: 4rem; }
h1 { margin: 0 0 .5rem; font-size: clamp(1.5rem, 1.1rem + 1.8vw, 2.1rem); line-height: 1.2; text-wrap: balance; letter-spacing: -.01em; }
h2 { margin: 3rem 0 .5rem; font-size: 1.45rem; line-height: 1.25; }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.05rem; line-height: 1.3; }
#findings h2 { margin-top: 1.8rem; }
h2 code { margin-left: .35em; font-size: .65em; font-weight: 400; color: var(--soft); vertical-align: .1em; }
p { margin: 0 0 .7rem; }
p, .findings { max-width: 48rem; }
dl { max-width: 62rem; }
a { color: var(--link); text-underline-offset: .15em; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.kicker, header time { font-variant-numeric: tabular-nums; }
.kicker { margin: 0 0 .3rem; color: var(--soft); font-size: .9rem; }
.detail { color: var(--soft); font-size: .95rem; }
.notice { padding: .6rem .9rem; border-left: 4px solid var(--alarm); background: var(--notice); }
.findings { margin: .2rem 0 .8rem; padding-left: 1.2rem; }
.findings li { margin: .25rem 0; }
dl { margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0 0 .6rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 30rem)); gap: 1rem 1.5rem; }
.columns { columns: 2 26rem; column-gap: 3rem; margin-top: .8rem; }
.columns > div { break-inside: avoid; padding-bottom: .6rem; }
.columns h3 { margin-top: 0; }
.chart { margin: 0; min-width: 0; max-width: 30rem; break-inside: avoid; }
.chart figcaption { font-size: .9rem; font-weight: 600; color: var(--soft); margin-bottom: .3rem; }
.chart svg { display: block; width: 100%; height: auto; }
.table { margin: 1rem 0 1.2rem; overflow-x: auto; border: 1px solid var(--rule); border-radius: 6px; }
.table:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; line-height: 1.35; }
caption { padding: .6rem .5rem; text-align: left; color: var(--soft); }
caption span { display: inline-block; position: sticky; left: .5rem; max-width: min(100%, calc(100vw - 4rem)); }
th, td { padding: .38rem .5rem; text-align: right; vertical-align: top; white-space: nowrap; }
thead th { white-space: normal; min-width: 4.5em; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--rule); vertical-align: bottom; }
tr > :first-child { text-align: left; }
tbody th { font-weight: 400; }
tbody th span { font-weight: 600; }
tbody tr:not(:first-child) > * { border-top: 1px solid var(--grid); }
th.level { background: var(--panel); font-weight: 600; }
th.level span { position: sticky; left: .5rem; }
.range, .place { color: var(--soft); }
.place { display: block; font-size: .8rem; }
.place.better, .place.worse { color: var(--text); font-weight: 600; }
.failed { color: var(--alarm); }
.failed + .range { display: block; min-width: 6em; font-size: .8rem; white-space: normal; }
.per-request, .exclusive, .direct { white-space: nowrap; }
.per-request::before, .exclusive::before, .direct::before { display: inline-block; width: 1.1em; font-size: .85em; }
.per-request::before { content: "▲"; color: var(--per-request); }
.exclusive::before { content: "■"; color: var(--exclusive); }
.direct::before { content: "●"; color: var(--direct); }
@media (min-width: 45rem) {
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .35rem 1.2rem; }
dt { max-width: 14rem; }
dd { margin: 0; }
}
@page { margin: 14mm 12mm; }
@media print {
body { font-size: 10pt; }
header, main { max-width: none; padding: 0; }
a { color: inherit; text-decoration: none; }
h2, h2 + .detail, h3, caption, thead, th.level { break-after: avoid; }
.charts { grid-template-columns: 1fr 1fr; }
.columns { columns: 1; }
.columns > div { break-inside: auto; }
.table { overflow: visible; border: 0; }
table { font-size: 7.5pt; }
th, td { padding: .25rem .3rem; white-space: normal; }
tr, li, dt, .notice { break-inside: avoid; }
.range, th.level { white-space: nowrap; }
.failed + .range { min-width: 0; white-space: normal; }
.place, .failed + .range { font-size: 7pt; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
