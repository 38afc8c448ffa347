import type { Channel } from '../amqp/channel.ts';
import { type BrokerConnection, connectionLost } from '../amqp/connection.ts';
import { type ConnectOptions, connect } from '../amqp/dial.ts';
import type { AmqpUrl } from '../amqp/url.ts';
import { errorCode } from '../protocol/errors.ts';

/** How long the throwaway connection is kept for the next question, in ms. */
const IDLE_TIMEOUT = 5_000;

/** After `TRIES` failures in a row, over `TRYING` ms or more, the broker is not asked for `PAUSE` ms, for each try holds up a request. */
const TRIES = 3;
const TRYING = 1_000;
const PAUSE = 30_000;

/** The errors of a passive declare that say: nobody is there. */
const GONE = ['NOT_FOUND', 'INTERNAL_ERROR'];

/** The errors of a passive declare that say that a queue is there: another connection's, or one that this user may not see. */
const THERE = ['RESOURCE_LOCKED', 'ACCESS_REFUSED'];

/**
 * Asks whether the caller behind a reply address is still there, by a passive declare of the address. It does so on a
 * connection that it can lose: 404 closes the channel, and on RabbitMQ 3.10 an address on a dead node, or one that
 * was made up, closes the connection (541 INTERNAL_ERROR).
 * @see https://www.rabbitmq.com/docs/direct-reply-to#limitations
 */
export class CallerProbe {
  readonly #url: AmqpUrl;
  readonly #options: ConnectOptions;
  #connection: Promise<BrokerConnection> | undefined;
  #channel: Channel | undefined;
  #asking: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #failures = 0;
  #failingSince = 0;
  #pausedUntil = 0;
  readonly #closed = new AbortController();

  constructor(url: AmqpUrl, options: ConnectOptions) {
    this.#url = url;
    this.#options = options;
  }

  /**
   * Whether somebody consumes the replies to a direct address, or there is a queue of that name. Questions are asked one after the other.
   * True without asking, for a while, once asking failed several times in a row, for any callers.
   * @throws RpcError if the broker can't be asked
   */
  isThere(address: string): Promise<boolean> {
    const answer = this.#asking.then(() => performance.now() < this.#pausedUntil || this.#count(this.#ask(address)));
    this.#asking = answer.catch(() => {});
    return answer;
  }

  /** Closes the connection, if there is one; questions that are open or asked later reject. */
  async close(): Promise<void> {
    this.#closed.abort(connectionLost());
    await this.#disconnect();
  }

  async #count(answer: Promise<boolean>): Promise<boolean> {
    try {
      const isThere = await answer;
      this.#failures = 0;
      return isThere;
    } catch (error) {
      const now = performance.now();
      if (++this.#failures === 1) this.#failingSince = now;
      if (this.#failures >= TRIES && now - this.#failingSince >= TRYING) {
        this.#pausedUntil = now + PAUSE;
        this.#failures = 0;
      }
      throw error;
    }
  }

  async #disconnect(): Promise<void> {
    clearTimeout(this.#idle);
    const connection = this.#connection;
    this.#connection = undefined;
    this.#channel = undefined;
    await connection?.then(
      (open) => open.close(),
      () => {},
    );
  }

  async #ask(address: string): Promise<boolean> {
    clearTimeout(this.#idle);
    this.#closed.signal.throwIfAborted();
    try {
      this.#channel ??= await (await this.#open()).openChannel();
      await this.#channel.queueDeclare({ queue: address, passive: true });
      return true;
    } catch (error) {
      const channel = this.#channel;
      this.#channel = undefined;
      await channel?.close();
      const code = errorCode(error) ?? '';
      if (GONE.includes(code)) return false;
      if (THERE.includes(code)) return true;
      throw error;
    } finally {
      this.#idle = setTimeout(() => void this.#disconnect(), IDLE_TIMEOUT).unref();
    }
  }

  #open(): Promise<BrokerConnection> {
    this.#connection ??= connect(this.#url, { ...this.#options, signal: this.#closed.signal }).then((connection) => {
      connection.observer = {
        onLost: () => {
          this.#connection = undefined;
          this.#channel = undefined;
        },
      };
      return connection;
    });
    this.#connection.catch(() => (this.#connection = undefined));
    return this.#connection;
  }
}
