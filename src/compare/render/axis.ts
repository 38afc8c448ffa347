import type { ChartOption } from './chart.ts';
import { FONT_SIZE } from './chart.ts';
import { ink } from './palette.ts';

/** An axis along which values lie. */
type Axis = Extract<NonNullable<ChartOption['xAxis']>, { type?: 'log' | undefined }> &
  Extract<NonNullable<ChartOption['yAxis']>, { type?: 'log' | undefined }>;

/** From so many times the smallest value on, an axis is logarithmic. */
const WIDE = 10;
/** More marks than these are too many for a small chart. */
const MOST_TICKS = 7;

const text = { color: ink.text, fontSize: FONT_SIZE };
/** The looks of every axis. */
export const axisLooks = {
  axisLabel: text,
  nameTextStyle: text,
  axisLine: { show: true, lineStyle: { color: ink.axis } },
  splitLine: { show: true, lineStyle: { color: ink.grid } },
} as const;

/** An axis that holds all values: logarithmic if they span a decade or more, else from zero. */
export function valueAxis(values: readonly number[]): Axis {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const log = min > 0 && max / min >= WIDE;
  return axisWith(log ? logTicks(min, max) : linearTicks(max), log, short);
}

/** An axis for ratios: logarithmic, 1 is on it. */
export function ratioAxis(values: readonly number[]): Axis {
  const ticks = logTicks(Math.min(0.5, ...values), Math.max(2, ...values));
  return axisWith(ticks, true, (value) => `${short(value)} ×`);
}

/** An axis with exactly these values on it, ascending. */
export function levelAxis(levels: readonly number[], label: (level: number) => string): Axis {
  const [min = 0, max = 0] = [levels[0], levels.at(-1)];
  return axisWith(levels, min > 0 && max / min >= WIDE, label);
}

function axisWith(ticks: readonly number[], log: boolean, label: (value: number) => string): Axis {
  const customValues = [...ticks];
  return {
    type: log ? 'log' : 'value',
    min: customValues[0],
    max: customValues.at(-1),
    ...axisLooks,
    axisLabel: { ...axisLooks.axisLabel, customValues, formatter: (value: number) => label(exact(value)) },
    axisTick: { show: true, customValues, lineStyle: { color: ink.axis } },
    splitLine: { ...axisLooks.splitLine, customValues },
  } as Axis;
}

/** 1, 2, 5, 10, … around the values; only some of these where they would be many. */
function logTicks(min: number, max: number): number[] {
  const decades = range(Math.floor(Math.log10(min)), Math.ceil(Math.log10(max)));
  const within = (steps: readonly number[]) => {
    const all = decades.flatMap((decade) => steps.map((step) => exact(step * 10 ** decade)));
    const first = all.findLastIndex((tick) => tick <= min);
    const last = all.findIndex((tick) => tick >= max);
    return all.slice(Math.max(first, 0), last + 1);
  };
  const fine = within([1, 2, 5]);
  return fine.length <= MOST_TICKS ? fine : within([1]);
}

/** 0, then steps of 1, 2 or 5 times a power of ten. */
function linearTicks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / (MOST_TICKS - 2);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return range(0, Math.ceil(exact(max / step))).map((index) => exact(index * step));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Without the traces of binary arithmetic. */
function exact(value: number): number {
  return Number(value.toPrecision(9));
}

/** A mark's value in short: `0.2`, `1,000`, `20k`. */
function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 10_000 ? `${value / 1_000}k` : value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
