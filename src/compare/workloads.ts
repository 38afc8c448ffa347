import { REQUEST } from './attempt.ts';
import type { Caller } from './caller.ts';
import type { Measurement } from './samples.ts';
import { runTurn, type TurnLength } from './turn.ts';

/** What one turn of a workload is given. */
export interface Turn {
  /** Makes a caller of the design whose turn it is. */
  readonly open: () => Caller;
  readonly length: TurnLength;
  /** Gives the turn up: it rejects with the signal's reason, disconnected. */
  readonly signal: AbortSignal;
}

/** The figure that decides a workload: time (the p50 of a turn, less is better) or calls/s (more is better). */
export type Headline = 'time' | 'rate';

/** A way of calling, the same for every design. */
export interface Workload {
  /** For the table: a phrase. */
  readonly title: string;
  readonly headline: Headline;
  /** What the title leaves out, for people. */
  readonly detail: string;
  run(turn: Turn): Promise<Measurement>;
}

/** The workloads by the name that `--only` takes. */
export const workloads = {
  single: {
    title: 'one call at a time',
    headline: 'time',
    detail: 'one connection a turn, its set-up not measured',
    run: (turn) => steady(turn, { inFlight: 1, warmUp: 10 }),
  },
  concurrent: {
    title: '50 calls in flight',
    headline: 'rate',
    detail: 'one connection a turn, its set-up not measured',
    run: (turn) => steady(turn, { inFlight: 50, warmUp: 100 }),
  },
  churn: {
    title: 'connect, call, disconnect',
    headline: 'time',
    detail: 'a call is a whole life: connect, log in, set up, call, tidy up, disconnect; one life after another',
    run: churn,
  },
} satisfies Record<string, Workload>;

/** The name of a workload. */
export type WorkloadName = keyof typeof workloads;

/** Calls over one connection. */
function steady(turn: Turn, loop: { readonly inFlight: number; readonly warmUp: number }): Promise<Measurement> {
  const caller = turn.open();
  const call = () => caller.call(REQUEST, turn.signal);
  const close = async () => {
    await caller.close();
    return caller.discarded();
  };
  return runTurn({ ...loop, call, close }, turn.length, turn.signal);
}

/** A life after another: connect, call once, disconnect. */
function churn(turn: Turn): Promise<Measurement> {
  let discarded = 0;
  const call = async () => {
    const caller = turn.open();
    try {
      return await caller.call(REQUEST, turn.signal);
    } finally {
      await caller.close();
      discarded += caller.discarded();
    }
  };
  return runTurn({ inFlight: 1, warmUp: 2, call, close: async () => discarded }, turn.length, turn.signal);
}
