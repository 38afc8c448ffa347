import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../analysis/statistics.ts';
import type { Caller, CallerLimits, Design, Implementation, Target } from '../contenders/implementation.ts';
import { ask, attempt, busyTask, Outcomes, SMALL, type Tally, type Task, taskOf } from './attempt.ts';
import { closedLoop, type TurnLength } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';
import { processorTime, usage } from './usage.ts';

/** How many clients connect at a time. */
export const AT_A_TIME = 10;

/** The calls/s of many connected clients together: so few that every design keeps up. */
export const CLIENTS_RATE = 60;

/** How many calls that are, for any number of clients. */
const CLIENTS_CALLS = 30;

/** The share of first calls that may get no reply, as on a cluster whose nodes do not know a new queue yet; more is a limit. */
const LOST = 0.02;

/** How long the requester's event loop stands still in a burst, in ms. */
export const BLOCKED_FOR = 500;

/** Calls that wait when the measuring of waiting calls begins: what is made once is made by then. */
const FIRST_WAITING = 500;

/** A client's limits where it is to have calls that wait for others: the library's own, and a time limit that is no part of it. */
const GROWING: CallerLimits = { inFlight: 1_000, timeout: 600_000 };

/** How often the fewer calls are measured, for a mean: they are soon done, and a collection may or may not fall into each time. */
const FEWER = 5;

/** How long what was asked for may take to be sent, in ms. */
const SENDING = 1_500;

/** The task of a client process in a turn. */
export type ClientTask =
  /** Calls over one connection, `inFlight` at any time; replies of `bytes`, or a worker that is busy for `busy` ms. */
  | { readonly kind: 'loop'; readonly inFlight: number; readonly bytes?: number; readonly busy?: number }
  /** Calls over one connection, sent when they are due. */
  | { readonly kind: 'offered'; readonly rate: number }
  /** Connect, N calls one after the other, disconnect: a life, which is timed as a whole. */
  | { readonly kind: 'lives'; readonly calls: number }
  /** Clients with a connection each: they connect and call once, and then now and then, one after the other. */
  | { readonly kind: 'many'; readonly clients: number }
  /** N calls at once; from the first reply on the event loop stands still. */
  | { readonly kind: 'burst'; readonly calls: number; readonly bytes: number }
  /** N calls that nobody answers. */
  | { readonly kind: 'waiting'; readonly calls: number }
  /** N calls at once, most of which wait for others, and then 10 × N; with one signal for all of them, or none. */
  | { readonly kind: 'growth'; readonly calls: number; readonly oneSignal: boolean };

/** The measurement of a client process. */
export interface ClientResult {
  /** Of each measured call that was answered right, or of each life, in ms. */
  readonly latencies: readonly number[];
  /** How long was measured, in ms; NaN where a rate would say nothing. */
  readonly elapsed: number;
  readonly figures: Readonly<Partial<Record<'reply' | 'close' | 'setUp' | 'recovery' | 'waiting' | 'growth', number>>>;
  readonly measured: Tally;
  /** All calls since `prepare`, or lives, measured or not. */
  readonly calls: number;
  /** Processor time of the process meanwhile, in µs. */
  readonly cpu: number;
  /** How many clients are connected now. */
  readonly connected: number;
  /** Why the level can't be reached here: it was given up. */
  readonly outOfReach?: string;
}

/** The questions to a client process, in this order. */
export interface ClientSide {
  /** Connects and warms up, as far as that is not what is measured. Resolves to why its calls failed, if none was answered right. */
  prepare(turn: {
    readonly task: ClientTask;
    readonly queue: string;
    readonly warmUp: number;
  }): Promise<string | undefined>;
  /** Measures; the clients stay connected. */
  measure(length: TurnLength): Promise<ClientResult>;
  /** Disconnects. Resolves to how many replies nobody waited for. */
  release(): Promise<number>;
}

/** The client's side of turns: callers of one implementation with one design. */
export function clientSide(implementation: Implementation, design: Design, target: Omit<Target, 'queue'>): ClientSide {
  let callers: Caller[] = [];
  let discarded = 0;
  let task: ClientTask | undefined;
  let queue = '';
  const open = (limits?: CallerLimits): Caller => {
    const caller = implementation.open(design, { ...target, queue }, limits);
    callers.push(caller);
    return caller;
  };
  const close = async (caller: Caller) => {
    await caller.close();
    discarded += caller.discarded();
    callers = callers.filter((other) => other !== caller);
  };
  const life = async (calls: number): Promise<{ reply: number; close: number }> => {
    const began = performance.now();
    const caller = open();
    try {
      for (let done = 0; done < calls; done++) await ask(caller, SMALL);
    } catch (error) {
      await close(caller);
      throw error;
    }
    const replied = performance.now();
    await close(caller);
    return { reply: replied - began, close: performance.now() - replied };
  };
  const only = () => callers[0] ?? open();
  let calls = 0;

  return {
    async prepare(turn) {
      ({ task, queue } = turn);
      calls = 0;
      discarded = 0;
      if (task.kind === 'many' || task.kind === 'waiting' || task.kind === 'growth') return undefined;
      const warm = new Outcomes();
      const first = async () => {
        if (task?.kind === 'lives') await life(task.calls);
        else await ask(only(), SMALL);
      };
      const times = task.kind === 'lives' ? 2 : turn.warmUp;
      const lanes = task.kind === 'loop' && task.busy === undefined ? task.inFlight : 1;
      warm.add(await attempt(first));
      const lane = async () => {
        while (warm.calls < times && warm.latencies.length > 0) warm.add(await attempt(first));
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      return warm.latencies.length === 0 ? warm.tally.firstFailure : undefined;
    },

    async measure(length) {
      if (!task) throw new Error('prepare first');
      const before = processorTime();
      const result = await run(task, length);
      return { cpu: processorTime() - before, connected: callers.length, figures: {}, ...result };
    },

    async release() {
      const left = [...callers];
      const lane = async () => {
        for (let caller = left.pop(); caller; caller = left.pop()) await close(caller);
      };
      await Promise.all(Array.from({ length: 4 * AT_A_TIME }, lane));
      return discarded;
    },
  };

  type Result = Omit<ClientResult, 'cpu' | 'connected' | 'figures'> & Partial<Pick<ClientResult, 'figures' | 'cpu'>>;

  async function run(task: ClientTask, length: TurnLength): Promise<Result> {
    switch (task.kind) {
      case 'loop': {
        const caller = only();
        const what: Task =
          task.bytes !== undefined ? taskOf(task.bytes) : task.busy !== undefined ? busyTask(task.busy) : SMALL;
        const { measured, unmeasured, elapsed } = await closedLoop(task.inFlight, length, () => ask(caller, what));
        return resultOf(measured, elapsed, measured.calls + unmeasured.calls);
      }
      case 'lives': {
        const [replies, closes]: [number[], number[]] = [[], []];
        const { measured, unmeasured, elapsed } = await closedLoop(1, length, async () => {
          const took = await life(task.calls);
          replies.push(took.reply);
          closes.push(took.close);
        });
        // the first of the loop is not measured
        const figures = { reply: median(replies.slice(1)), close: median(closes.slice(1)) };
        return { ...resultOf(measured, elapsed, measured.calls + unmeasured.calls), figures };
      }
      case 'offered': {
        const caller = only();
        const measured = new Outcomes();
        const count = length.calls ?? Math.max(1, Math.round((task.rate * length.time) / 1_000));
        const elapsed = await openLoop({ rate: task.rate, calls: count, call: () => ask(caller, SMALL) }, measured);
        return resultOf(measured, elapsed, count);
      }
      case 'many':
        return many(task.clients, length);
      case 'burst':
        return burst(task);
      case 'waiting': {
        const caller = only();
        const begin = async (count: number) => {
          for (let i = 0; i < count; i++) caller.call(SMALL.request).catch(() => {});
          await delay(SENDING);
          return usage({ collect: true }).heap;
        };
        const before = await begin(Math.min(FIRST_WAITING, task.calls));
        const waiting = ((await begin(task.calls)) - before) / task.calls;
        return { ...resultOf(new Outcomes(), Number.NaN, 0), figures: { waiting } };
      }
      case 'growth':
        return growth(task, length.calls ?? task.calls);
    }
  }

  async function many(count: number, length: TurnLength): Promise<Result> {
    const firstCalls = new Outcomes();
    const reachable = () => {
      const { failed, timeouts } = firstCalls.tally;
      return failed === timeouts && timeouts <= count * LOST;
    };
    const connect = async () => {
      while (callers.length < count && reachable()) {
        const caller = open();
        firstCalls.add(await attempt(() => ask(caller, SMALL)));
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: AT_A_TIME }, connect));
    const setUp = (performance.now() - began) / count;
    const measured = new Outcomes();
    if (!reachable()) {
      const why = `of ${count} clients ${firstCalls.latencies.length} connected: ${firstCalls.tally.firstFailure}`;
      return { ...resultOf(measured, Number.NaN, firstCalls.calls), outOfReach: why };
    }
    const total = length.calls ?? CLIENTS_CALLS;
    const call = (i: number) => ask(callers[Math.floor((i * count) / total) % count] as Caller, SMALL);
    const elapsed = await openLoop({ rate: CLIENTS_RATE, calls: total, call }, measured);
    return { ...resultOf(measured, elapsed, count + total), figures: { setUp } };
  }

  async function growth({ oneSignal }: Extract<ClientTask, { kind: 'growth' }>, count: number): Promise<Result> {
    const measured = new Outcomes();
    const costs: number[] = [];
    for (const size of [2 * count, ...Array<number>(FEWER).fill(count), 10 * count]) {
      const caller = open(GROWING);
      await ask(caller, SMALL); // connects
      const signal = oneSignal ? new AbortController().signal : undefined;
      const before = processorTime();
      const underWay = Array.from({ length: size }, () => attempt(() => ask(caller, SMALL, signal)));
      const outcomes = await Promise.all(underWay);
      costs.push(processorTime() - before);
      for (const outcome of outcomes) measured.add(outcome);
      await close(caller);
    }
    const [, ...fewer] = costs; // the first were a warm-up
    const more = fewer.pop() ?? Number.NaN;
    const figures = { growth: more / (fewer.reduce((sum, cost) => sum + cost, 0) / FEWER) };
    return { ...resultOf(measured, Number.NaN, measured.calls), latencies: [], figures };
  }

  async function burst(task: Extract<ClientTask, { kind: 'burst' }>): Promise<Result> {
    const caller = only();
    const measured = new Outcomes();
    const what = taskOf(task.bytes);
    const underWay = Array.from({ length: task.calls }, () => attempt(() => ask(caller, what)));
    await Promise.race(underWay);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_FOR);
    const unblocked = performance.now();
    for (const outcome of await Promise.all(underWay)) measured.add(outcome);
    const recovery = performance.now() - unblocked;
    return { ...resultOf(measured, Number.NaN, task.calls), figures: { recovery } };
  }

  function resultOf(measured: Outcomes, elapsed: number, all: number) {
    calls += all;
    return { latencies: measured.latencies, elapsed, measured: measured.tally, calls };
  }
}
