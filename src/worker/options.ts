import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type QueueType, queueTypes, type RequestQueue } from '../amqp/queues.ts';
import { type AmqpUrl, parseAmqpUrls } from '../amqp/url.ts';
import { MAX_BODY_BYTES, TEXT } from '../protocol/body.ts';
import {
  checkBoolean,
  checkContentType,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkQueueName,
  checkShortText,
  DEFAULT_QUEUE,
  DEFAULT_URL,
} from '../protocol/option-checks.ts';
import { type ReplyAddressPolicy, replyAddressPattern, SERVER_NAMED_QUEUES } from '../protocol/reply-address.ts';
import type { WorkerEvent } from './events.ts';

/** Options of a worker. */
export interface RpcWorkerOptions {
  /** Where the broker is; several for a cluster, see `Dialler`. Default `amqp://guest:guest@localhost:5672`. */
  readonly urls?: string | readonly string[];
  /** For `amqps://`, as `tls.connect` takes them: `ca`, `cert`, `key` … */
  readonly tls?: TlsOptions;
  /** The request queue: taken as it is, declared if it is missing. Default `rpc_queue`. */
  readonly queue?: string;
  /** `x-queue-type` if the queue has to be declared. Default: the virtual host's. */
  readonly queueType?: QueueType;
  /** Whether the queue is durable if it has to be declared. Default true; RabbitMQ 4.3 and later refuse any other. */
  readonly durable?: boolean;
  /** Requests in hand at most (basic.qos). Default 1: fair dispatch among workers. */
  readonly prefetch?: number;
  /**
   * How many times a request is delivered at most; after that it is answered with an error and rejected, for it seems to end
   * its workers. Quorum queues count; on a classic queue only 1 is of use: no request is tried again. Default 5.
   */
  readonly maxDeliveries?: number;
  /** Whether to ask the broker before each request if its caller is still there: a round trip for each. Default false. */
  readonly checkCaller?: boolean;
  /**
   * Requests to take at most, redelivered ones and those that are refused, rejected or abandoned included; then the worker
   * disconnects and tells so (`spent`). The last ones, as many as `prefetch`, come one at a time. Default: any number.
   */
  readonly maxRequests?: number;
  /** A request longer than this is refused before the handler sees it, in bytes. Default 16 MiB. */
  readonly maxRequestBytes?: number;
  /** The content type of replies, which also says how what the function returns is sent. Default `text/plain`. */
  readonly contentType?: string;
  /** What the function gets as `context.options`. Default `{}`. */
  readonly functionOptions?: Readonly<Record<string, unknown>>;
  /** Reply queues to write to besides `amq.gen-*`, `*` for any characters. Default none. */
  readonly allowReplyTo?: readonly string[];
  /** Shown by the broker's management UI. Default `fib-worker`. */
  readonly connectionName?: string;
  /** Called for each event; must not throw. */
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** A worker's options, checked and complete. */
export interface WorkerSettings {
  readonly urls: readonly AmqpUrl[];
  readonly tls: TlsOptions | undefined;
  readonly queue: RequestQueue;
  readonly prefetch: number;
  readonly maxDeliveries: number;
  readonly checkCaller: boolean;
  /** `Infinity` for any number. */
  readonly maxRequests: number;
  readonly maxRequestBytes: number;
  readonly contentType: string;
  readonly functionOptions: Readonly<Record<string, unknown>>;
  readonly replyAddresses: ReplyAddressPolicy;
  readonly connectionName: string;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** The defaults of {@link RpcWorkerOptions}. */
export const workerDefaults = {
  urls: DEFAULT_URL,
  queue: DEFAULT_QUEUE,
  durable: true,
  prefetch: 1,
  maxDeliveries: 5,
  checkCaller: false,
  maxRequestBytes: MAX_BODY_BYTES,
  contentType: TEXT,
  functionOptions: {},
  connectionName: 'fib-worker',
} as const satisfies RpcWorkerOptions;

/** The largest prefetch that basic.qos can carry. */
const MAX_PREFETCH = 65_535;

/**
 * Fills in the defaults and checks every value.
 * @throws TypeError that names the option and the value
 */
export function normalizeWorkerOptions(options: RpcWorkerOptions): WorkerSettings {
  checkOptions('options', options, [
    ...Object.keys(workerDefaults),
    'tls',
    'queueType',
    'maxRequests',
    'allowReplyTo',
    'onEvent',
  ]);
  const { queueType } = options;
  const durable = checkBoolean('durable', options.durable ?? workerDefaults.durable);
  if (queueType !== undefined) checkOneOf('queueType', queueType, queueTypes);
  if (queueType === 'quorum' && !durable) {
    throw new TypeError('durable: a quorum queue is always durable; leave durable on, or take queueType classic');
  }
  if (options.maxDeliveries === 1 && (options.prefetch ?? workerDefaults.prefetch) > 1) {
    throw new TypeError(
      `maxDeliveries: 1 needs prefetch 1, got prefetch ${options.prefetch}: what a worker has in hand beside a request when it ends was delivered once, too`,
    );
  }
  const name = checkQueueName(options.queue ?? workerDefaults.queue);
  return {
    urls: parseAmqpUrls(options.urls ?? workerDefaults.urls),
    tls: options.tls,
    queue: { name, durable, type: queueType },
    prefetch: checkInteger('prefetch', options.prefetch ?? workerDefaults.prefetch, 1, MAX_PREFETCH),
    maxDeliveries: checkInteger('maxDeliveries', options.maxDeliveries ?? workerDefaults.maxDeliveries, 1),
    checkCaller: checkBoolean('checkCaller', options.checkCaller ?? workerDefaults.checkCaller),
    maxRequests:
      options.maxRequests === undefined
        ? Number.POSITIVE_INFINITY
        : checkInteger('maxRequests', options.maxRequests, 1),
    maxRequestBytes: checkInteger('maxRequestBytes', options.maxRequestBytes ?? workerDefaults.maxRequestBytes, 0),
    contentType: checkContentType('contentType', options.contentType ?? workerDefaults.contentType),
    functionOptions: options.functionOptions ?? workerDefaults.functionOptions,
    replyAddresses: {
      requestQueue: name,
      allowed: [SERVER_NAMED_QUEUES, ...(options.allowReplyTo ?? [])].map(replyAddressPattern),
    },
    connectionName: checkShortText('connectionName', options.connectionName ?? workerDefaults.connectionName),
    onEvent: checkFunction('onEvent', options.onEvent ?? (() => {})),
  };
}
