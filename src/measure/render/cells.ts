import type { brokerFigures } from '../broker-cost.ts';
import type { BrokerCost, Entry, WireCost } from '../document.ts';
import { count, figure } from '../text-table.ts';

/** The percentile that has a column, beside p99, though it is no figure. */
export const LAST = 99.9;

/** That percentile of all calls of all rounds, in ms; undefined where too few calls lie above it. */
export function lastOf({ percentiles }: Pick<Entry, 'percentiles'>): number | undefined {
  return percentiles.find(([percent]) => percent === LAST)?.[1];
}

/** A broker's figure: memory in MB, counts whole; undefined where it did not tell. */
export function brokerCell(broker: BrokerCost | undefined, name: (typeof brokerFigures)[number]): string | undefined {
  const value = broker?.[name];
  if (value === undefined) return undefined;
  if (name === 'memory') return figure(value / 1e6);
  return Number.isInteger(value) ? count(value) : figure(value);
}

/** What {@link wireCells} are. */
export const wireHeadings = ['round trips', 'frames out', 'frames in', 'bytes out', 'bytes in'] as const;

/** What a phase costs on the wire. */
export function wireCells({ roundTrips, framesOut, framesIn, bytesOut, bytesIn }: WireCost): string[] {
  return [roundTrips, framesOut, framesIn, bytesOut, bytesIn].map(count);
}
