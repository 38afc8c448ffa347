import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Delivery, ReturnedMessage } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import { type BrokerConnection, connectionLost } from '../amqp/connection.ts';
import { Dialler } from '../amqp/dial.ts';
import { errorCode, RpcError } from '../protocol/errors.ts';
import { type Backoff, backoffDelay, within } from '../protocol/waiting.ts';
import type { Call } from './call.ts';
import { type Design, type DesignHost, replyDesigns } from './designs/index.ts';
import { closedError } from './errors.ts';
import type { ClientSettings } from './options.ts';

/** How long reconnecting waits between attempts while calls that may be retried wait, in ms. */
const RECONNECT: Backoff = { first: 100, max: 2_000 };

/** A connection that lived less, in ms, says nothing good of the next: from the second in a row on there is a delay. */
const SHORT_LIFE = 1_000;

/** How long closing waits for reply queues to be deleted, in ms; the broker deletes them with the connection anyway. */
const TIDY_TIMEOUT = 2_000;

/** The most channels that a connection opens unless the broker allows fewer: half of what RabbitMQ does by default (2,047). */
const MAX_CHANNELS = 1_000;

/** The client, as a session tells it of its life. */
export interface SessionObserver {
  /** Calls can be sent from now on. */
  onOpen(url: string): void;
  /** There is no connection, and nobody tries to make one. */
  onOpenFailed(error: RpcError): void;
  /** No reply can come by this connection any more, and there is no other yet. */
  onLost(error: RpcError): void;
  onBlocked(reason: string): void;
  onUnblocked(): void;
  /** What waited to be sent is out. */
  onDrained(): void;
  /** Whether anybody waits for a connection. */
  isWanted(): boolean;
  publish(call: Call, channel: Channel, replyTo: string): void;
  onReply(message: Delivery, channel: Channel): void;
  onReturn(message: ReturnedMessage): void;
  onCallLost(call: Call, error: RpcError): void;
}

/** A connection with the reply design at work on it. When either is lost both are over. */
interface Live {
  readonly connection: BrokerConnection;
  readonly design: Design;
}

/** A client's connection: made when it is asked for, forgotten when it is lost. */
export class Session {
  readonly #settings: ClientSettings;
  readonly #observer: SessionObserver;
  readonly #dialler: Dialler;
  readonly #channels = { max: MAX_CHANNELS };
  #live: Live | undefined;
  #opening: { readonly done: Promise<void>; readonly cancel: AbortController } | undefined;
  #failure: RpcError | undefined;
  #wasConnected = false;
  #openedAt = 0;
  #shortLives = 0;
  #blockedAt = Number.NEGATIVE_INFINITY;
  #holdsProcess = true;

  constructor(settings: ClientSettings, observer: SessionObserver) {
    this.#settings = settings;
    this.#observer = observer;
    const { urls, tls, connectionName } = settings;
    this.#dialler = new Dialler(urls, { tls, connectionName });
  }

  /** The connection, while there is one. */
  get connection(): BrokerConnection | undefined {
    return this.#live?.connection;
  }

  /** Whether a call can be sent now. */
  get ready(): boolean {
    const connection = this.#live?.connection;
    return connection?.writable === true && !connection.blocked && !connection.congested;
  }

  /** Why there is no connection, as far as it is known. */
  get failure(): RpcError | undefined {
    return this.#dialler.failure ?? this.#failure;
  }

  /** Whether the broker took nothing from publishers at some time since then, by `performance.now()`. */
  wasBlockedSince(time: number): boolean {
    return this.#live?.connection.blocked === true || this.#blockedAt >= time;
  }

  /** Sends a call. To be asked only while the session is {@link ready}. */
  send(call: Call): void {
    this.#live?.design.send(call);
  }

  /** Connects, unless that is done or under way; an attempt goes on when nobody waits for it any more. */
  open(): Promise<void> {
    if (this.#live) return Promise.resolve();
    if (this.#opening) return this.#opening.done;
    const cancel = new AbortController();
    const done = this.#open(cancel.signal).catch((error) => {
      this.#opening = undefined;
      this.#failure = explainChannelError(cancel.signal.aborted ? cancel.signal.reason : error); // a pause ends with an error of its own
      this.#observer.onOpenFailed(this.#failure);
      throw this.#failure;
    });
    done.catch(() => {}); // the observer is told
    this.#opening = { done, cancel };
    return done;
  }

  /** Whether the connection keeps the process running. */
  holdProcess(holds: boolean): void {
    this.#holdsProcess = holds;
    this.#live?.connection.holdProcess(holds);
  }

  /** Tidies up and disconnects; by force where the broker does not answer in time. */
  async close(): Promise<void> {
    this.#opening?.cancel.abort(closedError());
    await this.#opening?.done.catch(() => {});
    const live = this.#live;
    this.#live = undefined;
    if (live) {
      await within(TIDY_TIMEOUT, live.design.idle());
      await live.connection.close();
    }
    await this.#dialler.close();
  }

  async #open(signal: AbortSignal): Promise<void> {
    if (this.#shortLives > 1) await delay(backoffDelay(this.#shortLives - 1, RECONNECT), undefined, { signal });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connect(signal);
      } catch (error) {
        signal.throwIfAborted();
        // a broker that was there may come back: calls that may be retried wait for it
        const retry = this.#settings.retry && this.#wasConnected && isLoss(error) && this.#observer.isWanted();
        if (!retry) throw error;
        this.#failure = error;
        await delay(backoffDelay(attempt, RECONNECT), undefined, { signal });
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const connection = await this.#dialler.connect(signal);
    let failure: RpcError | undefined;
    const lose = (error: RpcError) => {
      failure ??= error;
      if (this.#live?.connection !== connection) return;
      this.#live = undefined;
      this.#failure = error;
      this.#shortLives = performance.now() - this.#openedAt < SHORT_LIFE ? this.#shortLives + 1 : 0;
      void connection.close();
      this.#observer.onLost(error);
    };
    let channels = 0;
    const host: DesignHost = {
      channels: this.#channels,
      openChannel: async (onClosed) => {
        const channel = await connection.openChannel((error) => {
          channels--;
          onClosed(error);
        });
        channels++;
        return channel;
      },
      publish: this.#observer.publish,
      onReply: this.#observer.onReply,
      onReturn: this.#observer.onReturn,
      onCallLost: (call, error) => this.#observer.onCallLost(call, explainChannelError(error)),
      onLost: (error) => lose(explainChannelError(error)),
    };
    connection.observer = {
      onLost: (error) => {
        const limit = channelLimit(error);
        const { max } = this.#channels;
        // RabbitMQ counts late: it may have let more through than the user may have
        if (limit !== undefined) this.#channels.max = Math.max(1, Math.min(limit, channels || max - 1));
        lose(connectionLost(error));
      },
      onBlocked: (reason) => {
        this.#blockedAt = performance.now();
        this.#observer.onBlocked(reason);
      },
      onUnblocked: () => this.#observer.onUnblocked(),
      onDrained: () => this.#observer.onDrained(),
    };
    const cancel = () => connection.destroy();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const design = await replyDesigns[this.#settings.reply](host);
      if (failure) throw failure;
      this.#opening = undefined;
      this.#live = { connection, design };
      this.#wasConnected = true;
      this.#openedAt = performance.now();
      this.#failure = undefined;
      connection.holdProcess(this.#holdsProcess);
    } catch (error) {
      connection.destroy();
      throw explainChannelError(error);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    this.#observer.onOpen(connection.url.display);
  }
}

function isLoss(error: unknown): error is RpcError {
  return error instanceof RpcError && (error.reason === 'NO_BROKER' || error.reason === 'CONNECTION_LOST');
}

/**
 * How many channels a user or a node may have, where that is what ended a connection: RabbitMQ closes it (530) when one more
 * is opened. Others may share in them.
 * @see https://www.rabbitmq.com/docs/user-limits
 */
function channelLimit(error: Error): number | undefined {
  const limit = errorCode(error) === 'NOT_ALLOWED' ? /channels .* \(?(\d+)\)?$/.exec(error.message)?.[1] : undefined;
  return limit === undefined ? undefined : Number(limit);
}
