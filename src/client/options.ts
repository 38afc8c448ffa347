import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type AmqpUrl, parseAmqpUrls } from '../amqp/url.ts';
import type { RpcError } from '../protocol/errors.ts';
import { checkContentType, checkInteger, checkQueueName, checkTimeout } from '../protocol/option-checks.ts';
import type { DiscardReason } from './call-ids.ts';
import { type ReplyStrategy, replyStrategies } from './designs/index.ts';
import type { CallSettings } from './pending-call.ts';

/** What happens in a client, for logs and metrics. */
export type ClientEvent =
  | { readonly type: 'connected'; readonly url: string }
  | { readonly type: 'disconnected'; readonly error: RpcError }
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  /** A call goes out again, with a new id and the time that is left. */
  | { readonly type: 'retry'; readonly error: RpcError }
  /** A reply came that nobody waits for. */
  | { readonly type: 'discarded'; readonly reason: DiscardReason; readonly correlationId: string | undefined };

/** Options of a client. Durations in ms. */
export interface RpcClientOptions {
  /** Where the broker is; several for a cluster, see `Dialler`. Default `amqp://guest:guest@localhost:5672`. */
  readonly urls?: string | readonly string[];
  /** For `amqps://`, as `tls.connect` takes them: `ca`, `cert`, `key` … */
  readonly tls?: TlsOptions;
  /** The request queue. Default `rpc_queue`. */
  readonly queue?: string;
  /** How replies come back. Default `direct`. */
  readonly reply?: ReplyStrategy;
  /** Time limit of a call unless it names its own. Default 30,000 ms. */
  readonly timeout?: number;
  /** Calls in flight at most; further ones wait, inside their time limit. Default 1,000. */
  readonly maxInFlight?: number;
  /** Calls that wait at most; a further one is refused at once, `RESOURCE_EXHAUSTED`. Default 100,000. */
  readonly maxWaiting?: number;
  /** A request longer than this is refused before it is sent, in bytes. Default 16 MiB, RabbitMQ's own limit. */
  readonly maxRequestBytes?: number;
  /** Send a call again if its channel or connection is lost: only for idempotent functions. Default false. */
  readonly retry?: boolean;
  /** Shown by the broker's management UI. Default `fib-worker client`. */
  readonly connectionName?: string;
  /** Called for each event; must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
}

/** Options of one call. */
export interface CallOptions {
  /** Time limit in ms, from `call()` to settled: connecting, waiting and retrying count. Default: the client's. */
  readonly timeout?: number;
  /** Gives the call up: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** `content_type` of the request. Default `text/plain`. */
  readonly contentType?: string;
}

/** A client's counters, at one moment. */
export interface ClientStats {
  /** Calls that wait to be sent: for the connection, for the broker to unblock, for others to settle. */
  readonly waiting: number;
  /** Calls that were sent, or are about to be. */
  readonly inFlight: number;
  /** Replies that nobody waited for, since the start. */
  readonly discarded: Readonly<Record<DiscardReason, number>>;
}

/** A client's options, checked and complete. */
export interface ClientSettings {
  readonly urls: readonly AmqpUrl[];
  readonly tls: TlsOptions | undefined;
  readonly queue: string;
  readonly reply: ReplyStrategy;
  readonly timeout: number;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxRequestBytes: number;
  readonly retry: boolean;
  readonly connectionName: string;
  readonly onEvent: (event: ClientEvent) => void;
}

/** The defaults of {@link RpcClientOptions}. */
export const clientDefaults = {
  urls: 'amqp://guest:guest@localhost:5672',
  queue: 'rpc_queue',
  reply: 'direct',
  timeout: 30_000,
  maxInFlight: 1_000,
  maxWaiting: 100_000,
  maxRequestBytes: 16 * 1024 * 1024,
  retry: false,
  connectionName: 'fib-worker client',
} as const satisfies RpcClientOptions;

/**
 * Fills in the defaults and checks every value.
 * @throws TypeError that names the option and the value
 */
export function normalizeClientOptions(options: RpcClientOptions): ClientSettings {
  const reply = options.reply ?? clientDefaults.reply;
  if (!Object.hasOwn(replyStrategies, reply)) {
    throw new TypeError(`reply: expected one of ${Object.keys(replyStrategies).join(', ')}, got '${String(reply)}'`);
  }
  return {
    urls: parseAmqpUrls(options.urls ?? clientDefaults.urls),
    tls: options.tls,
    queue: checkQueueName(options.queue ?? clientDefaults.queue),
    reply,
    timeout: checkTimeout(options.timeout ?? clientDefaults.timeout),
    maxInFlight: checkInteger('maxInFlight', options.maxInFlight ?? clientDefaults.maxInFlight, 1),
    maxWaiting: checkInteger('maxWaiting', options.maxWaiting ?? clientDefaults.maxWaiting, 1),
    maxRequestBytes: checkInteger('maxRequestBytes', options.maxRequestBytes ?? clientDefaults.maxRequestBytes, 0),
    retry: options.retry ?? clientDefaults.retry,
    connectionName: options.connectionName ?? clientDefaults.connectionName,
    onEvent: options.onEvent ?? (() => {}),
  };
}

/**
 * The same for a call.
 * @throws TypeError that names the option and the value
 */
export function normalizeCallOptions(
  { timeout, contentType, signal }: CallOptions,
  client: ClientSettings,
): CallSettings {
  return {
    timeout: timeout === undefined ? client.timeout : checkTimeout(timeout),
    contentType: contentType === undefined ? 'text/plain' : checkContentType('contentType', contentType),
    signal,
  };
}
