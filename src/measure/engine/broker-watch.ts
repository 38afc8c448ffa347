import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../analysis/statistics.ts';
import type { Sample } from '../document/document.ts';

/** A broker's figures at one moment. A figure is undefined where it does not tell. */
export interface Gauges {
  readonly connections: number | undefined;
  readonly channels: number | undefined;
  /** Erlang processes. */
  readonly processes: number | undefined;
  /** The memory of its Erlang processes, in bytes. */
  readonly processMemory: number | undefined;
  /** All that Erlang holds, in bytes. */
  readonly memory: number | undefined;
  /** Since the broker's start, as those below. */
  readonly queuesCreated: number | undefined;
  readonly queuesDeleted: number | undefined;
  /** Steps that its Erlang processes took. */
  readonly reductions: number | undefined;
}

/** Gauges, and when they were asked for, in ms, and the processor time of the broker until then, in µs. */
export interface Reading extends Gauges {
  readonly at: number;
  readonly cpu: number | undefined;
}

/** How often it is looked whether what a turn's clients held is gone, and how long between, in ms. */
const LOOKS = 10;
const BETWEEN = 20;

/** Readings that tell what a reading itself costs, and how long an idle broker is watched, in ms. */
const READINGS = 7;
const IDLE = 400;

/** Watches a broker from outside: what it holds and what it does. */
export class BrokerWatch {
  readonly #read: () => Promise<Gauges>;
  readonly #cpu: () => number | undefined;
  /** Of one reading. */
  #cost = { reductions: 0, cpu: 0 };
  /** Of a broker that has nothing to do, in a ms. */
  #idle = { reductions: 0, cpu: 0 };

  /**
   * @param read rejects if the broker is too busy to answer
   * @param cpu its processor time until now, in µs; undefined where it is not on this machine
   */
  constructor(read: () => Promise<Gauges>, cpu: () => number | undefined) {
    this.#read = read;
    this.#cpu = cpu;
  }

  /** Finds out what reading costs, on a broker that nobody uses at the moment. */
  async calibrate(): Promise<void> {
    const readings: Reading[] = [];
    for (let i = 0; i < READINGS; i++) readings.push(await this.#must());
    await delay(IDLE);
    const last = readings.at(-1) as Reading;
    const later = await this.#must();
    const steps = (name: 'reductions' | 'cpu') =>
      median(readings.slice(1).map((one, i) => (one[name] ?? 0) - (readings[i]?.[name] ?? 0)));
    const rest = (name: 'reductions' | 'cpu', cost: number) =>
      Math.max(0, (later[name] ?? 0) - (last[name] ?? 0) - cost) / (later.at - last.at);
    this.#cost = { reductions: steps('reductions'), cpu: steps('cpu') };
    this.#idle = {
      reductions: rest('reductions', this.#cost.reductions),
      cpu: rest('cpu', this.#cost.cpu),
    };
  }

  async #must(): Promise<Reading> {
    const at = performance.now();
    const cpu = this.#cpu();
    return { at, cpu, ...(await this.#read()) };
  }

  /** Reads once; undefined if the broker did not answer. */
  async read(): Promise<Reading | undefined> {
    return this.#must().catch(() => undefined);
  }

  /** Reads until no more is held than `before`: a broker tidies up after it has let a client go. */
  async settled(before: Reading | undefined): Promise<Reading | undefined> {
    for (let look = 1; ; look++) {
      const now = await this.read();
      if (!now || !before || look === LOOKS) return now;
      const more = (name: 'connections' | 'channels') => (now[name] ?? 0) > (before[name] ?? 0);
      if (!more('connections') && !more('channels') && !(queuesIn(now) > queuesIn(before))) return now;
      await delay(BETWEEN);
    }
  }

  /** The broker's work between two readings for each of `calls` calls, reading and idling taken off. */
  perCall(before: Reading, after: Reading, calls: number): { readonly work?: number; readonly brokerCpu?: number } {
    const used = (name: 'reductions' | 'cpu') => {
      const grown = (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN);
      return (grown - this.#cost[name] - this.#idle[name] * (after.at - before.at)) / calls;
    };
    const [work, brokerCpu] = [used('reductions'), used('cpu')];
    return { ...(work > 0 ? { work } : {}), ...(brokerCpu > 0 ? { brokerCpu } : {}) };
  }

  /** Watches how far its memory rises above the least that was seen before, in bytes, until the result is asked for. */
  watchMemory(): { stop(): Promise<number | undefined> } {
    let over = false;
    let lowest = Number.POSITIVE_INFINITY;
    let grown: number | undefined;
    const watch = async () => {
      while (!over) {
        const { memory } = (await this.read()) ?? {};
        if (memory !== undefined) {
          lowest = Math.min(lowest, memory);
          grown = Math.max(grown ?? 0, memory - lowest);
        }
        await delay(BETWEEN);
      }
    };
    const watching = watch();
    return {
      async stop() {
        over = true;
        await watching;
        return grown;
      },
    };
  }
}

/** Out of two counters: RabbitMQ's own count of queues goes down up to 5 s late. */
const queuesIn = (gauges: Gauges) => (gauges.queuesCreated ?? Number.NaN) - (gauges.queuesDeleted ?? Number.NaN);

/** Subtracts `before` from what is held in `during`. */
export function heldSince(before: Gauges, during: Gauges): NonNullable<Sample['held']> {
  const grown = (name: 'connections' | 'channels' | 'processes' | 'processMemory') =>
    (during[name] ?? Number.NaN) - (before[name] ?? Number.NaN);
  const held = {
    connections: grown('connections'),
    channels: grown('channels'),
    queues: queuesIn(during) - queuesIn(before),
    processes: grown('processes'),
    memory: grown('processMemory'),
  };
  return Object.fromEntries(Object.entries(held).filter(([, value]) => Number.isFinite(value)));
}
