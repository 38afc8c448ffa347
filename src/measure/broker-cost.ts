import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerCost } from './document.ts';

/** What a broker tells of itself at one moment. A figure is undefined where it does not tell. */
export interface Gauges {
  readonly connections: number | undefined;
  readonly channels: number | undefined;
  /** Erlang processes. */
  readonly processes: number | undefined;
  /** What its Erlang processes hold, in bytes. */
  readonly processMemory: number | undefined;
  /** Since the broker's start, as those below. */
  readonly connectionsOpened: number | undefined;
  readonly queuesDeclared: number | undefined;
  readonly queuesCreated: number | undefined;
  readonly queuesDeleted: number | undefined;
}

/** Reads the broker's figures; undefined if it did not answer. */
export type BrokerReader = () => Promise<Gauges | undefined>;

const held = ['connections', 'channels', 'queues', 'processes', 'memory'] as const;
const done = ['connectionsOpened', 'queuesDeclared', 'queuesDeleted'] as const;

/** Out of two counters: RabbitMQ's own count of queues goes down up to 5 s late. */
const queuesIn = (gauges: Gauges) => (gauges.queuesCreated ?? Number.NaN) - (gauges.queuesDeleted ?? Number.NaN);

/**
 * What a turn cost: what was held while its clients were connected, if any still were, and what was done for each of its
 * calls.
 */
export function brokerCost(
  { before, during, after }: { readonly before: Gauges; readonly during: Gauges; readonly after: Gauges },
  clients: number,
  calls: number,
): BrokerCost {
  const value = (gauges: Gauges, name: (typeof held | typeof done)[number]) =>
    name === 'queues' ? queuesIn(gauges) : (gauges[name === 'memory' ? 'processMemory' : name] ?? Number.NaN);
  const grown = (name: (typeof held | typeof done)[number], until: Gauges) => value(until, name) - value(before, name);
  const whileConnected = clients > 0 ? held : [];
  return Object.fromEntries(
    [
      ['clients', clients] as const,
      ...whileConnected.map((name) => [name, grown(name, during)] as const),
      ...done.map((name) => [name, grown(name, after) / calls] as const),
    ].filter(([, value]) => Number.isFinite(value)),
  ) as unknown as BrokerCost;
}

/** The figures of a {@link BrokerCost}, in the order of tables. */
export const brokerFigures = [...held, ...done] as const;

/** The medians of several turns' costs, figure by figure; undefined of none. */
export function medianCost(
  costs: readonly BrokerCost[],
  median: (values: readonly number[]) => number,
): BrokerCost | undefined {
  const [first] = costs;
  if (!first) return undefined;
  const names = [...brokerFigures, 'clients'] as const;
  return Object.fromEntries(
    names
      .map((name) => [name, median(costs.flatMap((cost) => cost[name] ?? []))] as const)
      .filter(([, value]) => Number.isFinite(value)),
  ) as unknown as BrokerCost;
}

/** How often it is looked whether what a turn's clients held is gone, and how long between, in ms. */
const LOOKS = 10;
const BETWEEN = 20;

/** Reads until no more is held than before the turn: a broker tidies up after it has let a client go. */
export async function readSettled(read: BrokerReader, before: Gauges | undefined): Promise<Gauges | undefined> {
  for (let look = 1; ; look++) {
    const now = await read();
    if (!now || !before || look === LOOKS) return now;
    const more = (name: 'connections' | 'channels') => (now[name] ?? 0) > (before[name] ?? 0);
    if (!more('connections') && !more('channels') && !(queuesIn(now) > queuesIn(before))) return now;
    await delay(BETWEEN);
  }
}
