import type { HandlerReply, ReplyError } from '../../protocol/reply.ts';
import type { RequestIds } from '../../protocol/request-ids.ts';
import type { WorkerEvent } from '../events.ts';
import type { RunnerMessage } from '../function-runner.ts';

/** A request on its way to a thread, and which of its functions is to answer. */
export type ThreadTask = Omit<RunnerMessage, 'body'> & {
  readonly function: number;
  readonly body: Uint8Array;
  /** How long it may be once it is not compressed any more, in bytes. */
  readonly maxRequestBytes: number;
};

/** A reply on its way back. */
export type ThreadReply = HandlerReply & { readonly body: Uint8Array<ArrayBuffer> };

/** A message to a thread, with the number of the call that it is about. It runs one task at a time. */
export type ToThread =
  /** `timeLeft` in ms: threads have no clock in common but the system's, which may be set. */
  | {
      readonly type: 'run';
      readonly call: number;
      readonly task: ThreadTask;
      readonly timeLeft: number | undefined;
    }
  /** The answer to what runs can reach nobody any more: its caller cancelled it, or it can't go out. */
  | { readonly type: 'abort'; readonly call: number; readonly cancelled: boolean };

/** A message of a thread, with the number of the call that it is about. */
export type FromThread =
  /** The thread has loaded the function, and is free for a task. */
  | { readonly type: 'ready' }
  /** The thread is done with its task, and is free for the next one. */
  | { readonly type: 'done'; readonly call: number; readonly result: ThreadReply | ReplyError }
  | { readonly type: 'event'; readonly call: number; readonly event: WorkerEvent }
  /** The function threw something; errors don't survive the way, so this is what a log says of it. */
  | {
      readonly type: 'threw';
      readonly call: number;
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      readonly ids: RequestIds;
    };

/** An event of threads, for logs and metrics. One that cost a call has the ids of its request. */
export type ThreadEvent =
  /** A thread ended; another one takes its place after `delay` ms. */
  | ({
      readonly type: 'thread-ended';
      /** `time-limit`: its call did not end in time; `cancelled`: nor when its caller cancelled it; else the thread ended by itself. */
      readonly why: 'time-limit' | 'cancelled' | 'out-of-memory' | 'crashed';
      /** The error that nobody caught in it. */
      readonly error?: Error;
      readonly delay: number;
    } & RequestIds)
  /** A thread said something that fits nothing, and nobody heeds it; told once for each thread. */
  | { readonly type: 'thread-message-ignored'; readonly what: string };
