import { type BodyMessage, ReceivedBody } from '../protocol/body.ts';
import type { HandlerResult } from '../protocol/reply.ts';

/** A request, as a function gets it. Its size has been checked. */
export class RpcRequest extends ReceivedBody {
  /**
   * @param maxBytes how long it may be once nothing is compressed any more
   * @internal
   */
  constructor(message: BodyMessage, maxBytes: number) {
    super(message, 'request', maxBytes);
  }
}

/** How bad a {@link FunctionLog} line is. */
export type LogLevel = 'info' | 'warn' | 'error';

/** The worker's log, for a function: a message, and figures if there are any. Nothing that it is given can forge a line. */
export type FunctionLog = Readonly<
  Record<LogLevel, (message: string, fields?: Readonly<Record<string, unknown>>) => void>
>;

/** The context of a request, for the function; `Options` are the values of its own options. */
export interface RequestContext<Options = Readonly<Record<string, unknown>>> {
  /** True if the request was delivered before: a worker, or its connection, ended before the ack. */
  readonly redelivered: boolean;
  /**
   * When the answer is to be there at the latest, in ms as `performance.now()` counts: arrival plus the caller's `expiration`,
   * an upper bound that needs no common clock, or the worker's own limit for a run if that comes first. Undefined where there
   * is neither.
   */
  readonly deadline: number | undefined;
  /**
   * Aborts when the answer can reach nobody any more: the deadline passed (its reason is an RpcError
   * `DEADLINE_EXCEEDED`); the caller cancelled (`CANCELLED`); the connection was lost, or the worker is stopping and its grace is over (`UNAVAILABLE`: the
   * broker delivers the request again). SIGTERM alone does not abort it: what is in hand is still answered.
   */
  readonly signal: AbortSignal;
  /**
   * The message's header table, made of objects without a prototype; empty where there is none, or it can't be decoded.
   * Integers are numbers (rounded past 2^53), timestamps numbers in seconds, decimals `{ scale, value }`, byte arrays
   * Buffers. Anyone may have written it.
   */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The request's `correlation_id`, one character an octet; undefined where the caller gave none. */
  readonly correlationId: string | undefined;
  /** The request's `message_id`, one character an octet; undefined where the caller gave none. */
  readonly messageId: string | undefined;
  /** The request's header `traceparent`; undefined where there is none, or not in the form that W3C's Trace Context gives it. */
  readonly traceparent: string | undefined;
  /** The worker's log; a line has the request's ids. */
  readonly log: FunctionLog;
  /** The values of the function's own options. */
  readonly options: Options;
}

/**
 * Answers a request. It may run more than once for one call, so it must be idempotent. An RpcError that it throws reaches the
 * caller as it is; anything else becomes `INTERNAL`, and stays in the worker's log.
 */
export type RequestHandler = (
  request: RpcRequest,
  context: RequestContext,
) => HandlerResult | PromiseLike<HandlerResult>;
