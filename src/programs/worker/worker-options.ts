import { brokerOptions } from '../../cli/broker-options.ts';
import { integer, list, oneOf, positiveDuration, text, type ValueParser } from '../../cli/value-parsers.ts';
import { lifeOptions } from './life-options.ts';
import { threadOptions } from './thread-options.ts';

/**
 * The worker's options.
 * @param options.parseUrls reads the value of `--url`
 * @param options.queueTypes those that there are
 * @param options.maxDeliveries the default
 */
export function workerOptions<QueueType extends string>({
  parseUrls,
  queueTypes,
  maxDeliveries,
}: {
  readonly parseUrls: ValueParser<string[]>;
  readonly queueTypes: readonly QueueType[];
  readonly maxDeliveries: number;
}) {
  return {
    ...brokerOptions(parseUrls, 'localhost:5672, and inside a container also the host'),
    discover: {
      flag: 'discover',
      type: 'boolean',
      env: 'DISCOVER',
      default: true,
      help: 'without a URL, do not look for a broker outside the container',
    },
    queue: {
      flag: 'queue',
      type: 'string',
      placeholder: 'NAME',
      env: 'RPC_QUEUE',
      default: 'rpc_queue',
      parse: text,
      help: 'request queue; taken as it is, declared if it is missing',
    },
    queueType: {
      flag: 'queue-type',
      type: 'string',
      placeholder: 'TYPE',
      env: 'QUEUE_TYPE',
      parse: oneOf(queueTypes),
      help: `${queueTypes.join(' or ')}, if the queue has to be declared; without it the virtual host decides`,
    },
    durable: {
      flag: 'durable',
      type: 'boolean',
      env: 'DURABLE',
      default: true,
      help: 'declare the queue non-durable, as older tutorials do (RabbitMQ 4.3 refuses that)',
    },
    ...threadOptions,
    maxDeliveries: {
      flag: 'max-deliveries',
      type: 'string',
      placeholder: 'N',
      env: 'MAX_DELIVERIES',
      default: String(maxDeliveries),
      parse: integer({ min: 1 }),
      help: 'how often a request that ends its workers is tried, on quorum queues; 1, on others too, tries none again',
    },
    checkCaller: {
      flag: 'check-caller',
      type: 'boolean',
      env: 'CHECK_CALLER',
      help: 'ask the broker before each request if its caller is still there: a round trip for each',
    },
    allowReplyTo: {
      flag: 'allow-reply-to',
      type: 'string',
      placeholder: 'PATTERN',
      env: 'ALLOW_REPLY_TO',
      multiple: true,
      parse: list(text),
      help: 'reply queues to write to besides Direct Reply-To and amq.gen-*; * stands for any characters',
    },
    grace: {
      flag: 'grace',
      type: 'string',
      placeholder: 'TIME',
      env: 'GRACE',
      default: '8s',
      parse: positiveDuration,
      help: 'how long draining may take; what is unfinished then goes back to the queue',
    },
    log: {
      flag: 'log',
      type: 'string',
      placeholder: 'FORMAT',
      env: 'LOG',
      parse: oneOf(['text', 'json']),
      help: 'text or json; without it text on a terminal, json elsewhere',
    },
    logRequests: {
      flag: 'log-requests',
      type: 'boolean',
      env: 'LOG_REQUESTS',
      help: 'log each request also in json, up to 100 a second',
    },
    ...lifeOptions,
  } as const;
}
