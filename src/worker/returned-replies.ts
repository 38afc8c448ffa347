import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ReturnedMessage } from '../amqp/channel.ts';

/**
 * How long to wait before the replies to a queue go out again, each time, in ms: the lag mostly is a few milliseconds,
 * RabbitMQ's documentation reckons with 1 to 2 s, and a node that is short of CPU takes longer.
 */
const PAUSES = [5, 20, 100, 400, 1_500, 3_000, 5_000];

/** How long they wait longer, in ms, while the broker takes no messages: nothing is handed to a socket that waits. */
const BLOCKED = 500;

/** How long a queue is remembered to which nothing was sent again, nor came back, in ms: more than the longest pause. */
const FORGET = 12_000;

/** How long somebody who wants to disconnect waits for them at most, in ms: more than the lag that is to be reckoned with. */
const SETTLE = 2_100;

/** Queues that are remembered at a time. Replies to others are not sent again: forgetting one to make room would begin its retries anew. */
const MAX_QUEUES = 1_000;

/** How many replies may wait for a queue, and in all how much: more than the largest reply that RabbitMQ takes by default, in bytes. */
const MAX_WAITING = 100;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/** A queue that was not there for some reply. */
interface MissingQueue {
  /** How often replies to it went out again; with as many as there are pauses it is given up. */
  times: number;
  /** The replies that go out again after the pause. */
  waiting: ReturnedMessage[];
  /** Set while a pause lasts. */
  pause: Promise<void> | undefined;
  forget: NodeJS.Timeout | undefined;
}

/**
 * Sends replies again that came back because no such queue was there. Where RabbitMQ keeps its metadata in Khepri, as it
 * does since 4.2, a queue is declared once a majority of the nodes knows it: the worker's may be one that doesn't yet, and
 * would drop the reply. A queue whose caller is gone never comes: it is given up for all replies together, however many
 * there are, and those that come back after that are discarded at once.
 *
 * @see https://www.rabbitmq.com/docs/metadata-store/everyday-operations#consistency-model-and-visibility-guarantees
 */
export class ReturnedReplies {
  readonly #channel: Channel;
  readonly #isBlocked: () => boolean;
  readonly #missing = new Map<string, MissingQueue>();
  #waitingBytes = 0;
  /** How often replies went out again. */
  #resent = 0;

  constructor(channel: Channel, isBlocked: () => boolean) {
    this.#channel = channel;
    this.#isBlocked = isBlocked;
    channel.on('basic.return', (reply) => this.#onReturn(reply));
  }

  /**
   * Resolves when none is on its way back or waits to go out again, after 2.1 s at the latest: those that wait then go out a
   * last time. To be called when nothing is consumed any more.
   */
  async settled(): Promise<void> {
    let late = false;
    const limit = delay(SETTLE, undefined, { ref: false }).then(() => {
      late = true;
    });
    for (;;) {
      const resent = this.#resent;
      if (!this.#isBlocked()) await Promise.race([this.#allBack(), limit]);
      const paused = [...this.#missing].filter(([, { pause }]) => pause);
      if (late || !this.#channel.active) {
        for (const [name, queue] of paused) this.#sendAgain(name, queue);
        return;
      }
      if (paused.length > 0) await Promise.race([...paused.map(([, { pause }]) => pause), limit]);
      else if (resent === this.#resent) return; // else some went out behind the question
    }
  }

  /**
   * Resolves when what the broker returns of that which was sent until now is here: a channel's methods are answered in
   * order (AMQP 0-9-1, 4.7), and to cancel a consumer that there is not is no error (`basic.cancel`).
   */
  async #allBack(): Promise<void> {
    await this.#channel.basicCancel({ consumerTag: 'none' }).catch(() => {});
  }

  #onReturn(reply: ReturnedMessage): void {
    const queue = this.#missing.get(reply.routingKey) ?? this.#remember(reply.routingKey);
    if (!queue) return;
    const pause = PAUSES[queue.times];
    if (pause === undefined) {
      this.#forgetLater(reply.routingKey, queue); // it still is missing
      return;
    }
    if (queue.waiting.length >= MAX_WAITING || this.#waitingBytes + reply.body.length > MAX_WAITING_BYTES) {
      if (!queue.pause) this.#forgetLater(reply.routingKey, queue);
      return;
    }
    queue.waiting.push(reply);
    this.#waitingBytes += reply.body.length;
    if (!queue.pause) this.#sendLater(reply.routingKey, queue, pause);
  }

  #sendLater(name: string, queue: MissingQueue, pause: number): void {
    queue.forget?.refresh();
    queue.pause = delay(pause, undefined, { ref: false }).then(() => {
      if (this.#channel.active && this.#isBlocked()) this.#sendLater(name, queue, BLOCKED);
      else this.#sendAgain(name, queue);
    });
  }

  #sendAgain(name: string, queue: MissingQueue): void {
    const { waiting } = queue;
    this.#resent++;
    queue.waiting = [];
    queue.pause = undefined;
    queue.times++;
    this.#forgetLater(name, queue);
    for (const reply of waiting) {
      this.#waitingBytes -= reply.body.length;
      if (!this.#channel.active || this.#isBlocked()) continue; // it is too late
      const { routingKey, correlationId, contentType, type, headerTable, body } = reply;
      const properties = { correlationId, contentType, type, headerTable };
      this.#channel.publish({ exchange: '', routingKey, ...properties, durable: false, mandatory: true }, body);
    }
  }

  #remember(name: string): MissingQueue | undefined {
    if (this.#missing.size >= MAX_QUEUES) return undefined;
    const queue: MissingQueue = { times: 0, waiting: [], pause: undefined, forget: undefined };
    this.#missing.set(name, queue);
    return queue;
  }

  /** Forgets a queue when nothing has come back for a while: it is there, or nobody has a reply for it. */
  #forgetLater(name: string, queue: MissingQueue): void {
    if (queue.forget) queue.forget.refresh();
    else queue.forget = setTimeout(() => this.#missing.delete(name), FORGET).unref();
  }
}
