/** A row of cells, or a heading across the table. */
export type Row = readonly string[] | string;

/** Lays rows out in columns: the first flush left, the others flush right, two spaces between, no trailing spaces. */
export function textTable(rows: readonly Row[]): string {
  const cells = rows.filter((row): row is readonly string[] => typeof row !== 'string');
  const widths = cells.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return rows.map((row) => `${(typeof row === 'string' ? row : line(row)).trimEnd()}\n`).join('');
}

/**
 * A number for people: three significant digits, but whole from 100 up, with thousands set apart, and below 1 two
 * decimals, below 0.1 three; – for NaN.
 */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 99.95) return count(Math.round(value));
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.0995 || size === 0 ? 2 : 3);
}

/** A whole number with its thousands set apart: `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A number of bytes for people: `16 B`, `32 KiB`, `1 MiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB'] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}

/** Names and what there is to say of each, a line each, indented, the second column flush left. */
export function listing(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('');
}

/** Items in a sentence: `a, b and c`. */
export function and(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** From here to there, in figures: `0.98 to 1.02`. */
export function range({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${figure(low)} to ${figure(high)}`;
}
