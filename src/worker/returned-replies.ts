import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ReturnedMessage } from '../amqp/channel.ts';

/**
 * How long to wait before a reply goes out again, each time, in ms: the lag mostly is a few milliseconds, RabbitMQ's
 * documentation reckons with 1 to 2 s, and a node that is short of CPU takes longer.
 */
const PAUSES = [5, 20, 100, 400, 1_500, 3_000, 5_000];

/** When the pauses are over for certain, in ms. */
const FORGET = 12_000;

/** How long somebody who wants to disconnect waits for them at most, in ms: more than the lag that is to be reckoned with. */
const SETTLE = 2_100;

/** Replies that are remembered at a time: of more the oldest is not sent again. */
const MAX_KNOWN = 1_000;

/** How much of them may wait at a time, in bytes: more than the largest reply that RabbitMQ takes by default. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/**
 * Sends replies again that came back because no such queue was there. Where RabbitMQ keeps its metadata in Khepri, as it
 * does since 4.2, a queue is declared once a majority of the nodes knows it: the worker's may be one that doesn't yet, and
 * would drop the reply. One whose caller is gone comes back each time, and is dropped in the end.
 *
 * @see https://www.rabbitmq.com/docs/metadata-store/everyday-operations#consistency-model-and-visibility-guarantees
 */
export class ReturnedReplies {
  readonly #channel: Channel;
  readonly #isBlocked: () => boolean;
  /** How often each went out again, the oldest first. */
  readonly #sent = new Map<string, number>();
  readonly #waiting = new Set<Promise<void>>();
  #waitingBytes = 0;

  constructor(channel: Channel, isBlocked: () => boolean) {
    this.#channel = channel;
    this.#isBlocked = isBlocked;
    channel.on('basic.return', (reply) => this.#onReturn(reply));
  }

  /**
   * Resolves when none is on its way back or waits to go out again, after 2.1 s at the latest: those that wait longer have
   * no queue to go to. To be called when nothing is consumed any more.
   */
  async settled(): Promise<void> {
    let late = false;
    const limit = delay(SETTLE, undefined, { ref: false }).then(() => {
      late = true;
    });
    for (;;) {
      if (!this.#isBlocked()) await Promise.race([this.#allBack(), limit]);
      if (this.#waiting.size === 0 || late || !this.#channel.active) return;
      await Promise.race([...this.#waiting, limit]);
    }
  }

  /**
   * Resolves when what the broker returns of that which was sent until now is here: a channel's methods are answered in
   * order (AMQP 0-9-1, 4.7), and to cancel a consumer that there is not is no error (`basic.cancel`).
   */
  async #allBack(): Promise<void> {
    await this.#channel.basicCancel({ consumerTag: 'none' }).catch(() => {});
  }

  #onReturn({ routingKey, correlationId, contentType, type, body }: ReturnedMessage): void {
    const key = `${routingKey} ${correlationId}`;
    const times = this.#sent.get(key) ?? 0;
    const pause = PAUSES[times];
    if (pause === undefined || this.#waitingBytes + body.length > MAX_WAITING_BYTES) return;
    if (times === 0) this.#remember(key);
    this.#sent.set(key, times + 1);
    this.#waitingBytes += body.length;
    const again = delay(pause, undefined, { ref: false }).then(() => {
      this.#waiting.delete(again);
      this.#waitingBytes -= body.length;
      if (!this.#channel.active || this.#isBlocked()) return; // nothing is handed to a socket that waits
      const message = { exchange: '', routingKey, correlationId, contentType, type, durable: false, mandatory: true };
      this.#channel.publish(message, body);
    });
    this.#waiting.add(again);
  }

  #remember(key: string): void {
    const [oldest] = this.#sent.keys();
    if (this.#sent.size >= MAX_KNOWN && oldest !== undefined) this.#sent.delete(oldest);
    setTimeout(() => this.#sent.delete(key), FORGET).unref();
  }
}
