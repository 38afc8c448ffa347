import type { Channel } from '../amqp/channel.ts';
import type { RightReplyAddress } from '../protocol/reply-address.ts';

/** A reply on its way out. */
export interface OutgoingReply {
  readonly to: RightReplyAddress;
  readonly body: Buffer;
  /** The octets are the function's own, which it may fill anew as soon as it goes on. */
  readonly borrowed?: boolean | undefined;
  readonly contentType: string;
  /** `error` for an error reply. */
  readonly type?: string | undefined;
  readonly correlationId: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Settles the deliveries of a channel that has one consumer: the one place that knows the order, which is the reply and then
 * the ack. A channel's methods go out in the order in which they were called, so no ack can overtake its reply.
 */
export class Settler {
  readonly #channel: Channel;
  /** Neither answered nor rejected, the oldest first. */
  readonly #inHand = new Set<number>();
  /** The tags of a channel count its deliveries: 1, 2, 3 … */
  #last = 0;
  /** Whose reply is out, but not their ack. */
  #replied: number[] = [];
  readonly #onWrite = (): void => this.flush();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** A delivery came. */
  take(deliveryTag: number): void {
    this.#inHand.add(deliveryTag);
    this.#last = deliveryTag;
  }

  /**
   * Sends the reply to a delivery, and acks it when this turn of the event loop ends, in the same write.
   * @returns what is wrong with a reply that can't be sent at all; the delivery then still is in hand
   */
  replyThenAck(deliveryTag: number, reply: OutgoingReply): unknown {
    const error = this.#publish(reply);
    if (error === undefined) this.#ackLater(deliveryTag);
    return error;
  }

  /** Sends a reply to a delivery that is then to be rejected. */
  reply(reply: OutgoingReply): void {
    this.#publish(reply);
  }

  /** Acks a delivery that gets no reply. */
  ack(deliveryTag: number): void {
    this.#inHand.delete(deliveryTag);
    this.#channel.basicAck({ deliveryTag });
  }

  /** Rejects a delivery, without requeue. */
  reject(deliveryTag: number): void {
    this.#inHand.delete(deliveryTag);
    this.#channel.basicNack({ deliveryTag, requeue: false });
  }

  /**
   * Acks each delivery whose reply is out: by one `basic.ack` with `multiple` as far as no older delivery is in hand, so that
   * the broker, too, has less to do. To be called before the channel is closed; else it is done when the turn ends.
   * @see https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter
   */
  flush(): void {
    const replied = this.#replied;
    this.#replied = [];
    if (!this.#channel.active) return; // the broker delivers them again
    const [oldest = this.#last + 1] = this.#inHand;
    let upTo = 0;
    for (const deliveryTag of replied) {
      if (deliveryTag > oldest) this.#channel.basicAck({ deliveryTag });
      else if (deliveryTag > upTo) upTo = deliveryTag;
    }
    if (upTo > 0) this.#channel.basicAck({ deliveryTag: upTo, multiple: true });
  }

  #ackLater(deliveryTag: number): void {
    this.#inHand.delete(deliveryTag);
    if (this.#replied.push(deliveryTag) === 1) this.#channel.beforeWrite(this.#onWrite);
  }

  #publish({ to, body, borrowed, contentType, type, correlationId, headers }: OutgoingReply): unknown {
    const message = {
      exchange: '',
      routingKey: to.address,
      correlationId,
      contentType,
      type,
      headers,
      durable: false,
      bodyStays: !borrowed,
      // never for a direct reply: up to RabbitMQ 4.1 it comes back as unroutable although it was delivered
      mandatory: !to.direct,
    };
    try {
      this.#channel.publish(message, body);
      return undefined;
    } catch (error) {
      return error;
    }
  }
}
