import type { RpcError } from '../protocol/errors.ts';
import type { RpcClient } from './client.ts';

/**
 * Watches clients and their calls, for traces and metrics; see `RpcClientOptions.telemetry`. `openTelemetry()` of
 * `fib-worker/opentelemetry` makes one. Nothing of it may throw.
 */
export interface ClientTelemetry {
  /** A client was made. Its events and its `stats()` may be used. */
  client(client: RpcClient): void;
  /** A call begins, in the async context of the code that makes it. */
  call(call: WatchedCall): CallTelemetry;
}

/** The parts of a call that are watched. */
export interface WatchedCall {
  /** The queue that the request goes to. */
  readonly queue: string;
  /** The broker's address, as the client's URL has it; undefined as long as it may be one of several. */
  readonly hostname: string | undefined;
  /** The port beside it. */
  readonly port: number | undefined;
}

/** Watches one call, retries included. */
export interface CallTelemetry {
  /** Sent with the request besides the call's own headers, and instead of those of the same name. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** It goes out again, after its channel or its connection was lost. */
  retried(error: RpcError): void;
  /** Its reply is here. */
  answered(): void;
  /** It rejects with `error`, which may be anything: the reason of an aborted signal, say. */
  failed(error: unknown): void;
}
