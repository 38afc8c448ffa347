import type { Channel } from '../amqp/channel.ts';

/**
 * Settles the deliveries of a channel that has one consumer. What was answered in one turn of the event loop is acked when
 * the turn ends, by one `basic.ack` with `multiple` as far as no older delivery is still in hand: the broker, too, then has
 * less to do.
 * @see https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter
 */
export class DeliveryAcks {
  readonly #channel: Channel;
  /** Neither answered nor rejected, the oldest first. */
  readonly #inHand = new Set<number>();
  /** The tags of a channel count its deliveries: 1, 2, 3 … */
  #last = 0;
  /** Answered in this turn, and not acked yet. */
  #answered: number[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** A delivery came. */
  take(deliveryTag: number): void {
    this.#inHand.add(deliveryTag);
    this.#last = deliveryTag;
  }

  /**
   * Acks a delivery when this turn ends. To be called right before its reply is published, in the same turn: the ack then
   * goes out behind the reply, and in the same write if the reply is small.
   */
  ack(deliveryTag: number): void {
    this.#inHand.delete(deliveryTag);
    if (this.#answered.push(deliveryTag) === 1) process.nextTick(() => this.flush());
  }

  /** Rejects a delivery, without requeue. */
  reject(deliveryTag: number): void {
    this.#inHand.delete(deliveryTag);
    this.#channel.basicNack({ deliveryTag, requeue: false });
  }

  /** Acks what was answered until now: to be done before the channel is closed. */
  flush(): void {
    const answered = this.#answered;
    this.#answered = [];
    if (!this.#channel.active) return; // the broker delivers them again
    const [oldest = this.#last + 1] = this.#inHand;
    let upTo = 0;
    for (const deliveryTag of answered) {
      if (deliveryTag > oldest) this.#channel.basicAck({ deliveryTag });
      else if (deliveryTag > upTo) upTo = deliveryTag;
    }
    if (upTo > 0) this.#channel.basicAck({ deliveryTag: upTo, multiple: true });
  }
}
