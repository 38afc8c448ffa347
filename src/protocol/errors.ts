import { cut } from './text.ts';

/**
 * gRPC's canonical status codes, without OK: what a failed call is called on the wire and in the API. The list is open:
 * a later version may know more.
 * @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html
 */
export const rpcErrorCodes = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/**
 * Whether a code tells that the worker failed, rather than that it refused what its caller asked for.
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/#server
 */
export function isWorkerFault(code: RpcErrorCode | 'OK'): boolean {
  return faults.has(code);
}

const faults: ReadonlySet<string> = new Set<RpcErrorCode>([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** One of gRPC's canonical status codes, see {@link rpcErrorCodes}. */
export type RpcErrorCode = (typeof rpcErrorCodes)[number];

/**
 * Why a call failed: what a program branches on when the status code alone is too coarse. The list is open: a later
 * version may know more, and a function may give its errors reasons of its own.
 */
export const rpcErrorReasons = [
  /** The worker answered with an error. */
  'ERROR_REPLY',
  /** The time limit of the call passed. */
  'TIMEOUT',
  /** There is no such queue (`basic.return` 312 NO_ROUTE), or it can't be used. */
  'NO_QUEUE',
  /** The queue is of a kind that can't hold requests: a stream. */
  'WRONG_QUEUE',
  /** No broker could be reached, or not within the time limit. */
  'NO_BROKER',
  /** The broker refused the login, the virtual host or the operation. */
  'ACCESS_REFUSED',
  /** The broker closed the channel, and would again (406 PRECONDITION_FAILED). */
  'REFUSED',
  /** The broker allows the connection no further channel. */
  'CHANNEL_LIMIT',
  /** The channel or the connection that the reply was to come by was lost. */
  'CONNECTION_LOST',
  /** The client, or the worker, was closed. */
  'CLOSED',
  /** In the worker: the call was aborted, its time limit passed, or its client was closed. */
  'CANCELLED_BY_CALLER',
  /** The broker ended a consumer whose queue is still there. */
  'CONSUMER_CANCELLED',
  /** `maxWaiting` calls wait already. */
  'TOO_MANY_CALLS',
  /** A request or a reply is longer than the broker, the worker or the client allows. */
  'TOO_LARGE',
  /** A body is not what it says, or not what was asked for: text, JSON, something compressed. */
  'UNREADABLE',
  /** A request, a reply or an error's data does not fit the function's schema; `issues` says where. */
  'SCHEMA_MISMATCH',
  /** A body's `content_encoding` is one that nobody here can undo. */
  'UNSUPPORTED_ENCODING',
  /** A body is an AMQP 1.0 value that is no single string, symbol, binary or whole number. */
  'UNSUPPORTED_AMQP_1_0',
  /** A function failed with something that is no error for its caller; the worker's log has it. */
  'FUNCTION_FAILED',
  /** A request was delivered too often without an answer. */
  'DELIVERED_TOO_OFTEN',
  /** A function ran out of memory. */
  'OUT_OF_MEMORY',
] as const;

/** Why a call failed, see {@link rpcErrorReasons}; any other string is a reason that a function gave. */
export type RpcErrorReason = (typeof rpcErrorReasons)[number] | (string & {});

/** One thing that is wrong with a value, such as a request, and where. */
export interface RpcIssue {
  /** A JSON pointer (RFC 6901), such as `/items/0/sku`; empty for the whole value. */
  readonly path: string;
  /** What is wrong there. */
  readonly message: string;
}

/** The parts of an {@link RpcError} besides its code and message. */
export interface RpcErrorOptions {
  /**
   * Why, machine-readable. A reason of one's own reaches the caller if it is written as `OUT_OF_STOCK` is: capitals, digits and
   * underscores, at most 64. One of {@link rpcErrorReasons} stays on this side, and the caller's error has `ERROR_REPLY`.
   */
  readonly reason?: RpcErrorReason | undefined;
  /** What is wrong with the request, and where, for the caller: the first 16 reach him. */
  readonly issues?: readonly RpcIssue[] | undefined;
  /** A JSON value for the caller, who gets it as the `data` of his error: at most 32 KiB as JSON. */
  readonly data?: unknown;
  /** The error beneath. It stays on this side. */
  readonly cause?: unknown;
  /** The correlation id of the call that failed. It stays on this side. */
  readonly correlationId?: string | undefined;
}

/** By this every copy of the package knows the errors of the others. */
const BRAND = Symbol.for('fib-worker.RpcError');

/** The one error class of this library. `message` says what to do, `cause` what lies beneath. */
export class RpcError extends Error {
  /** The name of the class, by which logs tell it. */
  override readonly name = 'RpcError';
  /** The kind of failure, as a gRPC status code. */
  readonly code: RpcErrorCode;
  /** Why; set for every error that is made on this side, undefined for what a function throws without one. */
  readonly reason: RpcErrorReason | undefined;
  /** The function's own details, a JSON value; undefined if there are none. */
  readonly data: unknown;
  /** What is wrong with the request, or the reply, and where; undefined where nobody said. */
  readonly issues: readonly RpcIssue[] | undefined;
  /** The correlation id of a call that was answered with an error, or not in time: the worker's log has it in each line about the call. */
  readonly correlationId: string | undefined;

  /** @throws TypeError if `code` is none */
  constructor(
    code: RpcErrorCode,
    message: string,
    { reason, data, issues, cause, correlationId }: RpcErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    // a function in JavaScript gets no help from types
    if (!isRpcErrorCode(code))
      throw new TypeError(`RpcError: expected a code such as INVALID_ARGUMENT, got '${String(code)}'`);
    this.code = code;
    this.reason = reason;
    this.data = data;
    this.issues = issues;
    this.correlationId = correlationId;
  }

  /**
   * True: see {@link isRpcError}.
   * @internal
   */
  get [BRAND](): true {
    return true;
  }
}

/**
 * True if `value` is an {@link RpcError}, also one of another copy of this package, which `instanceof` does not know. Nothing
 * else is certain about what strangers throw: any property may be missing, or throw.
 */
export function isRpcError(value: unknown): value is RpcError {
  try {
    return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
  } catch {
    return false; // a Proxy, say
  }
}

/** True if `value` is one of {@link rpcErrorCodes}. */
export function isRpcErrorCode(value: unknown): value is RpcErrorCode {
  return (rpcErrorCodes as readonly unknown[]).includes(value);
}

/** True for a reason of a function's own, one that may cross the wire: none of this library's, written in capitals. */
export function isOwnReason(reason: unknown): reason is string {
  return (
    typeof reason === 'string' &&
    /^[A-Z][A-Z0-9_]{0,63}$/.test(reason) &&
    !(rpcErrorReasons as readonly string[]).includes(reason)
  );
}

/** How many issues cross the wire, and how long their parts may be, in UTF-16 units. */
export const MAX_ISSUES = 16;
const MAX_PATH = 200;
const MAX_ISSUE = 300;

/** The issues in a list that anybody may have made, bounded; undefined where there are none. */
export function boundedIssues(list: unknown): readonly RpcIssue[] | undefined {
  if (!Array.isArray(list)) return undefined;
  // a list of a class of its own, as arktype's, has a `slice` of its own
  const first = Array.from({ length: Math.min(list.length, MAX_ISSUES) }, (_, index): unknown => list[index]);
  const issues = first.flatMap((one) => {
    const { path, message } = Object(one) as Readonly<Record<string, unknown>>;
    if (typeof path !== 'string' || typeof message !== 'string') return [];
    return [{ path: cut(path, MAX_PATH), message: cut(message, MAX_ISSUE) }];
  });
  return issues.length > 0 ? issues : undefined;
}

/** The `code` of a system or AMQP error, such as `ECONNREFUSED` or `ACCESS_REFUSED`; undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
