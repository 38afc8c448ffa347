import type { RpcErrorCode } from '../../protocol/errors.ts';
import type { WorkerEvent } from '../events.ts';

/** A request on its way to a thread. */
export interface ThreadTask {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  readonly redelivered: boolean;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What the caller is told instead of a reply, as gRPC names it. */
export interface ThreadFailure {
  readonly code: RpcErrorCode;
  readonly message: string;
}

/** What a thread is sent. It runs one task at a time. */
export type ToThread =
  /** `timeLeft` in ms: threads have no clock in common but the system's, which may be set. */
  | { readonly type: 'run'; readonly task: ThreadTask; readonly timeLeft: number | undefined }
  /** The answer to what runs can reach nobody any more. */
  | { readonly type: 'abort' };

/** What a thread sends. */
export type FromThread =
  /** It has loaded the function, and takes a task. */
  | { readonly type: 'ready' }
  /** It is done with its task, and takes the next one. */
  | { readonly type: 'done'; readonly result: Uint8Array | ThreadFailure }
  | { readonly type: 'event'; readonly event: WorkerEvent }
  /** The function threw something; errors don't survive the way, so this is what a log says of it. */
  | { readonly type: 'threw'; readonly name: string; readonly message: string; readonly stack: string | undefined };
