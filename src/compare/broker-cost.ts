import type { BrokerCost } from './document.ts';

/** What a broker tells of itself at one moment. A figure is undefined where it does not tell. */
export interface Gauges {
  readonly connections: number | undefined;
  readonly channels: number | undefined;
  readonly queues: number | undefined;
  /** Erlang processes. */
  readonly processes: number | undefined;
  /** In bytes. */
  readonly memory: number | undefined;
  /** Since the broker's start, as the two below. */
  readonly connectionsOpened: number | undefined;
  readonly queuesDeclared: number | undefined;
  readonly queuesDeleted: number | undefined;
}

/** Reads the broker's figures; undefined if it did not answer. */
export type BrokerReader = () => Promise<Gauges | undefined>;

const held = ['connections', 'channels', 'queues', 'processes', 'memory'] as const;
const done = ['connectionsOpened', 'queuesDeclared', 'queuesDeleted'] as const;

/** What a turn cost: what was held while its clients were connected, and what was done for each of its calls. */
export function brokerCost(
  { before, during, after }: { readonly before: Gauges; readonly during: Gauges; readonly after: Gauges },
  clients: number,
  calls: number,
): BrokerCost {
  const grown = (name: keyof Gauges, until: Gauges) => (until[name] ?? Number.NaN) - (before[name] ?? Number.NaN);
  return Object.fromEntries(
    [
      ['clients', clients] as const,
      ...held.map((name) => [name, grown(name, during)] as const),
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
