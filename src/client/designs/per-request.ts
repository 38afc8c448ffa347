import type { Channel } from '../../amqp/channel.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { OpenReplyRoute, ReplyHost, ReplyLease, ReplyRoute } from './reply-route.ts';

/** The most channels one route opens: half of what RabbitMQ allows a connection by default (2,047). */
const MAX_CHANNELS = 1_000;

/**
 * A callback queue for each call, the design that the tutorial advises against: declare, consume, call, delete. Each
 * call has a channel of its own from a pool, because a channel answers one method at a time.
 * @see https://www.rabbitmq.com/tutorials/tutorial-six-javascript
 */
export const openPerRequestRoute: OpenReplyRoute = async (host) => new PerRequestRoute(host);

/** A call that waits for a channel. */
interface Waiting {
  readonly isWanted: () => boolean;
  readonly resolve: (channel: PooledChannel) => void;
  readonly reject: (error: unknown) => void;
}

class PerRequestRoute implements ReplyRoute {
  readonly #host: ReplyHost;
  readonly #idle: PooledChannel[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #tidying = new Set<Promise<void>>();
  #channels = 0;
  #maxChannels = MAX_CHANNELS;

  constructor(host: ReplyHost) {
    this.#host = host;
  }

  async lease(onLost: (error: unknown) => void, isWanted: () => boolean): Promise<ReplyLease> {
    const pooled = await this.#take(isWanted);
    try {
      if (!isWanted()) throw notWanted();
      return await pooled.lease(onLost, (deleted) => this.#tidy(deleted));
    } catch (error) {
      await this.#giveBack(pooled);
      throw error;
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.#tidying);
  }

  async #take(isWanted: () => boolean): Promise<PooledChannel> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.usable) return idle;
      this.#channels--;
    }
    if (this.#channels < this.#maxChannels) {
      this.#channels++;
      try {
        return await PooledChannel.open(this.#host);
      } catch (error) {
        this.#channels--;
        const full = error instanceof RpcError && error.code === 'RESOURCE_EXHAUSTED';
        if (!full || this.#channels === 0) throw error;
        this.#maxChannels = this.#channels; // the broker allows fewer: the others take turns
      }
    }
    return new Promise((resolve, reject) => this.#waiting.push({ isWanted, resolve, reject }));
  }

  /** The queue's deletion is part of the design's cost, but nobody waits for it: the channel does. */
  #tidy(deleted: Promise<PooledChannel>): void {
    const done: Promise<void> = deleted
      .then((pooled) => this.#giveBack(pooled))
      .finally(() => this.#tidying.delete(done));
    this.#tidying.add(done);
  }

  async #giveBack(pooled: PooledChannel): Promise<void> {
    const next = this.#nextWaiting();
    if (!next) {
      if (pooled.usable) this.#idle.push(pooled);
      else this.#channels--;
      return;
    }
    try {
      next.resolve(pooled.usable ? pooled : await PooledChannel.open(this.#host));
    } catch (error) {
      this.#channels--;
      next.reject(error);
    }
  }

  #nextWaiting(): Waiting | undefined {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next.isWanted()) return next;
      next.reject(notWanted());
    }
    return undefined;
  }
}

function notWanted(): Error {
  return new Error('the call settled before it got a channel');
}

class PooledChannel {
  readonly #channel: Channel;
  readonly #host: ReplyHost;
  #onLost: ((error: unknown) => void) | undefined;
  #consumerTag: string | undefined;

  private constructor(channel: Channel, host: ReplyHost) {
    this.#channel = channel;
    this.#host = host;
    channel.on('basic.return', (message) => host.onReturn(message));
    channel.on('basic.cancel', (consumerTag) => {
      if (consumerTag === this.#consumerTag) this.#onLost?.(new Error('the reply queue was deleted'));
    });
  }

  static async open(host: ReplyHost): Promise<PooledChannel> {
    let pooled: PooledChannel | undefined;
    const channel = await host.openChannel((error) => {
      if (pooled) pooled.#onLost?.(error);
    });
    pooled = new PooledChannel(channel, host);
    return pooled;
  }

  get usable(): boolean {
    return this.#channel.active;
  }

  async lease(
    onLost: (error: unknown) => void,
    onReleased: (deleted: Promise<PooledChannel>) => void,
  ): Promise<ReplyLease> {
    const { queue } = await this.#channel.queueDeclare({ queue: '', exclusive: true, autoDelete: true });
    const { consumerTag } = await this.#channel.basicConsume({ queue, noAck: true }, (message) =>
      this.#host.onReply(message),
    );
    this.#consumerTag = consumerTag;
    this.#onLost = onLost;
    return {
      channel: this.#channel,
      replyTo: queue,
      release: () => {
        this.#onLost = this.#consumerTag = undefined;
        onReleased(this.#delete(queue));
      },
    };
  }

  async #delete(queue: string): Promise<PooledChannel> {
    // if the channel is gone there is nothing to do here: an exclusive queue ends with its connection
    if (this.#channel.active) await this.#channel.queueDelete(queue).catch(() => {});
    return this;
  }
}
