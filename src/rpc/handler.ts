/** A request, as a handler gets it. Its size has been checked. */
export interface RpcRequest {
  /** The body as it came. */
  readonly body: Buffer;
  /** Its `content_type`; undefined where the caller gave none. */
  readonly contentType: string | undefined;
}

/** What a handler may want to know besides the request. */
export interface RequestContext {
  /** True if the request was delivered before: a worker, or its connection, ended before the ack. */
  readonly redelivered: boolean;
  /**
   * When the caller stops waiting at the latest, in ms as `performance.now()` counts: arrival plus `expiration`, an upper
   * bound that needs no common clock. Undefined without `expiration`.
   */
  readonly deadline: number | undefined;
}

/**
 * Answers a request with text. It may run more than once for one call, so it must be idempotent. An RpcError that it
 * throws reaches the caller as it is; anything else becomes `INTERNAL`, and stays in the worker's log.
 */
export type RequestHandler = (request: RpcRequest, context: RequestContext) => string | Promise<string>;
