import type { RpcErrorCode } from '../protocol/errors.ts';
import type { RejectReason } from './events.ts';

/**
 * Watches the requests of workers, for traces and metrics; see `RpcWorkerOptions.telemetry`. `openTelemetry()` of
 * `fib-worker/opentelemetry` makes one. Nothing of it may throw.
 */
export interface WorkerTelemetry {
  /** A request was delivered. */
  request(request: WatchedRequest): RequestTelemetry;
}

/** The parts of a request that are watched. Anyone may have written them. */
export interface WatchedRequest {
  /** The queue that it came from. */
  readonly queue: string;
  /** Its header table; null where that can't be decoded, undefined where there is none. */
  readonly headers: Readonly<Record<string, unknown>> | null | undefined;
  /** Its `correlation_id`; undefined where the caller gave none. */
  readonly correlationId: string | undefined;
  /** True if it was delivered before. */
  readonly redelivered: boolean;
}

/** Watches one request. Either `answered()` or `unanswered()` ends it. */
export interface RequestTelemetry {
  /** Runs the function, which `run` calls, in the request's async context: calls that it makes belong to the request. */
  run<T>(run: () => T): T;
  /** Its reply went out; `code` is that of an error reply, `OK` for an answer, and `detail` its message. */
  answered(code: RpcErrorCode | 'OK', detail: string): void;
  /** It was rejected for this reason; or cancelled by its caller; or abandoned: its channel was lost, and the broker delivers it again. */
  unanswered(why: RejectReason | 'cancelled' | 'abandoned'): void;
}
