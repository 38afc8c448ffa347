import type { Design } from './implementation.ts';
import type { Tally } from './samples.ts';

/** The version of {@link ComparisonDocument}: raised when a reader of the old form would misread the new one. */
export const DOCUMENT_VERSION = 1;

/**
 * Everything that a comparison leaves, and all that its renderings are made from: what was measured, what it says, and
 * under which conditions. It is plain JSON; `docs/comparison.schema.json` describes it. Times are in ms, sizes in bytes.
 */
export interface ComparisonDocument {
  readonly format: 'fib-worker comparison';
  readonly version: typeof DOCUMENT_VERSION;
  /** When it began, as in `2026-11-21T08:00:00.000Z`. */
  readonly began: string;
  /** How long all of it took, in ms. */
  readonly took: number;
  /** What ended it early; absent if nothing did. */
  readonly cutShort?: string;
  /** The broker in short, for headings: `RabbitMQ 4.3.6`, `RabbitMQ 4.3.6, 3 nodes`. */
  readonly broker: string;
  /** The design that the others' ratios are to. */
  readonly baseline: Design;
  readonly implementations: readonly { readonly name: string; readonly detail: string }[];
  readonly workloads: readonly WorkloadResult[];
  /** Absent if the wire was not looked at. */
  readonly wire?: WireResult;
  /** How to read the figures: name and value. */
  readonly reading: readonly NamedLine[];
  /** Under what conditions it ran: name and value. */
  readonly conditions: readonly NamedLine[];
}

/** A name and what there is to say of it. */
export type NamedLine = readonly [name: string, value: string];

/** What can be measured in a turn, with its heading, its unit, and what is better. */
export const figures = {
  rate: { title: 'calls/s', unit: 'calls/s', better: 'more' },
  p50: { title: 'p50 ms', unit: 'ms', better: 'less' },
  p90: { title: 'p90 ms', unit: 'ms', better: 'less' },
  p99: { title: 'p99 ms', unit: 'ms', better: 'less' },
  /** Until so many new clients have their first answers, over their number: several connect at a time. */
  setUp: { title: 'set-up ms', unit: 'ms', better: 'less' },
  /** From the end of the blockade until the last reply. */
  recovery: { title: 'recovery ms', unit: 'ms', better: 'less' },
  /** The most that the broker's memory grew by, everything that Erlang allocated. */
  peakMemory: { title: 'peak MB', unit: 'bytes', better: 'less' },
} as const satisfies Record<string, { title: string; unit: 'calls/s' | 'ms' | 'bytes'; better: 'less' | 'more' }>;

/** The name of a figure. */
export type FigureName = keyof typeof figures;

/** One workload, at each of its levels. */
export interface WorkloadResult {
  /** As `--only` takes it. */
  readonly name: string;
  readonly title: string;
  /** What the title leaves out. */
  readonly detail: string;
  /** The figure that decides. */
  readonly headline: FigureName;
  /** The figures worth a column, the headline among them. */
  readonly columns: readonly FigureName[];
  /** What its levels count: `calls in flight`; empty if it has one level only. */
  readonly levelUnit: string;
  readonly levels: readonly LevelResult[];
  /** Who wins by how much, or that nobody does. */
  readonly sentences: readonly string[];
}

/** A workload at one level. */
export interface LevelResult {
  readonly level: number;
  /** The level in short, for axes and lists: `64`, `16 KiB`. */
  readonly label: string;
  /** As in `64 in flight`. */
  readonly title: string;
  /** How many rounds have every entry. */
  readonly rounds: number;
  readonly entries: readonly Entry[];
}

/** One implementation with one design, at one level of one workload. */
export interface Entry {
  readonly implementation: string;
  readonly design: Design;
  /** Absent where no call was answered, or where the workload does not measure it. */
  readonly figures: Readonly<Partial<Record<FigureName, Estimate>>>;
  /** Percentiles of all its calls of all rounds together, in ms: `[50, 0.41]`, ascending. Empty where they are not told. */
  readonly percentiles: readonly (readonly [percent: number, ms: number])[];
  /** The headline figure over that of the baseline's design of the same implementation; absent for the baseline. */
  readonly toBaseline?: Ratio;
  /** The headline figure over that of the floor's same design; absent for the floor, and if it did not run. */
  readonly toFloor?: Ratio;
  readonly measured: Tally;
  /** Absent if the broker does not tell. */
  readonly broker?: BrokerCost;
}

/** A figure of each round, and their median. */
export interface Estimate {
  readonly median: number;
  readonly rounds: readonly number[];
}

/** A figure over another one of the same round. */
export interface Ratio {
  /** The median of the rounds' ratios. */
  readonly median: number;
  /** Holds the median with `coverage` or more; absent where there are too few rounds for one. */
  readonly interval?: {
    readonly low: number;
    readonly high: number;
    readonly coverage: number;
  };
  readonly rounds: readonly number[];
}

/** What a turn cost the broker: medians over the rounds. Absent where it does not tell. */
export interface BrokerCost {
  /** While the clients were connected, beyond what there was before, in all. */
  readonly connections?: number;
  readonly channels?: number;
  readonly queues?: number;
  /** Erlang processes. */
  readonly processes?: number;
  /** What its Erlang processes hold; socket buffers and message bodies are not in it. */
  readonly memory?: number;
  /** In the whole turn, for each of its calls. */
  readonly connectionsOpened?: number;
  readonly queuesDeclared?: number;
  readonly queuesDeleted?: number;
  /** How many clients were connected. */
  readonly clients: number;
}

/** What goes over the client's connection, counted and not timed. */
export interface WireResult {
  readonly title: string;
  readonly detail: string;
  readonly entries: readonly WireEntry[];
  readonly sentences: readonly string[];
}

/** The wire cost of one implementation with one design. */
export interface WireEntry {
  readonly implementation: string;
  readonly design: Design;
  /** Connecting and whatever the design needs before its first call. */
  readonly setUp: WireCost;
  /** One call on a connection that is set up. */
  readonly call: WireCost;
  /** Disconnecting in order. */
  readonly teardown: WireCost;
}

/** Frames and bytes both ways, and how often the client waits for the broker. */
export interface WireCost {
  readonly framesOut: number;
  readonly framesIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Network round trips: that for the TCP connection is one of them. */
  readonly roundTrips: number;
}
