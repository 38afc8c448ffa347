import type { Channel, Delivery } from '../amqp/channel.ts';
import type { BrokerConnection } from '../amqp/connection.ts';
import { CANCEL_HEADER, CANCEL_TYPE, STARTED_TYPE } from '../protocol/cancel.ts';
import { errorCode } from '../protocol/errors.ts';
import { DIRECT_REPLY_TO } from '../protocol/reply-address.ts';
import type { Journal } from './events.ts';
import type { Run } from './function-runner.ts';

/** The consumer of cancels; unique in its channel. */
const CANCELS = 'cancels';

const NO_BODY = new Uint8Array();

/** A broker that says so has no Direct Reply-To for a worker, and would refuse it again. */
const REFUSALS = ['ACCESS_REFUSED', 'NOT_FOUND', 'PRECONDITION_FAILED', 'NOT_ALLOWED', 'NOT_IMPLEMENTED'];

/** A request that is being handled, and whose caller can cancel it. */
export interface CancellableRequest {
  readonly correlationId: string;
  /** Its reply address, as a routing key. */
  readonly caller: string;
  /** When it came, as `performance.now()` counts. */
  readonly arrived: number;
  readonly run: Run;
  cancelled: boolean;
}

/** Whether the caller of a request understands `started`, and can cancel. */
export function canCancel({ headers, correlationId, messageId }: Delivery): boolean {
  // the message id tells that the header is the caller's own, and none that somebody between passed on
  return !!correlationId && messageId === correlationId && headers?.[CANCEL_HEADER] === true;
}

/** The parts that it needs. */
export interface CancelsContext {
  readonly connection: BrokerConnection;
  readonly channel: Channel;
  readonly queue: string;
  /** When callers are told, in ms after their requests came. */
  readonly startedAfter: number;
  readonly journal: Journal;
}

/**
 * Lets callers cancel the requests of a channel that take long. Direct Reply-To works in this direction as well: from the first
 * such request on, the worker consumes the pseudo-queue on that channel, and gives the callers the channel's address in `started`.
 */
export class Cancels {
  readonly #context: CancelsContext;
  /** Requests whose callers have not been told yet, the oldest first: quick requests leave it again, and that is all they cost. */
  readonly #young = new Set<CancellableRequest>();
  /** Requests whose callers have been told, by correlation id. */
  readonly #told = new Map<string, CancellableRequest>();
  #consuming = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: CancelsContext) {
    this.#context = context;
  }

  /** A request is being handled; to be called for those that {@link canCancel}. */
  add(request: CancellableRequest): void {
    this.#young.add(request);
    if (!this.#timer && this.#young.size === 1) this.#tellIn(this.#context.startedAfter);
  }

  /** The request has its outcome. */
  remove(request: CancellableRequest): void {
    if (this.#young.delete(request)) return;
    const { correlationId } = request;
    if (this.#told.get(correlationId) === request) this.#told.delete(correlationId);
  }

  /** Tells those whose time has come; also to be called when the broker takes messages again. */
  readonly tellDue = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { connection, channel, startedAfter, journal } = this.#context;
    if (this.#young.size === 0 || connection.blocked || !channel.active || journal.cancelRefused) return;
    const due = performance.now() - startedAfter;
    for (const request of this.#young) {
      if (request.arrived > due) {
        this.#tellIn(request.arrived - due);
        return;
      }
      if (!this.#consuming) this.#consume();
      this.#tell(request);
    }
  };

  /** Nobody is told any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#young.clear();
  }

  #tellIn(ms: number): void {
    // once the sockets have been read: where something held the event loop, what a function waits for may be in them
    this.#timer = setTimeout(setImmediate, ms, this.tellDue).unref();
  }

  #tell(request: CancellableRequest): void {
    const { correlationId, caller } = request;
    this.#young.delete(request);
    if (this.#told.has(correlationId)) return; // a second one of that name can't be told from the first
    this.#told.set(correlationId, request);
    const message = { exchange: '', routingKey: caller, correlationId, replyTo: DIRECT_REPLY_TO, type: STARTED_TYPE };
    // not mandatory: that a reply queue is unknown says no more than that this node may not have heard of it yet
    this.#context.channel.publish({ ...message, durable: false }, NO_BODY);
  }

  /** Waits for no answer: the broker takes the methods of a channel in order (AMQP 0-9-1, 4.7), and a basic.cancel must never wait for one. */
  #consume(): void {
    this.#consuming = true;
    const { channel, journal } = this.#context;
    channel.on('error', (error) => {
      const refused = REFUSALS.includes(errorCode(error) ?? '') && String(error).includes('BasicConsume');
      if (refused) journal.cancelRefused = true;
    });
    const consumer = { queue: DIRECT_REPLY_TO, noAck: true, nowait: true, consumerTag: CANCELS };
    void channel.basicConsume(consumer, (message) => this.#onMessage(message));
  }

  /** The correlation id, which nobody else can guess, is the only right to cancel. */
  #onMessage({ type, correlationId = '' }: Delivery): void {
    const request = type === CANCEL_TYPE ? this.#told.get(correlationId) : undefined;
    if (!request) {
      this.#context.journal.strayCancel(this.#context.queue);
      return;
    }
    this.#told.delete(correlationId);
    request.cancelled = true;
    request.run.cancel();
  }
}
