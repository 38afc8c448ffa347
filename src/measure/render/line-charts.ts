import { type FigureName, figures, type WorkloadResult } from '../document.ts';
import { designsIn, entryOf, implementationsIn, shownFigure } from '../entries.ts';
import { axisLooks, levelAxis, valueAxis } from './axis.ts';
import type { Group } from './chart.ts';
import { type Chart, type ChartOption, FONT_SIZE } from './chart.ts';
import { figureHeadings } from './headings.ts';
import { ink, looks } from './palette.ts';

const HEIGHT = 290;
/** The room that the marks of the axis have. */
const LEFT = 54;
const text = { color: ink.text, fontSize: FONT_SIZE };

/** How a figure changes with the level: a chart for each implementation, all with the same axes. */
export function levelCharts(workload: WorkloadResult, name: FigureName): Group | undefined {
  const { levels, levelUnit } = workload;
  const { title } = figures[name];
  const pointsOf = (implementation: string, design: string) =>
    levels.flatMap(({ level, entries }) => {
      const entry = entryOf(entries, implementation, design);
      const value = entry && shownFigure(entry, name);
      return value === undefined ? [] : [[level, value] as const];
    });
  const xAxis = levelAxis(levels);
  return lineCharts(workload, {
    heading: `${figureHeadings[name]} by ${levelUnit}`,
    xName: levelUnit,
    yName: title,
    xAxis,
    pointsOf,
  });
}

/** The percentiles at the last level that has some: a chart for each implementation, all with the same axes. */
export function percentileCharts(workload: WorkloadResult): Group | undefined {
  const { levels } = workload;
  const level = levels.findLast(({ entries }) => entries.some(({ percentiles }) => percentiles.length > 1));
  if (!level) return undefined;
  const told = level.entries.flatMap(({ percentiles }) => percentiles.map(([percent]) => percent));
  const percents = [...new Set(told)].sort((a, b) => a - b);
  const pointsOf = (implementation: string, design: string) => {
    const entry = entryOf(level.entries, implementation, design);
    return (entry?.percentiles ?? []).map(([percent, ms]) => [percents.indexOf(percent), ms] as const);
  };
  const xAxis = {
    ...axisLooks,
    type: 'category' as const,
    data: percents.map((percent) => `p${percent}`),
    boundaryGap: false,
  };
  const heading = `Percentiles of all rounds together${levels.length > 1 ? `, ${level.title}` : ''}`;
  return lineCharts(workload, { heading, xName: 'percentile', yName: 'ms', xAxis, pointsOf });
}

interface Lines {
  readonly heading: string;
  readonly xName: string;
  readonly yName: string;
  readonly xAxis: ChartOption['xAxis'] & { readonly axisLabel?: object };
  readonly pointsOf: (implementation: string, design: string) => readonly (readonly [x: number, y: number])[];
}

function lineCharts({ title, levels }: WorkloadResult, lines: Lines): Group | undefined {
  const { heading, xName, yName, xAxis, pointsOf } = lines;
  const panels = implementationsIn(levels).map((implementation) => ({
    implementation,
    series: designsIn(levels)
      .map((design) => ({ design, points: pointsOf(implementation, design) }))
      .filter(({ points }) => points.length > 0),
  }));
  const values = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([, y]) => y)));
  if (values.length === 0) return undefined;
  const yAxis = {
    ...valueAxis(values),
    name: yName,
    nameGap: 12,
    nameTextStyle: { ...text, align: 'left', padding: [0, 0, 0, 8 - LEFT] },
  };
  const charts = panels
    .filter(({ series }) => series.length > 0)
    .map(
      ({ implementation, series }): Chart => ({
        title: implementation,
        label: `Line chart, ${title}: ${yName} by ${xName}, ${implementation}; a line each for ${series.map(({ design }) => design).join(', ')}. The table below has the figures.`,
        height: HEIGHT,
        option: {
          legend: legend(series.map(({ design }) => design)),
          grid: { left: LEFT, right: 22, top: 58, bottom: 50 },
          xAxis: { ...xAxis, name: xName, nameLocation: 'middle', nameGap: 30 } as ChartOption['xAxis'],
          yAxis: yAxis as ChartOption['yAxis'],
          series: series.map(({ design, points }) => ({
            type: 'line',
            name: design,
            data: points.map((point) => [...point]),
            symbol: looks[design].marker,
            symbolSize: looks[design].markerSize,
            color: looks[design].colour,
            lineStyle: { type: looks[design].line, width: 2.2 },
            clip: false,
            silent: true,
          })),
        },
      }),
    );
  return { heading, charts };
}

function legend(data: string[]): ChartOption['legend'] {
  return {
    data,
    top: 0,
    left: 'center',
    backgroundColor: ink.paper,
    borderColor: ink.paper,
    itemWidth: 34,
    itemGap: 14,
    selectedMode: false,
    textStyle: text,
  };
}
