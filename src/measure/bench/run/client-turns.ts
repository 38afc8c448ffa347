import { setTimeout as delay } from 'node:timers/promises';
import { ask, SMALL, taskOf } from '../../attempt.ts';
import type { Caller, Design, Implementation, Target } from '../../implementation.ts';
import { failed } from '../../samples.ts';
import { percentile } from '../../statistics.ts';
import { processorTime, type Usage, usage } from '../../usage.ts';
import { closedLoop } from '../../workloads/closed-loop.ts';

/** How many clients connect at a time. */
const CONNECTING = 20;

/** Calls that wait when the measuring of waiting calls begins: what is made once is made by then. */
const FIRST_WAITING = 500;

/** How long what was asked for may take to be sent, in ms. */
const SENDING = 1_500;

/** Which callers: so many on one queue, connected before the turn and left connected. */
export interface Callers {
  readonly queue: string;
  readonly clients: number;
}

/** A turn of a closed loop. */
export interface TurnRequest extends Callers {
  /** Calls in flight, spread over the clients. */
  readonly inFlight: number;
  /** Bytes of each reply; absent: the six of fib(30). */
  readonly bytes?: number;
  /** How long it measures, in ms; a number of calls instead, where there is one. */
  readonly length: { readonly time: number; readonly calls: number | undefined };
}

/** What came of it. */
export interface TurnResult {
  /** Calls a second. */
  readonly rate: number;
  /** In ms. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time of this process, in µs a call, all calls of the turn counted. */
  readonly cpu: number;
  /** All of them, those before and after the measuring too. */
  readonly calls: number;
  /** How many were not answered right, and why the first was not. */
  readonly failed: number;
  readonly firstFailure?: string;
}

/** What a client process can be asked. */
export type ClientAnswers = {
  readonly turn: (turn: TurnRequest) => Promise<TurnResult>;
  /** Disconnects them. */
  readonly release: (callers: Callers) => Promise<void>;
  /** Bytes of the heap that each of so many calls takes while it waits for its reply; on a queue that nobody consumes. */
  readonly waiting: (calls: { readonly queue: string; readonly calls: number }) => Promise<number>;
  /**
   * Asks for something that takes `slow` ms, and at once for something quick so many times. Resolves to the share of the
   * quick ones, in percent, that were answered after the slow one.
   */
  readonly beside: (calls: {
    readonly queue: string;
    readonly slow: number;
    readonly quick: number;
  }) => Promise<number>;
  readonly usage: (options: { readonly collect: boolean }) => Usage;
};

/** The client's side of a turn: callers of one implementation, in a process of their own. */
export function clientTurns(
  implementation: Implementation,
  design: Design,
  target: Omit<Target, 'queue'>,
): ClientAnswers {
  const connected = new Map<string, readonly Caller[]>();
  const key = ({ queue, clients }: Callers) => `${clients} on ${queue}`;
  const { signal } = new AbortController(); // who has had enough ends the process
  const open = (queue: string) => implementation.open(design, { ...target, queue });

  async function callersOf(which: Callers): Promise<readonly Caller[]> {
    const known = connected.get(key(which));
    if (known) return known;
    const callers: Caller[] = [];
    const connect = async () => {
      while (callers.length < which.clients) {
        const caller = open(which.queue);
        callers.push(caller);
        await ask(caller, SMALL);
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, connect));
    connected.set(key(which), callers);
    return callers;
  }

  return {
    async turn(request) {
      const { inFlight, bytes, length } = request;
      const callers = await callersOf(request);
      const task = bytes === undefined ? SMALL : taskOf(bytes);
      let next = 0;
      const call = () => ask(callers[next++ % callers.length] as Caller, task);
      const before = processorTime();
      const loop = { inFlight, warmUp: 10 + inFlight, call, close: async () => 0, clients: callers.length };
      const { latencies, elapsed, measured, unmeasured } = await closedLoop(loop, {
        length,
        signal,
        connected: async () => {},
      });
      const used = processorTime() - before; // before anything is made of what was measured
      const calls = measured.calls + unmeasured.calls;
      const firstFailure = unmeasured.firstFailure ?? measured.firstFailure;
      return {
        rate: (measured.right / elapsed) * 1_000,
        p50: percentile(latencies, 50),
        p99: percentile(latencies, 99),
        cpu: used / calls,
        calls,
        failed: failed(measured) + failed(unmeasured),
        ...(firstFailure === undefined ? {} : { firstFailure }),
      };
    },

    async release(which) {
      const callers = connected.get(key(which)) ?? [];
      connected.delete(key(which));
      await Promise.all(callers.map((caller) => caller.close()));
    },

    async waiting({ queue, calls }) {
      const caller = open(queue);
      const begin = async (count: number) => {
        for (let i = 0; i < count; i++) caller.call(SMALL.request).catch(() => {});
        await delay(SENDING);
        return usage({ collect: true }).heap;
      };
      const before = await begin(FIRST_WAITING);
      const after = await begin(calls);
      await caller.close();
      return (after - before) / calls;
    },

    async beside({ queue, slow, quick }) {
      const [caller] = (await callersOf({ queue, clients: 1 })) as [Caller];
      let isBusy = true;
      const busy = ask(caller, { request: `busy:${slow}`, expected: Buffer.from('done') }).then(() => {
        isBusy = false;
      });
      let held = 0;
      const quickOne = async () => {
        await ask(caller, SMALL);
        if (!isBusy) held++;
      };
      await Promise.all([busy, ...Array.from({ length: quick }, quickOne)]);
      return (held / quick) * 100;
    },

    usage,
  };
}
