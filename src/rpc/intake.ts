import type { AsyncMessage, Channel } from 'rabbitmq-client';

/** What an {@link Intake} takes, and whom it tells. */
export interface IntakeOptions {
  readonly queue: string;
  /** Requests in hand at most. */
  readonly prefetch: number;
  /** Requests to take at most, all in all; `Infinity` for any number. */
  readonly limit: number;
  onRequest(message: AsyncMessage): void;
  /** Resolves when no request is in hand. */
  idle(): Promise<void>;
  /** As many requests as may be were taken, and none is in hand any more. */
  onSpent(): void;
}

/**
 * Takes requests from a queue by a channel and, where their number is limited, never one more, so that none has to be
 * sent back.
 *
 * basic.qos bounds what is unacknowledged, not what comes. So a limited intake consumes in rounds: each ends, by
 * basic.cancel, with the delivery whose ack could bring one request too many. The broker handles the methods of a channel
 * in order (AMQP 0-9-1, 4.7): what is acknowledged after the cancel brings nothing more. The next round has half of what
 * is left as its prefetch, so that the last requests take few rounds, and not all of them are taken one by one.
 */
export class Intake {
  readonly #channel: Channel;
  readonly #options: IntakeOptions;
  #taken = 0;
  /** The round ends with the delivery of this number. */
  #last = Number.POSITIVE_INFINITY;
  #consumerTag: string | undefined;
  #consuming: Promise<number> | undefined;
  #cancelling: Promise<unknown> | undefined;
  #stopped = false;

  constructor(channel: Channel, options: IntakeOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  /** Consumes the queue; tells the prefetch that holds to begin with. */
  start(): Promise<number> {
    this.#consuming = this.#consume();
    return this.#consuming;
  }

  /** Takes no further request: when it resolves, all that were taken have been handed on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#consuming?.catch(() => {});
    await this.#cancel();
  }

  async #consume(): Promise<number> {
    const { queue, prefetch, limit } = this.#options;
    const prefetchCount = Math.min(prefetch, Math.ceil((limit - this.#taken) / 2));
    this.#last = limit - prefetchCount + 1;
    await this.#channel.basicQos({ prefetchCount });
    const { consumerTag } = await this.#channel.basicConsume({ queue }, (message) => this.#take(message));
    this.#consumerTag = consumerTag;
    return prefetchCount;
  }

  #take(message: AsyncMessage): void {
    // the cancel goes out before this request can be acknowledged
    if (++this.#taken === this.#last) void this.#nextRound().catch(() => {}); // the channel's owner knows of its end
    this.#options.onRequest(message);
  }

  async #nextRound(): Promise<void> {
    await this.#cancel();
    await this.#options.idle();
    if (this.#stopped) return;
    if (this.#taken >= this.#options.limit) this.#options.onSpent();
    else await this.start();
  }

  async #cancel(): Promise<void> {
    const consumerTag = this.#consumerTag;
    this.#consumerTag = undefined;
    if (consumerTag !== undefined && this.#channel.active) {
      this.#cancelling = this.#channel.basicCancel(consumerTag).catch(() => {});
    }
    await this.#cancelling;
  }
}
