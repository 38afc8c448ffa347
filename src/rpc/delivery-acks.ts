import type { Channel } from 'rabbitmq-client';

/**
 * Settles the deliveries of a channel that has one consumer. What was answered in one turn of the event loop is acked when
 * the turn ends, by one `basic.ack` with `multiple` as far as no older delivery is still in hand: the broker, too, then has
 * less to do. Acks go out in the same write as the replies of that turn, behind them.
 * @see https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter
 */
export class DeliveryAcks {
  readonly #channel: Channel;
  /** Every delivery up to this one is settled. The tags of a channel count its deliveries: 1, 2, 3 … */
  #settledUpTo = 0;
  /** The later ones that are settled. */
  readonly #settled = new Set<number>();
  /** Answered in this turn, and not acked yet. */
  #answered: number[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Acks a delivery when this turn ends: behind its reply, whether that was published before or is in this turn. */
  ack(deliveryTag: number): void {
    this.#settle(deliveryTag);
    if (this.#answered.push(deliveryTag) === 1) process.nextTick(() => this.flush());
  }

  /** Rejects a delivery, without requeue. */
  reject(deliveryTag: number): void {
    this.#settle(deliveryTag);
    this.#channel.basicNack({ deliveryTag, requeue: false });
  }

  /** Acks what was answered until now: to be done before the channel is closed. */
  flush(): void {
    const answered = this.#answered;
    this.#answered = [];
    if (!this.#channel.active) return; // the broker delivers them again
    let upTo = 0;
    for (const deliveryTag of answered) {
      if (deliveryTag > this.#settledUpTo) this.#channel.basicAck({ deliveryTag });
      else if (deliveryTag > upTo) upTo = deliveryTag;
    }
    if (upTo > 0) this.#channel.basicAck({ deliveryTag: upTo, multiple: true });
  }

  #settle(deliveryTag: number): void {
    this.#settled.add(deliveryTag);
    while (this.#settled.delete(this.#settledUpTo + 1)) this.#settledUpTo++;
  }
}
