/**
 * gRPC's canonical status codes, without OK: what a failed call is called on the wire and in the API.
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

/** One of gRPC's canonical status codes, see {@link rpcErrorCodes}. */
export type RpcErrorCode = (typeof rpcErrorCodes)[number];

/** Where a call failed: what a program branches on when the status code alone is too coarse. */
export const rpcErrorReasons = [
  /** The worker received the request and answered with an error. */
  'ERROR_REPLY',
  /** The time limit of the call passed. */
  'TIMEOUT',
  /** The broker returned the request: there is no such queue (`basic.return` 312 NO_ROUTE). */
  'NO_QUEUE',
  /** No broker could be reached, be it within the time limit. */
  'NO_BROKER',
  /** The broker refused the login, the virtual host or the operation. */
  'ACCESS_REFUSED',
  /** The channel or the connection that the reply was to come by was lost. */
  'CONNECTION_LOST',
  /** The client was closed. */
  'CLOSED',
] as const;

/** Where a call failed, see {@link rpcErrorReasons}. */
export type RpcErrorReason = (typeof rpcErrorReasons)[number];

/** The one error class of this library. `message` says what to do, `cause` what lies beneath. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** What failed, as a gRPC status code. */
  readonly code: RpcErrorCode;
  /** Where it failed; undefined for an error that a handler throws. */
  readonly reason: RpcErrorReason | undefined;

  constructor(code: RpcErrorCode, message: string, options: { reason?: RpcErrorReason; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // a function in JavaScript gets no help from types
    if (!isRpcErrorCode(code))
      throw new TypeError(`RpcError: expected a code such as INVALID_ARGUMENT, got '${String(code)}'`);
    this.code = code;
    this.reason = options.reason;
  }
}

/** True if `value` is one of {@link rpcErrorCodes}. */
export function isRpcErrorCode(value: unknown): value is RpcErrorCode {
  return (rpcErrorCodes as readonly unknown[]).includes(value);
}

/** The `code` of a system or AMQP error, such as `ECONNREFUSED` or `ACCESS_REFUSED`; undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
