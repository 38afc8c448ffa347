import { type Entry, type FigureName, figures } from './document.ts';
import { type Design, designs } from './implementation.ts';
import type { Contender } from './samples.ts';

/** What has entries of several contenders: a level, or the wire's result. */
interface WithEntries {
  readonly entries: readonly Contender[];
}

/** The implementations that have an entry, in the order of their first. */
export function implementationsIn(levels: readonly WithEntries[]): string[] {
  return [...new Set(levels.flatMap(({ entries }) => entries.map(({ implementation }) => implementation)))];
}

/** The designs that have an entry, of this implementation or of any, in the order of the tables. */
export function designsIn(levels: readonly WithEntries[], implementation?: string): Design[] {
  const entries = levels.flatMap((level) => level.entries);
  const own = entries.filter((entry) => implementation === undefined || entry.implementation === implementation);
  const found = new Set(own.map(({ design }) => design));
  return designs.filter((design) => found.has(design));
}

/** The entry of an implementation with a design; undefined if there is none. */
export function entryOf<T extends Contender>(
  entries: readonly T[],
  implementation: string,
  design: string,
): T | undefined {
  return entries.find((entry) => entry.implementation === implementation && entry.design === design);
}

/** A figure in the unit of its heading: `peak MB` in MB. Undefined where it was not measured. */
export function shownFigure(entry: Pick<Entry, 'figures'>, name: FigureName): number | undefined {
  const value = entry.figures[name]?.median;
  return value !== undefined && figures[name].unit === 'bytes' ? value / 1e6 : value;
}
