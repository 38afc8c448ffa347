import type { Caller } from './implementation.ts';

/** How long a turn measures. */
export interface TurnLength {
  /** In ms. */
  readonly time: number;
  /** A number of calls instead. */
  readonly calls: number | undefined;
}

/** What one turn of a workload is given. */
export interface Turn {
  /** Makes a caller of the design whose turn it is. */
  readonly open: () => Caller;
  readonly length: TurnLength;
  /** To be called when all that will be measured is, and so many clients are still connected: the broker is looked at. */
  readonly connected: (clients: number) => Promise<void>;
  /** Watches how much memory the broker takes, from now until the result is asked for; undefined if it does not tell. */
  readonly watchMemory: () => Promise<MemoryWatch | undefined>;
  /** Gives the turn up: it rejects with the signal's reason, disconnected. */
  readonly signal: AbortSignal;
}

/** Watches the broker's memory, from outside this process: its event loop may be blocked meanwhile. */
export interface MemoryWatch {
  /** Ends it; resolves to how many bytes it rose at most above the least that was seen before. */
  stop(): Promise<number | undefined>;
}
