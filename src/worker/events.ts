import type { RpcError, RpcErrorCode } from '../protocol/errors.ts';
import type { ReplyAddressFault } from '../protocol/reply-address.ts';
import type { LogLevel } from './handler.ts';

/** Why a request was rejected without requeue. A dead-letter policy of the queue catches it. */
export type DropReason =
  | ReplyAddressFault
  /** Its caller is gone. Looked after when it was delivered before, or the worker is to look after each. */
  | 'caller-gone'
  /** It seems to end whatever worker gets it; its caller was sent an error reply. */
  | 'delivered-too-often';

/** What happens in a worker, for logs and metrics. Durations in ms. */
export type WorkerEvent =
  | { readonly type: 'connected'; readonly url: string }
  | { readonly type: 'queue'; readonly queue: string; readonly how: 'found' | 'declared' }
  /** Requests come in from now on. */
  | { readonly type: 'consuming'; readonly queue: string; readonly prefetch: number }
  /** The next attempt to connect comes after `delay`. */
  | { readonly type: 'disconnected'; readonly error: RpcError; readonly delay: number }
  /** The broker could not be asked whether the caller of a redelivered request is still there. */
  | { readonly type: 'probe-failed'; readonly error: RpcError }
  /** Not connected: the next attempt comes after `delay`. */
  | { readonly type: 'retrying'; readonly error: RpcError; readonly attempt: number; readonly delay: number }
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  /** As many requests as the worker may take were taken, and none is in hand: it takes no more, and has disconnected. */
  | { readonly type: 'spent'; readonly taken: number }
  /** A reply went out; `code` is that of an error reply, `OK` for an answer. */
  | {
      readonly type: 'answered';
      readonly code: RpcErrorCode | 'OK';
      readonly detail: string;
      readonly duration: number;
    }
  /** The handler threw something else than an RpcError; the caller is told no more than INTERNAL. */
  | { readonly type: 'handler-failed'; readonly error: unknown }
  /** The function logs something. */
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly text: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    }
  /** A request was rejected; `count` of this reason so far. `replyTo` tells the queue of a `refused-reply-to`. */
  | { readonly type: 'dropped'; readonly reason: DropReason; readonly count: number; readonly replyTo?: string }
  /** The channel that a request came by was lost before it was answered; the broker delivers it again. */
  | { readonly type: 'abandoned' };

/** A worker's counters since its start. */
export interface WorkerStats {
  /** Requests delivered, those that were delivered before included. */
  readonly received: number;
  readonly redelivered: number;
  /** Requests answered with a result. */
  readonly answered: number;
  /** Requests answered with an error reply. */
  readonly refused: number;
  /** Requests whose channel was lost before their answer was ready. */
  readonly abandoned: number;
  /** Requests rejected, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Requests in hand. */
  readonly inFlight: number;
}
