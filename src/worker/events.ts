import type { Delivery } from '../amqp/channel.ts';
import { messageSizeLimit } from '../amqp/channel-errors.ts';
import { MAX_BODY_BYTES } from '../protocol/body.ts';
import { errorCode, type RpcError, type RpcErrorCode } from '../protocol/errors.ts';
import type { ReplyAddressFault } from '../protocol/reply-address.ts';
import { type RequestIds, requestIds } from '../protocol/request-ids.ts';
import type { LogLevel } from './handler.ts';

/** Why a request was rejected without requeue. A dead-letter policy of the queue catches it. */
export type RejectReason =
  | ReplyAddressFault
  /** Its caller is gone. Looked up when the request was delivered before, or the worker is to look up each caller. */
  | 'caller-gone'
  /** The request seems to end each worker that gets it; its caller was sent an error reply. */
  | 'delivered-too-often';

/**
 * An event of a worker, for logs and metrics. Durations in ms. One about a request has the ids that its caller gave it, for
 * which anybody may have written anything. The list is open: a later version may tell more.
 */
export type WorkerEvent =
  | { readonly type: 'connected'; readonly url: string }
  | { readonly type: 'queue'; readonly queue: string; readonly how: 'found' | 'declared' }
  /** Requests come in from now on. */
  | { readonly type: 'consuming'; readonly queue: string; readonly prefetch: number }
  /** The connection was lost, or with `queue` that queue's channel alone. The next attempt comes after `delay`. */
  | { readonly type: 'disconnected'; readonly queue?: string; readonly error: RpcError; readonly delay: number }
  /** Not connected, or with `queue` not consuming that queue: the next attempt comes after `delay`. */
  | {
      readonly type: 'retrying';
      readonly queue?: string;
      readonly error: RpcError;
      readonly attempt: number;
      readonly delay: number;
    }
  /** The broker could not be asked whether a caller is still there. */
  | ({ readonly type: 'probe-failed'; readonly error: RpcError } & RequestIds)
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  /** The queue has had its `maxRequests`, and none of them is in hand: no more is consumed. */
  | { readonly type: 'max-requests'; readonly queue: string; readonly requests: number }
  /** A reply went out; `code` is that of an error reply, `OK` for an answer. */
  | ({
      readonly type: 'answered';
      readonly queue: string;
      readonly code: RpcErrorCode | 'OK';
      readonly detail: string;
      readonly duration: number;
    } & RequestIds)
  /**
   * A run goes on past its deadline, or although it was cancelled; nobody waits for it, and its place is free. `running` such there are now, and with
   * `limit` of them the worker counts as stuck.
   */
  | ({
      readonly type: 'overrun';
      readonly queue: string;
      readonly running: number;
      readonly limit: number;
    } & RequestIds)
  /** Such a run has ended. */
  | ({
      readonly type: 'overrun-ended';
      readonly queue: string;
      readonly running: number;
      readonly limit: number;
    } & RequestIds)
  /**
   * The function threw something that is no error for its caller, who is told no more than INTERNAL. Where nobody listens, the first
   * is reported as a warning of the process, `FIB_WORKER_HANDLER`.
   */
  | ({ readonly type: 'handler-failed'; readonly queue?: string; readonly error: unknown } & RequestIds)
  /** The function logs something. */
  | ({
      readonly type: 'log';
      readonly level: LogLevel;
      readonly text: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    } & RequestIds)
  /** A request was rejected; `count` of this reason so far. `replyTo` tells the queue of a `refused-reply-to`. */
  | ({
      readonly type: 'rejected';
      readonly queue: string;
      readonly reason: RejectReason;
      readonly count: number;
      readonly replyTo?: string;
    } & RequestIds)
  /**
   * A request was to be rejected that this queue has rejected `times` times already, and got back each time by its dead
   * letters: it was acked instead, or it would come back for ever.
   */
  | ({
      readonly type: 'dead-letter-cycle';
      readonly queue: string;
      readonly reason: RejectReason;
      readonly times: number;
    } & RequestIds)
  /** The channel that a request came by was lost before it was answered; the broker delivers it again. */
  | ({ readonly type: 'abandoned'; readonly queue: string } & RequestIds)
  /** A request's caller cancelled it, `duration` after it came: it was acked without a reply. */
  | ({ readonly type: 'cancelled'; readonly queue: string; readonly duration: number } & RequestIds)
  /** A cancel came that fits no request in hand: it was answered by then, or cancelled, or the cancel was made up. `count` so far. */
  | { readonly type: 'stray-cancel'; readonly queue: string; readonly count: number };

/** A worker's counters since its start. */
export interface WorkerStats {
  /** Requests that the broker delivered, again or for the first time. */
  readonly requests: number;
  /** Requests among them that had been delivered before. */
  readonly redelivered: number;
  /** Requests answered with a result. */
  readonly answered: number;
  /** Requests answered with an error reply. */
  readonly refused: number;
  /** Requests whose channel was lost before their answer was ready. */
  readonly abandoned: number;
  /** Requests acked without a reply, because their callers cancelled them. */
  readonly cancelled: number;
  /** Cancels that fitted no request in hand. */
  readonly strayCancels: number;
  /** Requests rejected, by reason. */
  readonly rejected: Readonly<Record<RejectReason, number>>;
  /** Requests that were acked instead of rejected once more, because dead letters come back to their queue. */
  readonly deadLetterCycles: number;
  /** Runs that went on past their deadline. */
  readonly overrun: number;
  /** Those of them that go on now. */
  readonly overrunning: number;
  /** Requests in hand. */
  readonly inFlight: number;
}

/** How long each caller is looked up before its request is handled, in ms, once a reply address ended the connection. */
const SUSPICION = 60_000;

/** What a worker has seen so far: it counts that, tells of it, and learns, so that what ended a channel does so once only. */
export class Journal {
  readonly tell: (event: WorkerEvent) => void;
  readonly #rejected: Record<RejectReason, number> = {
    'missing-reply-to': 0,
    'malformed-reply-to': 0,
    'refused-reply-to': 0,
    'caller-gone': 0,
    'delivered-too-often': 0,
  };
  #requests = 0;
  #redelivered = 0;
  #answered = 0;
  #refused = 0;
  #abandoned = 0;
  #cancelled = 0;
  #strayCancels = 0;
  #cycles = 0;
  #overrun = 0;
  #overrunning = 0;
  #maxReplyBytes = MAX_BODY_BYTES;
  #suspiciousUntil = 0;
  /** Whether the broker gave no address that callers could cancel at: then it is not asked again. */
  cancelRefused = false;

  /** @param tell gets the events */
  constructor(tell: (event: WorkerEvent) => void) {
    this.tell = tell;
  }

  delivered(redelivered: boolean): void {
    this.#requests++;
    if (redelivered) this.#redelivered++;
  }

  answered(queue: string, message: Delivery, code: RpcErrorCode | 'OK', detail: string, duration: number): void {
    if (code === 'OK') this.#answered++;
    else this.#refused++;
    const { correlationId, traceparent } = requestIds(message); // not spread: it is told for each request
    this.tell({ type: 'answered', queue, code, detail, duration, correlationId, traceparent });
  }

  rejected(queue: string, message: Delivery, reason: RejectReason): void {
    const count = ++this.#rejected[reason];
    const { replyTo } = message;
    const named = reason === 'refused-reply-to' && replyTo !== undefined ? { replyTo } : {};
    this.tell({ type: 'rejected', queue, reason, count, ...named, ...requestIds(message) });
  }

  cycle(queue: string, message: Delivery, reason: RejectReason, times: number): void {
    this.#cycles++;
    this.tell({ type: 'dead-letter-cycle', queue, reason, times, ...requestIds(message) });
  }

  abandoned(queue: string, message: Delivery): void {
    this.#abandoned++;
    this.tell({ type: 'abandoned', queue, ...requestIds(message) });
  }

  cancelled(queue: string, message: Delivery, duration: number): void {
    this.#cancelled++;
    this.tell({ type: 'cancelled', queue, duration, ...requestIds(message) });
  }

  strayCancel(queue: string): void {
    this.tell({ type: 'stray-cancel', queue, count: ++this.#strayCancels });
  }

  overrun(queue: string, request: RequestIds, running: number, limit: number): void {
    this.#overrun++;
    this.#overrunning++;
    this.tell({ type: 'overrun', queue, running, limit, ...request });
  }

  overrunEnded(queue: string, request: RequestIds, running: number, limit: number): void {
    this.#overrunning--;
    this.tell({ type: 'overrun-ended', queue, running, limit, ...request });
  }

  /** The longest reply that the broker takes, as far as is known, in bytes. */
  get maxReplyBytes(): number {
    return this.#maxReplyBytes;
  }

  /**
   * Whether to look up each caller before answering. On RabbitMQ 3.10 a reply to an address on a dead node ends the
   * connection (541), and when a node dies there are as many of them as it had callers.
   */
  get suspicious(): boolean {
    return performance.now() < this.#suspiciousUntil;
  }

  /** Learns from what ended a channel. True if a single request did, so that there is no reason to wait. */
  learn(error: RpcError): boolean {
    if (errorCode(error.cause) === 'INTERNAL_ERROR') {
      const known = this.#suspiciousUntil > performance.now();
      this.#suspiciousUntil = performance.now() + SUSPICION;
      return !known; // what comes again although each caller is looked up has another reason
    }
    const limit = messageSizeLimit(error);
    if (limit === undefined || limit >= this.#maxReplyBytes) return false;
    this.#maxReplyBytes = limit;
    return true;
  }

  stats(inFlight: number): WorkerStats {
    return {
      requests: this.#requests,
      redelivered: this.#redelivered,
      answered: this.#answered,
      refused: this.#refused,
      abandoned: this.#abandoned,
      cancelled: this.#cancelled,
      strayCancels: this.#strayCancels,
      rejected: { ...this.#rejected },
      deadLetterCycles: this.#cycles,
      overrun: this.#overrun,
      overrunning: this.#overrunning,
      inFlight,
    };
  }
}
