/**
 * The figures of a broker, over all nodes that were asked; undefined: the endpoint does not tell. The counters (`…Opened`,
 * `…Created` and so on) start at 0 with each node.
 */
export interface BrokerGauges {
  readonly connections: number | undefined;
  readonly channels: number | undefined;
  /** Goes down up to 5 s late; `queuesCreated - queuesDeleted` changes at once. */
  readonly queues: number | undefined;
  readonly connectionsOpened: number | undefined;
  readonly connectionsClosed: number | undefined;
  readonly channelsOpened: number | undefined;
  readonly channelsClosed: number | undefined;
  /** Declarations that succeeded, of queues that were there too; passive ones don't count. */
  readonly queuesDeclared: number | undefined;
  readonly queuesCreated: number | undefined;
  /** Exclusive queues that went with their connection count too. */
  readonly queuesDeleted: number | undefined;
  /** Erlang processes. */
  readonly processes: number | undefined;
  /**
   * The memory that Erlang holds (`erlang:memory(total)`), in bytes. It counts the buffer of each socket in full, untouched as
   * most of it is: 3 MB a connection on 3.10 and 4.0 where the system's socket buffers are large. To compare what clients
   * cost, `processMemory` and `residentMemory` say more.
   */
  readonly memory: number | undefined;
  /** The part of `memory` that is in Erlang's processes, in bytes: of connections, channels and queues, bodies excepted. */
  readonly processMemory: number | undefined;
  /** The memory that the operating system gave the node (RSS), in bytes, up to 5 s ago; freed memory is given back late. */
  readonly residentMemory: number | undefined;
  /** Steps that Erlang's processes took, since the start: work of the broker, native code and waiting for the network left out. */
  readonly reductions: number | undefined;
}

type Gauge = keyof BrokerGauges;

/** The names of the Prometheus plugin, 3.10 to 4.3; those of Erlang were renamed on the way to 4.3. */
const prometheusNames = {
  connections: ['rabbitmq_connections'],
  channels: ['rabbitmq_channels'],
  queues: ['rabbitmq_queues'],
  connectionsOpened: ['rabbitmq_connections_opened_total'],
  connectionsClosed: ['rabbitmq_connections_closed_total'],
  channelsOpened: ['rabbitmq_channels_opened_total'],
  channelsClosed: ['rabbitmq_channels_closed_total'],
  queuesDeclared: ['rabbitmq_queues_declared_total'],
  queuesCreated: ['rabbitmq_queues_created_total'],
  queuesDeleted: ['rabbitmq_queues_deleted_total'],
  processes: ['erlang_vm_process_count', 'erlang_vm_processes'],
  memory: ['erlang_vm_memory_bytes_total', 'erlang_vm_memory_bytes'],
  processMemory: ['erlang_vm_memory_processes_bytes_total', 'erlang_vm_memory_processes_bytes'],
  residentMemory: ['rabbitmq_process_resident_memory_bytes'],
  reductions: ['erlang_vm_statistics_reductions_total'],
} as const satisfies Record<Gauge, readonly string[]>;

const gauges = Object.keys(prometheusNames) as Gauge[];

/**
 * Reads what the Prometheus plugin of one node tells. What comes in parts (memory as `system` and
 * `processes`, that of processes as `used` and `free`) is added up.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @throws an Error if these are not the metrics of a RabbitMQ
 */
export function gaugesOfPrometheus(text: string): BrokerGauges {
  const values = new Map<string, number>();
  for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{.*\})? (\S+)/gm))
    values.set(name, (values.get(name) ?? 0) + Number(value));
  const found = fill((gauge) => finite(prometheusNames[gauge].map((name) => values.get(name)).find(Number.isFinite)));
  if (found.connections === undefined && found.processes === undefined)
    throw new Error('its answer is not the metrics of a RabbitMQ');
  return found;
}

/**
 * Reads what the management plugin tells: `/api/overview`, `/api/nodes`, and `/api/nodes/NAME/memory` of each node. It
 * has no `processMemory`.
 *
 * @see https://www.rabbitmq.com/docs/http-api-reference
 */
export function gaugesOfManagement(
  overview: unknown,
  nodes: readonly unknown[],
  memory: readonly unknown[],
): BrokerGauges {
  const churn: Partial<Record<Gauge, string>> = {
    connectionsOpened: 'connection_created',
    connectionsClosed: 'connection_closed',
    channelsOpened: 'channel_created',
    channelsClosed: 'channel_closed',
    queuesDeclared: 'queue_declared',
    queuesCreated: 'queue_created',
    queuesDeleted: 'queue_deleted',
  };
  return fill((gauge) => {
    if (gauge === 'processes') return total(nodes.map((node) => at(node, 'proc_used')));
    if (gauge === 'memory') return total(memory.map((one) => at(one, 'memory', 'total', 'erlang')));
    if (gauge === 'residentMemory') return total(memory.map((one) => at(one, 'memory', 'total', 'rss')));
    const name = churn[gauge];
    return finite(name ? at(overview, 'churn_rates', name) : at(overview, 'object_totals', gauge));
  });
}

/** The figures of several nodes added up; undefined where one node has none. */
export function sumGauges(nodes: readonly BrokerGauges[]): BrokerGauges {
  return fill((gauge) => total(nodes.map((node) => node[gauge])));
}

function fill(value: (gauge: Gauge) => number | undefined): BrokerGauges {
  return Object.fromEntries(gauges.map((gauge) => [gauge, value(gauge)])) as unknown as BrokerGauges;
}

function total(values: readonly unknown[]): number | undefined {
  const numbers = values.map(finite).filter((value) => value !== undefined);
  return numbers.length === values.length ? numbers.reduce((sum, value) => sum + value, 0) : undefined;
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The value at a path in parsed JSON; undefined if there is none. */
function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inside, name) => (typeof inside === 'object' && inside !== null ? Reflect.get(inside, name) : undefined),
    value,
  );
}
