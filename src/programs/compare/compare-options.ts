import { brokerOptions } from '../../cli/broker-options.ts';
import { integer, list, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';

/** The options of the comparison. What can be chosen from is told by whoever knows it. */
export function compareOptions<Workload extends string, Version extends string, QueueType extends string>(choices: {
  readonly workloads: readonly Workload[];
  readonly versions: readonly Version[];
  readonly queueTypes: readonly [default_: QueueType, ...others: QueueType[]];
  readonly peers: readonly string[];
}) {
  const { workloads, versions, queueTypes, peers } = choices;
  return {
    url: {
      ...brokerOptions('').url,
      help: 'amqp:// or amqps:// URL of the broker; of several, of a cluster, clients take the first and workers the last',
    },
    rabbitmq: {
      flag: 'rabbitmq',
      type: 'string',
      placeholder: 'VERSION',
      parse: oneOf(versions),
      help: `start a node of our own of this version, out of Debian's packages: ${versions.join(', ')}`,
    },
    nodes: {
      flag: 'nodes',
      type: 'string',
      placeholder: 'N',
      parse: integer({ min: 1, max: 7 }),
      help: 'start a cluster of our own of so many nodes; clients and workers then sit on different ones',
    },
    only: {
      flag: 'only',
      type: 'string',
      placeholder: 'WORKLOAD',
      multiple: true,
      parse: list(oneOf(workloads)),
      help: `measure this alone, or several: ${workloads.join(', ')}`,
    },
    peers: {
      flag: 'peers',
      type: 'boolean',
      help: `measure other projects' clients and workers too: ${peers.join(', ')}`,
    },
    rounds: {
      flag: 'rounds',
      type: 'string',
      placeholder: 'N',
      default: '6',
      parse: integer({ min: 1, max: 1_000 }),
      help: 'rounds; an interval needs 6',
    },
    turn: {
      flag: 'turn',
      type: 'string',
      placeholder: 'TIME',
      default: '100ms',
      parse: positiveDuration,
      help: 'how long each contender is measured at a time',
    },
    calls: {
      flag: 'calls',
      type: 'string',
      placeholder: 'N',
      parse: integer({ min: 1, max: 1_000_000 }),
      help: 'measure so many calls in each turn instead, however long they take',
    },
    clients: {
      flag: 'clients',
      type: 'string',
      placeholder: 'N,N…',
      multiple: true,
      parse: list(integer({ min: 1, max: 60_000 })),
      help: 'numbers of clients instead of those of the workload',
    },
    rate: {
      flag: 'rate',
      type: 'string',
      placeholder: 'N,N…',
      multiple: true,
      parse: list(integer({ min: 1, max: 1_000_000 })),
      help: 'add an open loop: calls/s offered, whether or not they are answered',
    },
    rtt: {
      flag: 'rtt',
      type: 'string',
      placeholder: 'TIME',
      parse: positiveDuration,
      help: 'add so much to every round trip of the clients, as a network would',
    },
    prefetch: {
      flag: 'prefetch',
      type: 'string',
      placeholder: 'N',
      default: '100',
      parse: integer({ min: 1, max: 65_535 }),
      help: "the workers' prefetch",
    },
    queueType: {
      flag: 'queue-type',
      type: 'string',
      placeholder: 'TYPE',
      default: queueTypes[0],
      parse: oneOf(queueTypes),
      help: `type of the request queue: ${queueTypes.join(' or ')}`,
    },
    metricsUrls: {
      flag: 'metrics-url',
      type: 'string',
      placeholder: 'URL',
      env: 'METRICS_URL',
      multiple: true,
      secret: true,
      parse: list(text),
      help: "the broker's own figures: Prometheus (http://host:15692/metrics, one a node) or management (…:15672/api); found if at the usual place",
    },
    json: { flag: 'json', type: 'string', placeholder: 'FILE', parse: text, help: 'also write everything as JSON' },
    html: { flag: 'html', type: 'string', placeholder: 'FILE', parse: text, help: 'also write a page with charts' },
  } as const;
}
