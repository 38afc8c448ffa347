import type { ComparisonDocument, Entry, NamedLine, Ratio, WireEntry, WorkloadResult } from '../document.ts';
import { place } from '../ratios.ts';
import { figure, range } from '../text-table.ts';
import { placeWords } from './headings.ts';

/** The same in two comparisons. */
export interface Both<T> {
  readonly a: T;
  readonly b: T;
}

/** An implementation with a design at a level, which both have. */
interface Match extends Both<Entry> {
  readonly level: string;
}

/** Implementation and design, in the words of the tables. */
export function contender({ implementation, design }: Entry | WireEntry): string {
  return `${implementation} ${design}`;
}

/** What both have of a workload, in the order of a. */
export function matches({ a, b }: Both<WorkloadResult>): Match[] {
  return a.levels.flatMap(({ level, title, entries }) => {
    const others = b.levels.find((other) => other.level === level)?.entries ?? [];
    return entries.flatMap((entry) => {
      const other = others.find((one) => contender(one) === contender(entry));
      return other ? [{ level: title, a: entry, b: other }] : [];
    });
  });
}

/** A sentence wherever one says better and the other worse, and wherever only one of them shows a difference. */
export function disagreements(pairs: readonly Both<WorkloadResult>[], { a, b }: Both<ComparisonDocument>): string[] {
  if (a.baseline !== b.baseline)
    return [`a compares with ${a.baseline} and b with ${b.baseline}: nothing to set side by side`];
  return pairs.flatMap((pair) => {
    const { title, headline, levels } = pair.a;
    if (pair.b.headline !== headline) return [];
    return matches(pair).flatMap((match) => {
      const [one, other] = [match.a.toBaseline, match.b.toBaseline];
      if (!one || !other) return [];
      const [inA, inB] = [place(one, headline), place(other, headline)];
      if (inA === inB || inA === 'untold' || inB === 'untold') return [];
      const opposite = inA !== 'unclear' && inB !== 'unclear';
      const where = levels.length > 1 ? `${title}, ${match.level}` : title;
      const what = opposite ? 'opposite winners' : 'a difference is shown in one only';
      const told = `${placeWords[inA]} in a (${inShort(one)}), ${placeWords[inB]} in b (${inShort(other)})`;
      return [`${where}, ${contender(match.a)} beside ${a.baseline}: ${what}: ${told}`];
    });
  });
}

function inShort({ median, interval }: Ratio): string {
  return `${figure(median)} ×${interval ? `, ${range(interval)}` : ''}`;
}

/** Implementations with their designs, workloads and levels that only one has, and single figures that it alone has. */
export function onlyInOne({ a, b }: Both<ComparisonDocument>): string[] {
  const missing = (name: string, from: ComparisonDocument, other: ComparisonDocument) => {
    const [own, has] = [partsOf(from), new Set(partsOf(other).map(([part]) => part))];
    const gone = new Set(own.map(([part]) => part).filter((part) => !has.has(part)));
    // what goes without saying is left out: what belongs to something that is missing itself
    return own
      .filter(([part, ...above]) => gone.has(part) && !above.some((one) => gone.has(one)))
      .map(([part]) => `only in ${name}: ${part}`);
  };
  return [...missing('a', a, b), ...missing('b', b, a)];
}

/** What a comparison has, each with what it belongs to. */
function partsOf({ workloads, wire }: ComparisonDocument): (readonly [part: string, ...belongsTo: string[]])[] {
  const entries = [
    ...workloads.flatMap(({ levels }) => levels.flatMap((level) => level.entries)),
    ...(wire?.entries ?? []),
  ];
  const below = workloads.flatMap(({ title, levels }) =>
    levels.flatMap((level) => {
      const name = levels.length > 1 ? `${title}, ${level.title}` : title;
      const cells = level.entries.map(
        (entry) => [`${name}, ${contender(entry)}`, title, name, contender(entry)] as const,
      );
      return [[name, title] as const, ...cells].filter(([part]) => part !== title);
    }),
  );
  return [
    ...[...new Set(entries.map(contender))].map((name) => [name] as const),
    ...[...workloads.map(({ title }) => title), ...(wire ? [wire.title] : [])].map((title) => [title] as const),
    ...below,
  ];
}

/** Conditions, and what is said on how to read the figures, that are not the same in both. */
export function otherDifferences({ a, b }: Both<ComparisonDocument>): string[] {
  const [linesOfA, linesOfB] = [namedLines(a, b), namedLines(b, a)];
  const names = new Set([...linesOfA.keys(), ...linesOfB.keys()]);
  return [...names].flatMap((name) => {
    const [one, other] = [linesOfA.get(name) ?? 'not said', linesOfB.get(name) ?? 'not said'];
    return one === other ? [] : [`${name}\n    a  ${one}\n    b  ${other}`];
  });
}

function namedLines(
  { conditions, reading, workloads }: ComparisonDocument,
  other: ComparisonDocument,
): ReadonlyMap<string, string> {
  const details = workloads
    .filter(({ name }) => other.workloads.some((workload) => workload.name === name))
    .map(({ title, detail }): NamedLine => [title, detail]);
  return new Map([...conditions, ...reading, ...details]);
}
