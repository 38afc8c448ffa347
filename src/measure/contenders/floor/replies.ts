import type { Design } from '../implementation.ts';
import { consumeReplies, declareExclusive, deleteQueue, publishRequest } from './channel.ts';
import type { FloorConnection } from './connection.ts';
import { method } from './protocol.ts';

/** The way that a design's replies come back. */
export interface Replies {
  /** Sends a request. */
  send(id: string, body: Buffer): void;
  /** To be called when a call is over, however it ended. */
  release(id: string): void;
}

/** The channel that a connection begins with. */
const CHANNEL = 1;

/** The most channels that queues per request are spread over, as many as the library's: others wait. */
const MAX_CHANNELS = 1_000;

/**
 * Prepares a design on an open connection. A request is published right behind what it needs.
 * @param queue the request queue
 */
export async function openReplies(design: Design, connection: FloorConnection, queue: string): Promise<Replies> {
  if (design === 'per-request') return new PerRequestReplies(connection, queue);
  const replyTo = design === 'direct' ? 'amq.rabbitmq.reply-to' : await declareReplyQueue(connection);
  consumeReplies(connection.write(CHANNEL), replyTo);
  return {
    send: (id, body) => publishRequest(connection.write(CHANNEL), { queue, id, replyTo, body }),
    release() {},
  };
}

/** Declares the tutorial's reply queue: the broker gives it a name. */
async function declareReplyQueue(connection: FloorConnection): Promise<string> {
  declareExclusive(connection.write(CHANNEL), '');
  const ok = await connection.until(CHANNEL, method.queueDeclareOk);
  return ok.toString('latin1', 5, 5 + (ok[4] ?? 0));
}

/**
 * A queue for each call. A channel does one thing after the other, and declaring and deleting take the broker
 * milliseconds: so calls in flight have a channel each, which is free again when their queue is deleted.
 */
class PerRequestReplies implements Replies {
  readonly #connection: FloorConnection;
  readonly #queue: string;
  readonly #free = [CHANNEL];
  #opened = CHANNEL;
  readonly #used = new Map<string, number>();
  readonly #waiting = new Map<string, Buffer>();

  constructor(connection: FloorConnection, queue: string) {
    this.#connection = connection;
    this.#queue = queue;
  }

  send(id: string, body: Buffer): void {
    const channel = this.#free.pop();
    if (channel !== undefined) {
      this.#publish(channel, id, body);
      return;
    }
    this.#waiting.set(id, body);
    if (this.#opened >= Math.min(MAX_CHANNELS, this.#connection.channelMax)) return;
    const opening = ++this.#opened;
    this.#connection.openChannel(opening).then(
      () => this.#give(opening),
      () => {}, // lost, which the owner is told
    );
  }

  release(id: string): void {
    const channel = this.#used.get(id);
    this.#used.delete(id);
    this.#waiting.delete(id);
    if (channel === undefined) return;
    deleteQueue(this.#connection.write(channel), ownQueue(id));
    this.#connection.until(channel, method.queueDeleteOk).then(
      () => this.#give(channel),
      () => {},
    );
  }

  #give(channel: number): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free.push(channel);
      return;
    }
    const [id, body] = next;
    this.#waiting.delete(id);
    this.#publish(channel, id, body);
  }

  #publish(channel: number, id: string, body: Buffer): void {
    this.#used.set(id, channel);
    const writer = this.#connection.write(channel);
    const replyTo = ownQueue(id);
    declareExclusive(writer, replyTo);
    consumeReplies(writer, replyTo);
    publishRequest(writer, { queue: this.#queue, id, replyTo, body });
  }
}

/** The name of a call's own queue. */
function ownQueue(id: string): string {
  return `floor.${id}`;
}
