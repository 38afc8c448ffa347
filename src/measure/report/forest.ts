import { BAND } from '../analysis/findings.ts';
import { html, type Markup } from './markup.ts';
import { figure } from './text-table.ts';

/** A value with its interval, in a row. */
export interface Mark {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Its looks: a class of the page's style. */
  readonly look: 'own' | 'floor' | 'per-request' | 'exclusive' | 'direct';
}

/** A row: what it is, what is said of it, and its marks, one below the other. */
export interface ForestRow {
  readonly label: string;
  readonly said: string;
  readonly marks: readonly Mark[];
}

/** Heights, in pixels: of the words above a row's marks, of a mark, and of what is below all. */
const WORDS = 20;
const MARK = 13;
const GAP = 7;
const AXIS = 24;

/** In percent of the width: what is left free at either side, for labels of the axis. */
const MARGIN = 5;

/**
 * Intervals along a logarithmic axis, as SVG as wide as its place: nothing in it is scaled, so its words can be read on a
 * phone as on a desk.
 * @param label what somebody hears who doesn't see it
 * @param ratios whether they are ratios to 1: the band in which no difference matters is shaded
 */
export function forest(label: string, rows: readonly ForestRow[], ratios: boolean): Markup {
  const { height, content } = drawnForest(rows, ratios);
  return height === 0
    ? html``
    : html`<svg role="img" aria-label="${label}" width="100%" height="${height}">${content}</svg>`;
}

/** The same without the `svg` around it, and how high it is, in pixels; its width is a matter of percents. */
export function drawnForest(
  rows: readonly ForestRow[],
  ratios: boolean,
): { readonly height: number; readonly content: Markup } {
  const marks = rows.flatMap((row) => row.marks);
  const values = marks.flatMap(({ value, low = value, high = value }) => [low, value, high]).filter((one) => one > 0);
  if (values.length === 0) return { height: 0, content: html`` };
  const scale = logScale(Math.min(...values, ...(ratios ? [0.7] : [])), Math.max(...values, ...(ratios ? [1.4] : [])));
  const at = (value: number) => `${(MARGIN + (100 - 2 * MARGIN) * scale.place(value)).toFixed(2)}%`;
  const heights = rows.map((row) => WORDS + MARK * row.marks.length + GAP);
  const bottom = heights.reduce((sum, height) => sum + height, 0);
  const band = ratios
    ? html`<rect class="band" x="${at(1 / BAND)}" y="0" width="${width(at(1 / BAND), at(BAND))}" height="${bottom}"/><line class="one" x1="${at(1)}" x2="${at(1)}" y1="0" y2="${bottom}"/>`
    : undefined;
  const ticks = scale.ticks.map(
    (tick) =>
      html`<line class="tick" x1="${at(tick)}" x2="${at(tick)}" y1="${bottom}" y2="${bottom + 4}"/><text class="soft" x="${at(tick)}" y="${bottom + 17}" text-anchor="middle">${short(tick)}</text>`,
  );
  let y = 0;
  const drawn = rows.map((row, index) => {
    const top = y;
    y += heights[index] ?? 0;
    const lines = row.marks.map((mark, place) => drawnMark(mark, top + WORDS + MARK * (place + 0.5), at));
    return html`<text x="0" y="${top + 14}">${row.label}</text><text class="soft" x="100%" y="${top + 14}" text-anchor="end">${row.said}</text>${lines}\n`;
  });
  return { height: bottom + AXIS, content: html`${band}${ticks}\n${drawn}` };
}

function width(from: string, to: string): string {
  return `${(Number.parseFloat(to) - Number.parseFloat(from)).toFixed(2)}%`;
}

function drawnMark({ value, low = value, high = value, look }: Mark, y: number, at: (value: number) => string): Markup {
  if (!(value > 0)) return html``;
  const line = html`<line class="${look}" x1="${at(low)}" x2="${at(high)}" y1="${y}" y2="${y}"/>`;
  return html`${line}<circle class="${look}" cx="${at(value)}" cy="${y}" r="4.5"/>`;
}

interface Scale {
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** From and to one of 1, 2, 5, 10, …; with not more ticks than a phone has place for. */
function logScale(min: number, max: number): Scale {
  const decades = Array.from({ length: 24 }, (_, index) => index - 9);
  const all = decades.flatMap((decade) => [1, 2, 5].map((step) => Number((step * 10 ** decade).toPrecision(3))));
  const first = all.findLastIndex((tick) => tick <= min);
  const last = all.findIndex((tick) => tick >= max);
  const within = all.slice(Math.max(0, first), last + 1);
  const [low = 1, high = 10] = [within[0], within.at(-1)];
  const ticks = within.length <= 7 ? within : within.filter((tick) => /^1(0*|e[+-]?\d+)$|^0\.0*1$/.test(String(tick)));
  return { place: (value) => Math.log(Math.min(high, Math.max(low, value)) / low) / Math.log(high / low || 1), ticks };
}

function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 10_000 ? `${value / 1_000}k` : value < 0.001 ? String(value) : figureOf(value);
}

function figureOf(value: number): string {
  return value < 10 ? String(value) : figure(value).replace(/\.0+$/, '');
}
