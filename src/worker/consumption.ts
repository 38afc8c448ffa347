import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Delivery } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import type { BrokerConnection } from '../amqp/connection.ts';
import { consumeRequests, declarePassively, openRequestQueue, REQUESTS } from '../amqp/queues.ts';
import { RpcError } from '../protocol/errors.ts';
import { Answerer, type QueueContext } from './answerer.ts';
import { ReturnedReplies } from './returned-replies.ts';

/** How long what is in hand may take after the broker cancelled the consumer, in ms. */
const CANCELLED_GRACE = 8_000;

/** A consumer's life: so long that not one request too many is delivered to it. */
interface Round {
  readonly prefetch: number;
  /** The number of the delivery with which it is to be cancelled, before that delivery is acknowledged. */
  readonly deliveries: number;
}

/**
 * The next round of a worker that may get `left` more requests (`Infinity` for any number).
 *
 * basic.qos bounds what is unacknowledged, not what comes. But the broker handles the methods of a channel in order (AMQP
 * 0-9-1, 4.7), so what is acknowledged after a basic.cancel brings nothing more: before it, `deliveries - 1` acks and
 * `prefetch` requests without one make at most `left`. The last requests come one at a time, so that the limit is kept
 * exactly, and nothing has to be sent back.
 *
 * A round must end with its channel: what a quorum queue had assigned to a consumer when it was cancelled, at most
 * `prefetch - 1` requests, is neither delivered nor given to another until the channel closes (seen on RabbitMQ 3.10 and
 * 4.3; classic queues don't). They count as redelivered then, so there is one round like that in a worker's life.
 */
function nextRound(prefetch: number, left: number): Round {
  return left > prefetch ? { prefetch, deliveries: left - prefetch + 1 } : { prefetch: 1, deliveries: left };
}

/** A queue's consumer for as long as its channel lives: what it is given, an {@link Answerer} answers. */
export class Consumption {
  /** Resolves with the reason when no request can come any more; without one, at the end of a round. */
  readonly ended: Promise<RpcError | undefined>;
  readonly #end: (error?: RpcError) => void;
  readonly #connection: BrokerConnection;
  readonly #channel: Channel;
  readonly #context: QueueContext;
  readonly #answerer: Answerer;
  readonly #returned: ReturnedReplies;
  readonly #onIdle = new Set<() => void>();
  #cancelled: Promise<unknown> | undefined;
  #cancelledByBroker = false;
  #untilCancel = Number.POSITIVE_INFINITY;
  #inFlight = 0;

  /** @param channelEnded resolves with the reason when the channel has ended */
  private constructor(
    connection: BrokerConnection,
    channel: Channel,
    channelEnded: Promise<RpcError>,
    context: QueueContext,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#context = context;
    this.#answerer = new Answerer(connection, channel, context);
    this.#returned = new ReturnedReplies(channel, () => connection.blocked);
    let end = (_error?: RpcError) => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.#end = (error) => {
      this.#answerer.abort();
      end(error);
    };
    void channelEnded.then((error) => this.#cancelledByBroker || this.#end(error));
  }

  /**
   * Finds or declares the queue and consumes it, on a channel of its own.
   * @param left how many requests it may get
   */
  static async start(connection: BrokerConnection, context: QueueContext, left: number): Promise<Consumption> {
    const { queue, journal } = context;
    let channelEnded = (_error: RpcError) => {};
    const untilChannelEnded = new Promise<RpcError>((resolve) => {
      channelEnded = resolve;
    });
    const onClosed = (error: Error | undefined) => channelEnded(explainChannelError(error));
    try {
      const { channel, how } = await openRequestQueue(connection, queue.declaration, onClosed);
      journal.tell({ type: 'queue', queue: queue.name, how });
      const consumption = new Consumption(connection, channel, untilChannelEnded, context);
      try {
        await consumption.#consume(nextRound(queue.prefetch, left));
        return consumption;
      } catch (error) {
        await consumption.close();
        throw error;
      }
    } catch (error) {
      throw explainChannelError(error);
    }
  }

  async #consume({ prefetch, deliveries }: Round): Promise<void> {
    const { name } = this.#context.queue;
    this.#untilCancel = deliveries;
    this.#channel.on('basic.cancel', (consumerTag) => {
      if (consumerTag === REQUESTS) void this.#onCancelled();
    });
    await this.#channel.basicQos({ prefetchCount: prefetch });
    await consumeRequests(this.#channel, name, (message) => this.#deliver(message));
    this.#context.journal.tell({ type: 'consuming', queue: name, prefetch });
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** To be called when the broker takes messages again. */
  unblocked(): void {
    this.#answerer.unblocked();
  }

  /** Consumes no further request, and resolves when those in hand are answered. */
  async drain(): Promise<void> {
    // a blocked broker confirms nothing; else, what was delivered before it confirms is in hand, too
    if (this.#channel.active) {
      const cancelled = this.#cancel();
      if (!this.#connection.blocked) await cancelled;
    }
    await this.#idle();
  }

  /** Acks what was answered; nothing is answered any more. To be called before the connection is closed, or when it is lost. */
  stop(): Promise<void> {
    return this.#answerer.close();
  }

  /** Ends it and its channel: what is still in hand goes back to the queue. */
  async close(): Promise<void> {
    const stopped = this.stop();
    await this.#channel.close();
    await stopped;
  }

  #cancel(): Promise<unknown> {
    this.#cancelled ??= this.#channel.basicCancel(REQUESTS).catch(() => {});
    return this.#cancelled;
  }

  /** The broker has ended the consumer, and does not say why: the queue was deleted, moved, or a request was in hand for too long. */
  async #onCancelled(): Promise<void> {
    // the channel lives: what is in hand can still be answered, and if the queue is gone would not be delivered again
    await Promise.race([this.#idle(), this.ended, delay(CANCELLED_GRACE, undefined, { ref: false })]);
    this.#cancelledByBroker = true; // the question may cost the channel
    this.#end(await this.#explainCancel());
  }

  async #explainCancel(): Promise<RpcError> {
    const { name } = this.#context.queue;
    try {
      if (!(await declarePassively(this.#channel, name)))
        return new RpcError('UNAVAILABLE', `the queue '${name}' was deleted`, { reason: 'NO_QUEUE' });
      const message = `RabbitMQ cancelled the consumer of the queue '${name}', which is still there; it does so when a request of a quorum queue is in hand for longer than its consumer_timeout`;
      return new RpcError('UNAVAILABLE', message, { reason: 'CONSUMER_CANCELLED' });
    } catch (error) {
      return explainChannelError(error);
    }
  }

  async #idle(): Promise<void> {
    await new Promise(setImmediate);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#onIdle.add(resolve));
    await this.#returned.settled();
  }

  #deliver(message: Delivery): void {
    this.#inFlight++;
    this.#context.onDelivery(message.redelivered);
    // the cancel goes out before this delivery can be acknowledged: see nextRound
    if (--this.#untilCancel === 0) void this.#cancel().then(() => this.#idle().then(() => this.#end()));
    try {
      const processed = this.#answerer.process(message);
      if (processed) processed.then(this.#done, this.#failed);
      else this.#done();
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #done = (): void => {
    if (--this.#inFlight > 0) return;
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle.clear();
  };

  readonly #failed = (error: unknown): void => {
    this.#done();
    this.#end(explainChannelError(error)); // nothing known does this; a new channel gets the request again
  };
}
