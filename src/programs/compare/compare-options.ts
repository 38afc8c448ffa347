import { queueTypes } from '../../amqp/queues.ts';
import { brokerOptions } from '../../cli/broker-options.ts';
import { flag, option } from '../../cli/option.ts';
import { integer, list, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';
import { type RabbitVersion, suites } from '../../rabbitmq/broker.ts';

const versions = Object.keys(suites) as RabbitVersion[];

/** The options of the comparison. `scenarios` are the names of what can be measured. */
export function compareOptions(scenarios: readonly string[]) {
  return {
    url: {
      ...brokerOptions('').url,
      help: 'amqp:// or amqps:// URL of the broker; of several, of a cluster, clients take the first and workers the last',
    },
    implementations: flag('implementations', {
      help: 'compare libraries instead of reply designs: this project, a floor of hand-written frames, other clients',
    }),
    rabbitmq: option('rabbitmq VERSION', oneOf(versions), {
      help: `start a node of our own of this version, out of Debian's packages: ${versions.join(', ')}`,
    }),
    nodes: option('nodes N', integer({ min: 1, max: 7 }), {
      help: 'start a cluster of our own, of N nodes; clients and workers then sit on different ones',
    }),
    only: option('only SCENARIO', list(oneOf(scenarios)), {
      multiple: true,
      help: `measure this alone, or several: ${scenarios.join(', ')}`,
    }),
    budget: option('budget TIME', positiveDuration, {
      default: '5m',
      help: 'how long to measure at most, in whole rounds; less if the answer is clear before',
    }),
    rounds: option('rounds N', integer({ min: 1, max: 1_000 }), {
      help: 'exactly N rounds, without a budget; an interval of 95 % needs 6',
    }),
    turn: option('turn TIME', positiveDuration, {
      default: '100ms',
      help: 'how long each contender is measured at a time',
    }),
    calls: option('calls N', integer({ min: 1, max: 1_000_000 }), {
      help: 'measure N calls in each turn instead, however long they take',
    }),
    clients: option('clients N,N…', list(integer({ min: 1, max: 60_000 })), {
      multiple: true,
      help: 'numbers of clients instead of those of the scenario',
    }),
    rate: option('rate N,N…', list(integer({ min: 1, max: 1_000_000 })), {
      multiple: true,
      help: 'calls/s offered instead of those of the scenario',
    }),
    rtt: option('rtt TIME', positiveDuration, {
      help: 'add TIME to every round trip of the clients, as a network would',
    }),
    prefetch: option('prefetch N', integer({ min: 1, max: 65_535 }), {
      default: '100',
      help: "the workers' prefetch, where a scenario says no other",
    }),
    queueType: option('queue-type TYPE', oneOf(queueTypes), {
      default: queueTypes[0],
      help: `type of the request queue: ${queueTypes.join(' or ')}`,
    }),
    metricsUrls: option('metrics-url URL', list(text), {
      env: 'METRICS_URL',
      multiple: true,
      secret: true,
      help: "the broker's own figures: Prometheus (http://host:15692/metrics, one a node) or management (…:15672/api); found if at the usual place",
    }),
    json: option('json FILE', text, { help: 'also write everything as JSON' }),
    html: option('html FILE', text, { help: 'also write a page' }),
    verbose: flag('verbose', { help: 'print all contenders, how to read it, and the conditions' }),
  } as const;
}
