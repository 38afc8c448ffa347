import { BarChart, type BarSeriesOption, LineChart, type LineSeriesOption } from 'echarts/charts';
import {
  GridComponent,
  type GridComponentOption,
  LegendComponent,
  type LegendComponentOption,
  MarkLineComponent,
  type MarkLineComponentOption,
} from 'echarts/components';
import { type ComposeOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { html, Markup } from './markup.ts';
import { ink, variables } from './palette.ts';

use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, SVGRenderer]);

/** What a chart of ours is made of. */
export type ChartOption = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption | MarkLineComponentOption
>;

/** How wide a chart is drawn, in its own units: as wide as a phone shows it, so that its text can be read there. */
const WIDTH = 380;
/** The size of its text, in the same units. */
export const FONT_SIZE = 12.5;

/** Charts that belong together, and that are shown side by side. */
export interface Group {
  readonly heading: string;
  readonly charts: readonly Chart[];
}

/** One chart. */
export interface Chart {
  /** Beside what else it is shown: `fib-worker`. */
  readonly title: string;
  /** What somebody hears who doesn't see it. */
  readonly label: string;
  readonly height: number;
  readonly option: ChartOption;
}

/**
 * Draws a chart as SVG that takes its colours from the page, and its width.
 * @param id unique in the page: the chart's own ids begin with it
 */
export function drawn({ title, label, height, option }: Chart, id: string): Markup {
  const instance = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    instance.setOption({
      animation: false,
      textStyle: { fontFamily: 'system-ui,sans-serif', fontSize: FONT_SIZE, color: ink.text },
      ...option,
    });
    const inside = instance
      .renderToSVGString()
      .replace(/^<svg[^>]*>\s*/, '')
      .replace(/<style[\s\S]*?<\/style>/g, '') // only what happens when a mouse is over it
      .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, '')
      .replace(/\bzr\d+-/g, `${id}-`)
      .replace(/(?<=(?:fill|stroke)=")#[0-9a-f]{6}(?=")/g, (colour) => {
        const variable = variables[colour];
        return variable ? `var(${variable})` : colour;
      });
    const svg = html`<svg role="img" aria-label="${label}" viewBox="0 0 ${WIDTH} ${height}">${new Markup(inside)}`;
    return html`<figure class="chart"><figcaption>${title}</figcaption>${svg}</figure>`;
  } finally {
    instance.dispose(); // its timer would keep the process
  }
}
