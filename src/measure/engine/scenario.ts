import type { Contender, FigureName } from '../document/document.ts';
import type { Tally } from './attempt.ts';
import type { ClientTask } from './client-side.ts';
import type { TurnLength } from './closed-loop.ts';

/** The measurement of a turn. */
export interface Measurement {
  /** Of each measured call that was answered right, or of each life, in ms. */
  readonly latencies: readonly number[];
  /** How long was measured, in ms; NaN where a rate would say nothing. */
  readonly elapsed: number;
  readonly figures: Readonly<Partial<Record<FigureName, number>>>;
  readonly measured: Tally;
  readonly discarded: number;
  /** Counts of what the broker held for all clients together, and the number of clients, if it tells. */
  readonly held?: { readonly clients: number; readonly of: Readonly<Record<string, number>> };
}

/** A turn's means: what a scenario may ask for. */
export interface Turn {
  readonly contender: Contender;
  /** Lets the contender's client process do this, with its worker on a queue of its own. */
  clients(task: ClientTask, options?: TurnOptions): Promise<Measurement>;
  /** From exec until the contender's program has called, printed the answer and ended, in ms. */
  timeToAnswer(): Promise<number>;
  /** From exec until the contender's worker says that it consumes, in ms, and what it occupies a second later, in bytes. */
  timeToConsume(): Promise<{ readonly took: number; readonly rss: number | undefined }>;
  /** The cost of the contender's client program for ten times as many calls, over that for the fewer. */
  programGrowth(growth: ProgramGrowth): Promise<number>;
}

/** A cost of the contender's client program, of which the ratio for ten times as many calls is looked at. */
export interface ProgramGrowth {
  /** The fewer calls. */
  readonly calls: number;
  /** How many are in flight at most, of this many. */
  readonly inFlight: (calls: number) => number;
  /** Processor time until the last answer was read, or the most memory where nobody reads any. */
  readonly of: 'cpu' | 'unread';
}

/** How clients are to have their turn. */
export interface TurnOptions {
  /** The worker's; default: what the run was told. */
  readonly prefetch?: number;
  /** Workers that share the queue; default 1. */
  readonly workers?: number;
  /** Whether clients and worker talk to the broker by TLS. */
  readonly tls?: boolean;
  /** Whether nobody serves the queue; the client is then a process that has done nothing else. */
  readonly unserved?: boolean;
  /** Whether the broker's memory is watched. */
  readonly memory?: boolean;
  readonly length?: Partial<TurnLength>;
}

/** Something that is measured, at each of its levels, with each contender. */
export interface Scenario {
  /** As `--only` takes it. */
  readonly name: string;
  /** For the tables: a phrase. */
  readonly title: string;
  /** Details that the title leaves out. */
  readonly detail: string;
  /** The unit of the levels; empty if there is only one. */
  readonly unit: string;
  readonly levels: readonly number[];
  /** A level, for people. */
  readonly levelTitle: (level: number) => string;
  /** A level in short. Default: its number. */
  readonly levelLabel?: (level: number) => string;
  /** The figure that is compared. */
  readonly headline: FigureName;
  readonly figures: readonly FigureName[];
  /** Whether a contender takes part at a level. Default: each does. */
  readonly contenders?: (contender: Contender, level: number) => boolean;
  /** Rounds at this level at most. Default: all. */
  readonly rounds?: (level: number) => number;
  run(turn: Turn, level: number): Promise<Measurement>;
}

/** A level that can't be reached here: a limit of the machine or the broker. The scenario ends below it. */
export class LevelOutOfReach extends Error {}
