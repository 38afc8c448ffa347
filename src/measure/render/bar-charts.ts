import { brokerFigures } from '../broker-cost.ts';
import { type BrokerCost, figures, type WireCost, type WireResult, type WorkloadResult } from '../document.ts';
import { designsIn, entryOf, implementationsIn, shownFigure } from '../entries.ts';
import type { Design } from '../implementation.ts';
import { count, figure } from '../text-table.ts';
import { axisLooks } from './axis.ts';
import { type Chart, FONT_SIZE, type Group } from './chart.ts';
import { brokerHeadings, phases } from './headings.ts';
import { ink, looks } from './palette.ts';

interface Bars {
  readonly title: string;
  readonly label: string;
  readonly designs: readonly Design[];
  readonly categories: readonly string[];
  /** Undefined where there is none: no bar. */
  readonly barOf: (category: string, design: Design) => number | undefined;
  /** The end of the axis; default the largest value. */
  readonly max?: number;
}

/** The figures of a workload with one level: a chart for each, all implementations in it. */
export function figureBars({ title: workloadTitle, columns, levels }: WorkloadResult): Group | undefined {
  const entries = levels.flatMap((level) => level.entries);
  const charts = columns
    .filter((name) => entries.some((entry) => entry.figures[name]))
    .map((name) => {
      const { title, better } = figures[name];
      return bars({
        title: `${title} (${better} is better)`,
        label: `Bar chart, ${workloadTitle}: ${title}. The table below has the figures.`,
        designs: designsIn(levels),
        categories: implementationsIn(levels),
        barOf: (implementation, design) => {
          const entry = entryOf(entries, implementation, design);
          return entry && shownFigure(entry, name);
        },
      });
    });
  return charts.length > 0 ? { heading: 'Medians over the rounds', charts } : undefined;
}

/** What the broker held for each of many clients, at the last level that tells: what is alike for all is in the table. */
export function perClientBars({ title, levels }: WorkloadResult): Group | undefined {
  const level = levels.findLast(({ entries }) => entries.some(({ broker }) => broker && broker.clients > 1));
  if (!level) return undefined;
  const perClient = (implementation: string, design: Design, name: keyof BrokerCost) => {
    const entry = entryOf(level.entries, implementation, design);
    const { [name]: value, clients = 0 } = entry?.broker ?? {};
    return value === undefined || clients === 0 ? undefined : value / clients / (name === 'memory' ? 1e3 : 1);
  };
  const charts = brokerFigures
    .filter((name) => !/Opened|Declared|Deleted/.test(name)) // those are for each call
    .filter((name) => new Set(level.entries.map(({ broker }) => broker?.[name])).size > 1)
    .map((name) => {
      const heading = name === 'memory' ? 'kB' : brokerHeadings[name];
      return bars({
        title: `${heading} per client (less is better)`,
        label: `Bar chart, ${title}: ${heading} that the broker held per client, ${level.title}.`,
        designs: designsIn([level]),
        categories: implementationsIn([level]),
        barOf: (implementation, design) => perClient(implementation, design, name),
      });
    });
  return charts.length > 0 ? { heading: `What the broker held per client, ${level.title}`, charts } : undefined;
}

const wireFigures = [
  ['Network round trips', ({ roundTrips }: WireCost) => roundTrips],
  ['AMQP frames, both ways', ({ framesOut, framesIn }: WireCost) => framesOut + framesIn],
  ['Bytes, both ways', ({ bytesOut, bytesIn }: WireCost) => bytesOut + bytesIn],
] as const;

/** What goes over the wire in each phase: for each figure a chart for each implementation. */
export function wireBars(wire: WireResult): Group[] {
  return wireFigures.map(([heading, valueIn]) => {
    const max = Math.max(...wire.entries.flatMap((entry) => phases.map(([phase]) => valueIn(entry[phase]))));
    const charts = implementationsIn([wire]).map((implementation) => {
      const own = wire.entries.filter((entry) => entry.implementation === implementation);
      return bars({
        title: implementation,
        label: `Bar chart, ${wire.title}: ${heading} of ${implementation} in set-up, a call and teardown.`,
        designs: own.map(({ design }) => design),
        categories: phases.map(([, title]) => title),
        max,
        barOf: (category, design) => {
          const phase = phases.find(([, title]) => title === category)?.[0];
          const entry = own.find((one) => one.design === design);
          return phase && entry && valueIn(entry[phase]);
        },
      });
    });
    return { heading, charts };
  });
}

const BAR = 17;

/** Lying bars, grouped by category, each with its design and its value written beside it. */
function bars({ title, label, designs, categories, barOf, max }: Bars): Chart {
  const shown = designs.filter((design) => categories.some((category) => barOf(category, design) !== undefined));
  const largest = Math.max(0, ...shown.flatMap((design) => categories.map((category) => barOf(category, design) ?? 0)));
  return {
    title,
    label,
    height: categories.length * (shown.length * BAR + 16) + 12,
    option: {
      grid: { left: 14 + 7.2 * Math.max(...categories.map(({ length }) => length)), right: 130, top: 4, bottom: 4 },
      xAxis: { type: 'value', min: 0, max: (max ?? largest) || 1, show: false },
      yAxis: {
        type: 'category',
        data: [...categories],
        inverse: true,
        ...axisLooks,
        splitLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...axisLooks.axisLabel, width: 100, overflow: 'truncate' },
      },
      series: shown.map((design) => ({
        type: 'bar',
        name: design,
        barWidth: BAR - 4,
        barGap: '30%',
        silent: true,
        color: looks[design].colour,
        data: categories.map((category) => Math.max(0, barOf(category, design) ?? Number.NaN)),
        label: {
          show: true,
          position: 'right',
          color: ink.text,
          fontSize: FONT_SIZE,
          formatter: ({ dataIndex }) => {
            const value = barOf(categories[dataIndex] ?? '', design);
            return value === undefined ? '' : `${design} ${whole(value)}`;
          },
        },
      })),
    },
  };
}

function whole(value: number): string {
  return Number.isInteger(value) ? count(value) : figure(value);
}
