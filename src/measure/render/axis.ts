import type { LevelResult } from '../document.ts';
import { type ChartOption, FONT_SIZE } from './chart.ts';
import { ink } from './palette.ts';

/** An axis along which values lie. */
type Axis = Extract<NonNullable<ChartOption['xAxis']>, { type?: 'log' | undefined }> &
  Extract<NonNullable<ChartOption['yAxis']>, { type?: 'log' | undefined }>;

/** From so many times the smallest value on, an axis is logarithmic. */
const WIDE = 10;
/** More marks than these are too many for a small chart. */
const MOST_TICKS = 8;
/** As above, where their labels stand side by side. */
const MOST_ABREAST = 5;

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
  return axisWith(log ? logScale(min, max) : linearScale(max), log, short);
}

/** An axis for ratios: logarithmic, 1 is on it. */
export function ratioAxis(values: readonly number[]): Axis {
  const scale = logScale(Math.min(0.5, ...values), Math.max(2, ...values), MOST_ABREAST);
  return axisWith(scale, true, (value) => `${short(value)} ×`);
}

/** An axis with exactly these levels on it, ascending. */
export function levelAxis(levels: readonly Pick<LevelResult, 'level' | 'label'>[]): Axis {
  const values = levels.map(({ level }) => level);
  const [min = 0, max = 0] = [values[0], values.at(-1)];
  const labels = new Map(levels.map(({ level, label }) => [exact(level), label]));
  return axisWith(scaleOf(values), min > 0 && max / min >= WIDE, (value) => labels.get(value) ?? '');
}

interface Scale {
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly ticks: readonly number[];
}

function axisWith({ min, max, ticks }: Scale, log: boolean, label: (value: number) => string): Axis {
  const customValues = [...ticks];
  return {
    type: log ? 'log' : 'value',
    min,
    max,
    ...axisLooks,
    axisLabel: { ...axisLooks.axisLabel, customValues, formatter: (value: number) => label(exact(value)) },
    axisTick: { show: true, customValues, lineStyle: { color: ink.axis } },
    splitLine: { ...axisLooks.splitLine, customValues },
  } as Axis;
}

/** From and to one of 1, 2, 5, 10, …, with all of them for ticks, or only each tenfold where they would be many. */
function logScale(min: number, max: number, most = MOST_TICKS): Scale {
  const decades = range(Math.floor(Math.log10(min)), Math.ceil(Math.log10(max)));
  const all = decades.flatMap((decade) => [1, 2, 5].map((step) => exact(step * 10 ** decade)));
  const first = all.findLastIndex((tick) => tick <= min);
  const last = all.findIndex((tick) => tick >= max);
  const fine = scaleOf(all.slice(first, last + 1));
  if (fine.ticks.length <= most) return fine;
  return { ...fine, ticks: fine.ticks.filter((tick) => Number.isInteger(exact(Math.log10(tick)))) };
}

/** 0, then steps of 1, 2 or 5 times a power of ten. */
function linearScale(max: number): Scale {
  if (!(max > 0)) return scaleOf([0, 1]);
  const rough = max / (MOST_TICKS - 2);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return scaleOf(range(0, Math.ceil(exact(max / step))).map((index) => exact(index * step)));
}

function scaleOf(ticks: readonly number[]): Scale {
  return { min: ticks[0], max: ticks.at(-1), ticks };
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
