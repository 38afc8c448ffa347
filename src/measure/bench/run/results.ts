import type { Ratio } from '../../document.ts';

/** What is measured, with its heading. How its ratios are shown: with an interval, without, or not at all. */
export const benchFigures = {
  /** Calls a second. */
  rate: { title: 'calls/s', ratio: 'interval' },
  p50: { title: 'p50 ms', ratio: 'interval' },
  p99: { title: 'p99 ms', ratio: 'alone' },
  /** Processor time of the client's process and of the worker's, and their sum: µs a call. */
  clientCpu: { title: 'client µs', ratio: 'alone' },
  workerCpu: { title: 'worker µs', ratio: 'alone' },
  cpu: { title: 'both µs', ratio: 'interval' },
  /** How long a process took, in ms. */
  time: { title: 'ms', ratio: 'interval' },
  /** Memory that a process occupies, and its JavaScript heap with its Buffers after a collection, in MB. */
  rss: { title: 'RSS MB', ratio: 'interval' },
  heap: { title: 'heap MB', ratio: 'interval' },
  /** Bytes of heap for each call that waits. */
  waiting: { title: 'bytes', ratio: 'interval' },
  roundTrips: { title: 'round trips', ratio: 'alone' },
  /** The share of quick calls that were answered after a slow one that they had nothing to do with, in percent. */
  held: { title: 'held up %', ratio: 'none' },
} as const satisfies Record<string, { title: string; ratio: 'interval' | 'alone' | 'none' }>;

/** The name of a figure. */
export type FigureName = keyof typeof benchFigures;

/** Who is measured: an implementation's name, or `node`, a process that does nothing. */
export type Contender = string;

/** What one contender did at one row of one section in one round. */
export interface Sample {
  readonly section: string;
  /** What was asked of it: `50 in flight, prefetch 100`. */
  readonly row: string;
  readonly contender: Contender;
  /** From 1. */
  readonly round: number;
  readonly values: Readonly<Partial<Record<FigureName, number>>>;
  /** Calls that were not answered right, and why the first was not. */
  readonly failed?: number;
  readonly firstFailure?: string;
}

/** A figure of every round. */
export interface FigureResult {
  readonly median: number;
  readonly rounds: readonly number[];
  /** Over the floor's of the same round; absent for the floor, and where it was not measured. */
  readonly toFloor?: Ratio;
  /** Over its own at the section's first row of the same round; absent there. */
  readonly toFirst?: Ratio;
}

/** One contender at one row. */
export interface EntryResult {
  readonly contender: Contender;
  readonly figures: Readonly<Partial<Record<FigureName, FigureResult>>>;
  readonly failed: number;
  readonly firstFailure?: string;
}

/** One row of a section. */
export interface RowResult {
  readonly row: string;
  readonly entries: readonly EntryResult[];
}

/** A section as it was measured. */
export interface SectionResult {
  /** As `--only` takes it. */
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  /** The figures that the tables show, in their order. */
  readonly columns: readonly FigureName[];
  readonly rows: readonly RowResult[];
}

/** What a goal came to. `unsure`: the interval holds the target. */
export interface GoalResult {
  readonly goal: string;
  readonly bound: 'at least' | 'at most' | 'more than' | 'less than';
  readonly target: number;
  readonly verdict: 'reached' | 'missed' | 'not measured';
  /** Of the figure over what it is measured against; absent if it was not measured. */
  readonly ratio?: Ratio;
  /** Whether the ratio's interval leaves the target out. */
  readonly sure: boolean;
}

/** The version of {@link BenchDocument}: raised when a reader of the old form would misread the new one. */
export const BENCH_VERSION = 1;

/** All that `npm run bench` leaves: plain JSON. Units are those of {@link benchFigures}. */
export interface BenchDocument {
  readonly format: 'fib-worker bench';
  readonly version: typeof BENCH_VERSION;
  /** When it began, as in `2026-11-21T08:00:00.000Z`, and how long it took, in ms. */
  readonly began: string;
  readonly took: number;
  /** What ended it early; absent if nothing did. */
  readonly cutShort?: string;
  readonly broker: string;
  readonly sections: readonly SectionResult[];
  readonly goals: readonly GoalResult[];
  /** Under what conditions it ran: name and value. */
  readonly conditions: readonly (readonly [name: string, value: string])[];
}
