import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type AmqpUrl, parseAmqpUrls } from '../amqp/url.ts';
import { MAX_BODY_BYTES, TEXT } from '../protocol/body.ts';
import { CANCEL_HEADER } from '../protocol/cancel.ts';
import type { RpcError } from '../protocol/errors.ts';
import { checkHeaders } from '../protocol/headers.ts';
import {
  checkBoolean,
  checkContentType,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkQueueName,
  checkShortText,
  checkTelemetry,
  checkTimeout,
  checkTls,
  DEFAULT_URL,
  describe,
} from '../protocol/option-checks.ts';
import type { CallSettings } from './call.ts';
import type { DiscardReason } from './correlation-ids.ts';
import { type ReplyDesign, replyDesigns } from './designs/index.ts';
import { tooLongError } from './errors.ts';
import type { CallTelemetry, ClientTelemetry } from './telemetry.ts';

/** An event of a client, for logs and metrics. The list is open: later versions may tell more. */
export type ClientEvent =
  | { readonly type: 'connected'; readonly url: string }
  | { readonly type: 'disconnected'; readonly error: RpcError }
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  /** A call goes out again, with a new id and the time that is left. */
  | { readonly type: 'retry'; readonly error: RpcError }
  /** A worker has handled a call for a moment without an answer: from now on the call can be cancelled there. */
  | { readonly type: 'started'; readonly correlationId: string | undefined }
  /** A reply came that nobody waits for. */
  | { readonly type: 'discarded'; readonly reason: DiscardReason; readonly correlationId: string | undefined };

/** Options of a client. Durations in ms. */
export interface RpcClientOptions {
  /**
   * Where the broker is; with several, for a cluster, the next is tried beside one that fails or is slow to answer. Default
   * `amqp://guest:guest@localhost:5672`.
   */
  readonly urls?: string | readonly string[] | undefined;
  /** For `amqps://`, as `tls.connect` takes them: `ca`, `cert`, `key` … Refused where no URL is `amqps://`. */
  readonly tls?: TlsOptions | undefined;
  /** How replies come back. Default `direct`. */
  readonly reply?: ReplyDesign | undefined;
  /** Time limit of a call unless it names its own. Default 30,000 ms. */
  readonly timeout?: number | undefined;
  /** Calls in flight at most; further ones wait, inside their time limit. Default 1,000. */
  readonly maxInFlight?: number | undefined;
  /** Calls that wait at most; a further one is refused at once, `RESOURCE_EXHAUSTED`. Default 100,000. */
  readonly maxWaiting?: number | undefined;
  /** A request longer than this is refused before it is sent, in bytes. Default 16 MiB, RabbitMQ's own limit. */
  readonly maxRequestBytes?: number | undefined;
  /** Send a call again if its channel or connection is lost: only for idempotent functions. Default false. */
  readonly retry?: boolean | undefined;
  /** Shown by the broker's management UI. Default `fib-worker client`. */
  readonly connectionName?: string | undefined;
  /** Traces and measures the calls: `openTelemetry()` of `fib-worker/opentelemetry`. Default: nobody does. */
  readonly telemetry?: ClientTelemetry | undefined;
}

/** Options of what waits. */
export interface WaitOptions {
  /** Time limit in ms. Default: the client's. */
  readonly timeout?: number | undefined;
  /** Gives it up: the promise rejects with the signal's reason. A worker that handles the call is told to stop. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one call. Its time limit counts from `call()` to settled: connecting, waiting and retrying count. */
export interface CallOptions extends WaitOptions {
  /** `content_type` of the request. Default `text/plain`, of `callJson()` `application/json`. */
  readonly contentType?: string | undefined;
  /** The request's headers: strings, numbers, booleans, null, Dates, bytes, and lists and objects of these. Default none. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** Its priority in a queue that knows priorities, 0 to 255. Default none. */
  readonly priority?: number | undefined;
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
  readonly reply: ReplyDesign;
  readonly timeout: number;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly maxRequestBytes: number;
  readonly retry: boolean;
  readonly connectionName: string;
  readonly telemetry: ClientTelemetry | undefined;
}

/** The defaults of {@link RpcClientOptions}. */
export const clientDefaults = {
  urls: DEFAULT_URL,
  tls: undefined,
  reply: 'direct',
  timeout: 30_000,
  maxInFlight: 1_000,
  maxWaiting: 100_000,
  maxRequestBytes: MAX_BODY_BYTES,
  retry: false,
  connectionName: 'fib-worker client',
  telemetry: undefined,
} as const satisfies { readonly [Name in keyof Required<RpcClientOptions>]: RpcClientOptions[Name] };

const clientOptionNames = Object.keys(clientDefaults);
const waitOptionNames = ['timeout', 'signal'];
const callOptionNames = [...waitOptionNames, 'contentType', 'headers', 'priority'];

/**
 * Fills in the defaults and checks every value.
 * @param options or the `urls` alone
 * @throws TypeError that names the option and the value
 */
export function normalizeClientOptions(options: string | readonly string[] | RpcClientOptions): ClientSettings {
  const given = typeof options === 'string' || Array.isArray(options) ? { urls: options } : options;
  const {
    urls = clientDefaults.urls,
    tls,
    reply = clientDefaults.reply,
    timeout = clientDefaults.timeout,
    maxInFlight = clientDefaults.maxInFlight,
    maxWaiting = clientDefaults.maxWaiting,
    maxRequestBytes = clientDefaults.maxRequestBytes,
    retry = clientDefaults.retry,
    connectionName = clientDefaults.connectionName,
    telemetry,
  } = checkOptions('options', given as RpcClientOptions, clientOptionNames);
  const parsed = parseAmqpUrls(urls);
  return {
    urls: parsed,
    tls: checkTls(tls, parsed),
    reply: checkOneOf('reply', reply, Object.keys(replyDesigns) as ReplyDesign[]),
    timeout: checkTimeout(timeout),
    maxInFlight: checkInteger('maxInFlight', maxInFlight, 1),
    maxWaiting: checkInteger('maxWaiting', maxWaiting, 1),
    maxRequestBytes: checkInteger('maxRequestBytes', maxRequestBytes, 0),
    retry: checkBoolean('retry', retry),
    connectionName: checkShortText('connectionName', connectionName),
    telemetry: checkTelemetry(telemetry, 'call'),
  };
}

/**
 * The same for what waits.
 * @throws TypeError that names the option and the value
 */
export function normalizeWaitOptions(
  options: WaitOptions,
  client: ClientSettings,
): { readonly timeout: number; readonly signal: AbortSignal | undefined } {
  const { timeout, signal } = checkOptions('options', options, waitOptionNames);
  return { timeout: timeout === undefined ? client.timeout : checkTimeout(timeout), signal: checkSignal(signal) };
}

/**
 * The same for a call.
 * @param maxBytes how long the body may be
 * @param watched is told of the call
 * @throws TypeError that names the option and the value; RpcError if the body is too long
 */
export function normalizeCall(
  queue: string,
  body: string | Uint8Array,
  options: CallOptions,
  client: ClientSettings,
  maxBytes: number,
  watched: CallTelemetry | undefined,
): CallSettings {
  const { timeout, contentType, signal, headers, priority } = checkOptions('options', options, callOptionNames);
  return {
    queue: checkQueueName(queue),
    body: requestBody(body, maxBytes),
    timeout: timeout === undefined ? client.timeout : checkTimeout(timeout),
    contentType: contentType === undefined ? TEXT : checkContentType('contentType', contentType),
    signal: checkSignal(signal),
    headers: requestHeaders(headers, watched?.headers),
    priority: priority === undefined ? undefined : checkInteger('priority', priority, 0, 255),
    watched,
  };
}

function requestHeaders(given: CallOptions['headers'], added: CallTelemetry['headers']): CallSettings['headers'] {
  const own = given === undefined ? undefined : checkHeaders(given);
  return own || added ? { ...own, ...added, [CANCEL_HEADER]: true } : undefined;
}

/** The request's octets: those of the caller's bytes at this moment. */
function requestBody(body: string | Uint8Array, maxBytes: number): Buffer {
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError(`body: expected a string or a Uint8Array, got ${describe(body)}; callJson() sends values`);
  if (body.length > maxBytes) throw tooLongError(body.length, maxBytes); // before it is copied
  const bytes = Buffer.from(body as Uint8Array); // also of a string
  if (bytes.length > maxBytes) throw tooLongError(bytes.length, maxBytes);
  return bytes;
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new TypeError(`signal: expected an AbortSignal, got ${describe(signal)}`);
}
