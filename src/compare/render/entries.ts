import { type Entry, type FigureName, figures, type LevelResult } from '../document.ts';
import { type Design, designs } from '../implementation.ts';
import type { Chart } from './chart.ts';

/** Charts that belong together, and that are shown side by side. */
export interface Group {
  readonly heading: string;
  readonly charts: readonly Chart[];
}

/** The implementations that have an entry, in the order of their first. */
export function implementationsIn(levels: readonly Pick<LevelResult, 'entries'>[]): string[] {
  return [...new Set(levels.flatMap(({ entries }) => entries.map(({ implementation }) => implementation)))];
}

/** The designs that have an entry, in the order of the tables. */
export function designsIn(levels: readonly Pick<LevelResult, 'entries'>[]): Design[] {
  const found = new Set(levels.flatMap(({ entries }) => entries.map(({ design }) => design)));
  return designs.filter((design) => found.has(design));
}

/** A figure in the unit of its heading: `peak MB` in MB. Undefined where it was not measured. */
export function shownFigure(entry: Pick<Entry, 'figures'>, name: FigureName): number | undefined {
  const value = entry.figures[name]?.median;
  return value !== undefined && figures[name].unit === 'bytes' ? value / 1e6 : value;
}
