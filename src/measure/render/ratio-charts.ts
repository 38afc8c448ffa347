import { type ComparisonDocument, figures, type WorkloadResult } from '../document.ts';
import { designsIn, entryOf, implementationsIn } from '../entries.ts';
import type { Design } from '../implementation.ts';
import { place } from '../ratios.ts';
import { axisLooks, ratioAxis } from './axis.ts';
import type { Group } from './chart.ts';
import { type Chart, FONT_SIZE } from './chart.ts';
import { ink, looks } from './palette.ts';

const ROW = 20;

interface Row {
  readonly label: string;
  /** How many times as good as the baseline: the ratio, or its inverse where less is better. */
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly clear: boolean;
}

/**
 * All ratios of one design to the baseline's with their intervals: a chart for each implementation, one row for each
 * workload and level, all with the same axis, and with "better" on the right.
 */
export function ratioCharts({ workloads, baseline }: ComparisonDocument, design: Design): Group {
  const levels = workloads.flatMap((workload) => workload.levels);
  const panels = implementationsIn(levels)
    .map((implementation) => ({
      implementation,
      rows: workloads.flatMap((workload) => rowsOf(workload, implementation, design)),
    }))
    .filter(({ rows }) => rows.length > 0);
  const axis = ratioAxis(panels.flatMap(({ rows }) => rows.flatMap(({ low, high }) => [low, high])));
  const charts = panels.map(
    ({ implementation, rows }): Chart => ({
      title: implementation,
      label: `Interval chart: how many times as good as ${baseline} ${design} does, ${implementation}, for each workload and level. The tables of the workloads have the figures.`,
      height: rows.length * ROW + 66,
      option: {
        grid: { left: 112, right: 34, top: 22, bottom: 44 },
        xAxis: { ...axis, name: `times as good as ${baseline}`, nameLocation: 'middle', nameGap: 28 },
        yAxis: {
          type: 'category',
          inverse: true,
          data: rows.map(({ label }) => label),
          ...axisLooks,
          axisTick: { show: false },
          splitLine: { show: false },
          axisLabel: { ...axisLooks.axisLabel, interval: 0, width: 104, overflow: 'truncate' },
        },
        series: rows.map(({ median, low, high, clear }, index) => ({
          type: 'line',
          color: looks[design].colour,
          lineStyle: { color: looks[design].colour, width: 2.2 }, // else it would take that of the hollow mark
          silent: true,
          clip: false,
          symbol: looks[design].marker,
          // a hollow mark where no difference was shown
          itemStyle: {
            color: clear ? looks[design].colour : ink.paper,
            borderColor: looks[design].colour,
            borderWidth: 2,
          },
          data: [
            { value: [low, index], symbolSize: 0 },
            { value: [median, index], symbolSize: 9 },
            { value: [high, index], symbolSize: 0 },
          ],
          ...(index === 0
            ? {
                markLine: {
                  silent: true,
                  symbol: 'none',
                  label: { formatter: '← worse    better →', position: 'start', color: ink.text, fontSize: FONT_SIZE },
                  lineStyle: { color: ink.axis, type: 'solid', width: 1.5 },
                  data: [{ xAxis: 1 }],
                },
              }
            : {}),
        })),
      },
    }),
  );
  return { heading: `${design} beside ${baseline}`, charts };
}

/** The designs that have a ratio to the baseline's. */
export function comparedDesigns({ workloads, baseline }: ComparisonDocument): Design[] {
  return designsIn(workloads.flatMap(({ levels }) => levels)).filter((design) => design !== baseline);
}

function rowsOf({ name, headline, levels }: WorkloadResult, implementation: string, design: Design): Row[] {
  return levels.flatMap(({ label: levelLabel, entries }) => {
    const ratio = entryOf(entries, implementation, design)?.toBaseline;
    if (!ratio || ratio.median <= 0) return [];
    const label = levels.length > 1 ? `${name} ${levelLabel}` : name;
    const { low: lowest, high } = ratio.interval ?? { low: ratio.median, high: ratio.median };
    const low = Math.max(lowest, ratio.median / 1_000); // a round without any answer has no place on such an axis
    const at = place(ratio, headline);
    const clear = at === 'better' || at === 'worse';
    return [{ label, clear, ...asGood({ median: ratio.median, low, high }, figures[headline].better) }];
  });
}

function asGood({ median, low, high }: Omit<Row, 'label' | 'clear'>, better: 'less' | 'more') {
  return better === 'more' ? { median, low, high } : { median: 1 / median, low: 1 / high, high: 1 / low };
}
