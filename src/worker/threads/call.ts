import type { RpcErrorCode } from '../../protocol/errors.ts';
import type { WorkerEvent } from '../events.ts';
import type { ThreadTask } from './messages.ts';
import type { ThreadScript } from './thread.ts';

/** What happens to threads, for logs and metrics. */
export interface ThreadEvent {
  /** A thread ended; another one takes its place after `delay` ms. */
  readonly type: 'thread-ended';
  /** `time-limit`: its call did not end in time; else the thread ended by itself. */
  readonly why: 'time-limit' | 'out-of-memory' | 'crashed';
  /** What nobody caught in it. */
  readonly error?: Error;
  readonly delay: number;
}

/** What a pool and its slots go by. */
export interface PoolSettings {
  readonly script: ThreadScript;
  /** How long a call may run, in ms, whatever its deadline: its caller chose that, and a thread is not the caller's. */
  readonly maxRun: number;
  /** Makes the error that a caller gets. */
  readonly toError: (code: RpcErrorCode, message: string) => Error;
  readonly onEvent: (event: WorkerEvent | ThreadEvent) => void;
}

/** When a call has to be over, besides the pool's `maxRun`. */
export interface CallLimits {
  /** As `performance.now()` counts; undefined: never. */
  readonly deadline: number | undefined;
  /** Aborts when the answer can reach nobody any more, be it that the deadline passed. */
  readonly signal: AbortSignal;
}

/** A call, waiting or in a thread. */
export interface Call extends CallLimits {
  readonly task: ThreadTask;
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether the deadline of a call has passed. */
export function timeIsUp({ deadline }: CallLimits): boolean {
  return deadline !== undefined && performance.now() >= deadline;
}
