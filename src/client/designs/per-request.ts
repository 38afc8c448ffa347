import type { Channel } from '../../amqp/channel.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { Call } from '../call.ts';
import { replyQueueCancelled } from '../errors.ts';
import { List, ListItem } from '../list.ts';
import type { Design, DesignHost } from './index.ts';

/**
 * A callback queue for each call, the design that the tutorial advises against: declare, consume, call, delete. Each
 * call has a channel of its own from a pool, because a channel answers one method at a time.
 * @see https://www.rabbitmq.com/tutorials/tutorial-six-javascript
 */
export async function openPerRequest(host: DesignHost): Promise<Design> {
  return new PerRequest(host);
}

/** A call that waits for a channel. */
class Waiting extends ListItem<Waiting> {
  readonly call: Call;

  constructor(call: Call) {
    super();
    this.call = call;
  }
}

class PerRequest implements Design {
  readonly #host: DesignHost;
  readonly #waiting = new List<Waiting>();
  readonly #idle: ReplyChannel[] = [];
  readonly #tidying = new Set<Promise<void>>();
  /** Channels, and how many of them are being opened. */
  #channels = 0;
  #opening = 0;

  constructor(host: DesignHost) {
    this.#host = host;
  }

  send(call: Call): void {
    const waiting = new Waiting(call);
    this.#waiting.add(waiting);
    call.release = () => waiting.list?.remove(waiting);
    this.#serve();
  }

  async idle(): Promise<void> {
    await Promise.all(this.#tidying);
  }

  /** Gives the calls that wait what channels there are, and opens further ones. */
  #serve(): void {
    for (let waiting = this.#waiting.first; waiting; waiting = this.#waiting.first) {
      const channel = this.#idle.pop();
      if (!channel) break;
      if (channel.usable) {
        this.#waiting.remove(waiting);
        void this.#prepare(waiting.call, channel);
      } else this.#channels--;
    }
    while (this.#opening < this.#waiting.size && this.#channels < this.#host.channels.max) void this.#open();
  }

  async #open(): Promise<void> {
    this.#channels++;
    this.#opening++;
    try {
      this.#idle.push(await ReplyChannel.open(this.#host));
      this.#opening--;
    } catch (error) {
      this.#channels--;
      this.#opening--;
      const full = error instanceof RpcError && error.reason === 'CHANNEL_LIMIT';
      if (full && this.#channels > 0)
        this.#host.channels.max = this.#channels; // the calls take turns
      else if (this.#waiting.first) this.#host.onCallLost(this.#waiting.first.call, error);
    }
    this.#serve();
  }

  async #prepare(call: Call, channel: ReplyChannel): Promise<void> {
    const { turn } = call;
    const lose = (error: unknown) => {
      if (call.turn === turn) this.#host.onCallLost(call, error);
    };
    call.release = undefined;
    try {
      const replyTo = await channel.declare(lose);
      if (call.turn === turn) {
        call.release = () => this.#giveBack(channel);
        this.#host.publish(call, channel.channel, replyTo);
        return;
      }
    } catch (error) {
      lose(error);
    }
    this.#giveBack(channel);
  }

  /** The queue's deletion is part of the design's cost, but nobody waits for it: the channel does. */
  #giveBack(channel: ReplyChannel): void {
    const done = channel.tidyUp().then(() => {
      this.#tidying.delete(done);
      this.#idle.push(channel);
      this.#serve();
    });
    this.#tidying.add(done);
  }
}

/** A channel of the pool, with the reply queue of the call that has it. */
class ReplyChannel {
  readonly channel: Channel;
  readonly #host: DesignHost;
  #onLost: ((error: unknown) => void) | undefined;
  #queue: string | undefined;
  #consumerTag: string | undefined;

  private constructor(channel: Channel, host: DesignHost) {
    this.channel = channel;
    this.#host = host;
    channel.on('basic.return', (message) => host.onReturn(message));
    channel.on('basic.cancel', (consumerTag) => {
      if (consumerTag === this.#consumerTag) this.#onLost?.(replyQueueCancelled(this.#queue ?? ''));
    });
  }

  static async open(host: DesignHost): Promise<ReplyChannel> {
    let opened: ReplyChannel | undefined;
    const channel = await host.openChannel((error) => {
      if (opened) opened.#onLost?.(error);
    });
    opened = new ReplyChannel(channel, host);
    return opened;
  }

  get usable(): boolean {
    return this.channel.active;
  }

  /** Declares a reply queue and consumes it. `onLost` is told if no reply can come by it any more. */
  async declare(onLost: (error: unknown) => void): Promise<string> {
    const { queue } = await this.channel.queueDeclare({ queue: '', exclusive: true, autoDelete: true });
    this.#queue = queue;
    const { consumerTag } = await this.channel.basicConsume({ queue, noAck: true }, (message) =>
      this.#host.onReply(message, this.channel),
    );
    this.#consumerTag = consumerTag;
    this.#onLost = onLost;
    return queue;
  }

  /** Deletes the reply queue. If the channel is gone there is nothing to do: an exclusive queue ends with its connection. */
  async tidyUp(): Promise<void> {
    const queue = this.#queue;
    this.#onLost = this.#consumerTag = this.#queue = undefined;
    if (queue !== undefined && this.channel.active) await this.channel.queueDelete(queue).catch(() => {});
  }
}
