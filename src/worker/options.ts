import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type QueueType, queueTypes, type RequestQueue } from '../amqp/queues.ts';
import { type AmqpUrl, parseAmqpUrls } from '../amqp/url.ts';
import { MAX_BODY_BYTES } from '../protocol/body.ts';
import {
  checkBoolean,
  checkContentType,
  checkDuration,
  checkInteger,
  checkObject,
  checkOneOf,
  checkOptions,
  checkQueueName,
  checkShortText,
  checkTelemetry,
  checkTexts,
  checkTls,
  DEFAULT_QUEUE,
  DEFAULT_URL,
} from '../protocol/option-checks.ts';
import { type ReplyAddressPolicy, replyAddressPattern } from '../protocol/reply-address.ts';
import type { RequestHandler } from './handler.ts';
import type { WorkerTelemetry } from './telemetry.ts';

/** Options of a worker. */
export interface RpcWorkerOptions {
  /** The broker's URL, or several for a cluster. Default `amqp://guest:guest@localhost:5672`. */
  readonly urls?: string | readonly string[] | undefined;
  /** For `amqps://`, as `tls.connect` takes them: `ca`, `cert`, `key` … Refused where no URL is `amqps://`. */
  readonly tls?: TlsOptions | undefined;
  /** Shown by the broker's management UI. Default `fib-worker`. */
  readonly connectionName?: string | undefined;
  /** Traces and measures the requests: `openTelemetry()` of `fib-worker/opentelemetry`. Default: nobody does. */
  readonly telemetry?: WorkerTelemetry | undefined;
}

/** How a request queue is declared that is missing. */
export interface DeclareOptions {
  /** `x-queue-type`. Default: the virtual host's. */
  readonly type?: QueueType | undefined;
  /** Survives a restart of the broker. Default true; RabbitMQ 4.3 and later refuse any other. */
  readonly durable?: boolean | undefined;
}

/** Options of a queue that a worker serves. */
export interface ServeOptions {
  /** Requests in hand at most (basic.qos). Default 1: fair dispatch among workers. */
  readonly prefetch?: number | undefined;
  /**
   * The content type of replies whose function names none, which also says how what the function returns is sent: with a JSON
   * one as JSON, all but bytes. Default: by what the function returns.
   */
  readonly contentType?: string | undefined;
  /** A request longer than this is refused before the handler sees it, in bytes, and so is one that is once it is decompressed. Default 16 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** How to declare the queue if it is missing; one that is there is used as it is. */
  readonly declare?: DeclareOptions | undefined;
  /**
   * How long a run of the function may take, in ms, even if the caller's time limit is longer; then the caller is answered
   * `DEADLINE_EXCEEDED`, and the next request can begin. Default: the caller's alone.
   */
  readonly maxRun?: number | undefined;
  /**
   * The worker counts as stuck, and says so, with as many runs past their deadline that go on all the same. Default: `prefetch`.
   */
  readonly maxOverruns?: number | undefined;
  /**
   * How many times a request is delivered at most; after that it is answered with an error and rejected, for it seems to end
   * its workers. Quorum queues count; on a classic queue only 1 is of use: no request is tried again. Default 5.
   */
  readonly maxDeliveries?: number | undefined;
  /**
   * When a caller that can cancel is told that its request is being handled and where a cancel goes, in ms after it came; what
   * is answered before costs nothing more. 0: never, so that nobody can cancel. Default 20.
   */
  readonly startedAfter?: number | undefined;
  /** Whether to look up the caller of each request, a round trip for each. Default false: of those that were delivered before. */
  readonly checkCaller?: boolean | undefined;
  /**
   * Requests at most, redelivered ones and those that are refused, rejected or abandoned included; then the worker
   * consumes no more and tells so (`max-requests`). The last ones, as many as `prefetch`, come one at a time. Default: any number.
   */
  readonly maxRequests?: number | undefined;
  /** The value of `context.options` for the function. Default `{}`. */
  readonly functionOptions?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Reply queues to write to besides those whose names nobody can guess: Direct Reply-To, the broker's own (`amq.gen-…`), those
   * that libraries name by a UUID or by other random digits. `*` stands for any characters. Default none.
   */
  readonly allowReplyTo?: readonly string[] | undefined;
}

/** A function with its queue and settings, as `defineFunction` makes it; one can be written by hand as well. */
export interface ServedFunction
  extends Pick<ServeOptions, 'prefetch' | 'contentType' | 'maxRequestBytes' | 'functionOptions'> {
  /** The queue of its requests. */
  readonly queue: string;
  /** Answers requests. */
  readonly handler: RequestHandler;
}

/** A worker's options, checked and complete. */
export interface WorkerSettings {
  readonly urls: readonly AmqpUrl[];
  readonly tls: TlsOptions | undefined;
  readonly connectionName: string;
  readonly telemetry: WorkerTelemetry | undefined;
}

/** The options of a queue, checked and complete. */
export interface ServeSettings {
  readonly name: string;
  readonly declaration: RequestQueue;
  readonly prefetch: number;
  readonly contentType: string | undefined;
  readonly maxRequestBytes: number;
  readonly maxRun: number | undefined;
  readonly maxOverruns: number;
  readonly maxDeliveries: number;
  /** 0: never. */
  readonly startedAfter: number;
  readonly checkCaller: boolean;
  /** `Infinity` for any number. */
  readonly maxRequests: number;
  readonly functionOptions: Readonly<Record<string, unknown>>;
  readonly replyAddresses: ReplyAddressPolicy;
}

/** The defaults of {@link RpcWorkerOptions} and {@link ServeOptions}; the queue is the command line's. */
export const workerDefaults = {
  urls: DEFAULT_URL,
  connectionName: 'fib-worker',
  queue: DEFAULT_QUEUE,
  durable: true,
  prefetch: 1,
  maxRequestBytes: MAX_BODY_BYTES,
  maxDeliveries: 5,
  startedAfter: 20,
  checkCaller: false,
  functionOptions: {},
} as const;

/** The largest prefetch that basic.qos can carry. */
const MAX_PREFETCH = 65_535;

/**
 * Fills in the defaults and checks each value.
 * @throws TypeError that names the option and the value
 */
export function normalizeWorkerOptions(options: string | readonly string[] | RpcWorkerOptions): WorkerSettings {
  const given = typeof options === 'string' || Array.isArray(options) ? { urls: options } : options;
  const { urls, tls, connectionName, telemetry } = checkOptions('options', given as RpcWorkerOptions, [
    'urls',
    'tls',
    'connectionName',
    'telemetry',
  ]);
  const parsed = parseAmqpUrls(urls ?? workerDefaults.urls);
  return {
    urls: parsed,
    tls: checkTls(tls, parsed),
    connectionName: checkShortText('connectionName', connectionName ?? workerDefaults.connectionName),
    telemetry: checkTelemetry(telemetry, 'request'),
  };
}

/**
 * The same for a queue.
 * @param requestQueues all that this worker serves: replies never go there
 * @param own the settings that the function brings along, for what is not given
 * @throws TypeError that names the option and the value
 */
export function normalizeServeOptions(
  queue: string,
  given: ServeOptions,
  requestQueues: ReadonlySet<string>,
  own: Partial<ServedFunction> = {},
): ServeSettings {
  const name = checkQueueName(queue);
  checkOptions('options', given, [
    'prefetch',
    'contentType',
    'maxRequestBytes',
    'declare',
    'maxRun',
    'maxOverruns',
    'maxDeliveries',
    'startedAfter',
    'checkCaller',
    'maxRequests',
    'functionOptions',
    'allowReplyTo',
  ]);
  const options: ServeOptions = {
    ...given,
    prefetch: given.prefetch ?? own.prefetch,
    contentType: given.contentType ?? own.contentType,
    maxRequestBytes: given.maxRequestBytes ?? own.maxRequestBytes,
    functionOptions: given.functionOptions ?? own.functionOptions,
  };
  const { contentType, maxRun, maxRequests } = options;
  const prefetch = checkInteger('prefetch', options.prefetch ?? workerDefaults.prefetch, 1, MAX_PREFETCH);
  if (options.maxDeliveries === 1 && prefetch > 1) {
    throw new TypeError(
      `maxDeliveries: 1 needs prefetch 1, got prefetch ${prefetch}: when a worker ends, each request that it has in hand was delivered once, and would not be tried again`,
    );
  }
  return {
    name,
    declaration: { name, ...normalizeDeclaration(options.declare ?? {}) },
    prefetch,
    contentType: contentType === undefined ? undefined : checkContentType('contentType', contentType),
    maxRequestBytes: checkInteger('maxRequestBytes', options.maxRequestBytes ?? workerDefaults.maxRequestBytes, 0),
    maxRun: maxRun === undefined ? undefined : checkDuration('maxRun', maxRun, 1),
    maxOverruns: checkInteger('maxOverruns', options.maxOverruns ?? prefetch, 1),
    maxDeliveries: checkInteger('maxDeliveries', options.maxDeliveries ?? workerDefaults.maxDeliveries, 1),
    startedAfter: checkDuration('startedAfter', options.startedAfter ?? workerDefaults.startedAfter),
    checkCaller: checkBoolean('checkCaller', options.checkCaller ?? workerDefaults.checkCaller),
    maxRequests: maxRequests === undefined ? Number.POSITIVE_INFINITY : checkInteger('maxRequests', maxRequests, 1),
    functionOptions: checkObject('functionOptions', options.functionOptions ?? workerDefaults.functionOptions),
    replyAddresses: {
      requestQueues,
      allowed: checkTexts('allowReplyTo', options.allowReplyTo ?? []).map(replyAddressPattern),
    },
  };
}

/** Whether it is a function with a queue of its own, or something else: a handler, a queue's name. */
export function isServedFunction(served: unknown): served is ServedFunction {
  return typeof served === 'object' && served !== null;
}

function normalizeDeclaration(declare: DeclareOptions): Omit<RequestQueue, 'name'> {
  const { type, durable = workerDefaults.durable } = checkOptions('declare', declare, ['type', 'durable']);
  if (type !== undefined) checkOneOf('declare.type', type, queueTypes);
  if (type === 'quorum' && !checkBoolean('declare.durable', durable)) {
    throw new TypeError(
      'declare.durable: a quorum queue is always durable; leave durable on, or take the type classic',
    );
  }
  return { type, durable: checkBoolean('declare.durable', durable) };
}
