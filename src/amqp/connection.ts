import { errorCode, RpcError } from '../protocol/errors.ts';
import { within } from '../protocol/waiting.ts';
import type { AmqpConnection } from './amqp-connection.ts';
import type { Channel } from './channel.ts';
import type { FieldTable } from './field-table.ts';
import { watchForSuspension } from './suspension.ts';
import type { AmqpUrl } from './url.ts';

/** Seconds between heartbeats unless the URL says otherwise: a dead peer is noticed after twice that. */
export const HEARTBEAT = 20;

/**
 * After how many silent heartbeats a broker has given up for certain: it looks once in each, and closes at the second in
 * a row in which nothing came, https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbit/src/rabbit_heartbeat.erl
 */
const GIVEN_UP = 3;

/** How long an orderly close may take before the socket is destroyed, in ms: a blocked broker answers nothing. */
const CLOSE_TIMEOUT = 2_000;

/** The octets that may wait in this process for a broker, or a network, that takes them slowly, before the connection is congested. */
const MAX_UNSENT = 32 * 1024 * 1024;

/** The owner of a connection, which is told of its life. */
export interface ConnectionObserver {
  /** The connection is gone, once, unless it was closed by its owner. */
  onLost(error: Error): void;
  /** The broker stopped reading from publishers: https://www.rabbitmq.com/docs/connection-blocked */
  onBlocked?(reason: string): void;
  onUnblocked?(): void;
  /** What waited to be sent is out: the connection is not congested. */
  onDrained?(): void;
}

/** One connection that never reconnects by itself: who owns it decides what a loss means. */
export class BrokerConnection {
  readonly url: AmqpUrl;
  observer: ConnectionObserver | undefined;
  #blocked = false;
  #ended = false;
  #failure: Error | undefined;
  readonly #connection: AmqpConnection;
  readonly #stopWatching: () => void;

  constructor(connection: AmqpConnection, url: AmqpUrl) {
    this.#connection = connection;
    this.url = url;
    const lose = (error: Error) => {
      if (this.#ended) return;
      this.#failure = error;
      this.#blocked = false;
      this.destroy();
      this.observer?.onLost(error);
    };
    connection.on('error', lose);
    // no sign of its end may have reached a process that was frozen: without this, calls would wait two more heartbeats
    const limit = (url.heartbeat ?? HEARTBEAT) * 1_000 * GIVEN_UP; // at most: the broker may ask for more of them
    this.#stopWatching = watchForSuspension(limit, (stoodStill) => {
      lose(new Error(`this process stood still for ${Math.round(stoodStill / 1_000)} s, and its heartbeats with it`));
    });
    connection.onDrain = () => this.observer?.onDrained?.();
    connection.on('connection.blocked', (reason) => {
      this.#blocked = true;
      this.observer?.onBlocked?.(String(reason));
    });
    connection.on('connection.unblocked', () => {
      this.#blocked = false;
      this.observer?.onUnblocked?.();
    });
  }

  /** The broker's account of itself: `product`, `version`, `platform`, `capabilities` … */
  get serverProperties(): FieldTable {
    return this.#connection.serverProperties;
  }

  /** Whether what is said goes out: not any more once the broker has said that it closes, some time before the connection is lost. */
  get writable(): boolean {
    return this.#connection.writable;
  }

  /** True while the broker reads nothing from publishers; all that is written meanwhile piles up in memory. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** True while more than 32 MiB wait to be sent: the broker, or the network, takes less than it is given. */
  get congested(): boolean {
    return this.#connection.unsent > MAX_UNSENT;
  }

  /**
   * Opens a channel. `onClosed` is called once when it ends for any reason, its owner's close included, with the
   * broker's error where there is one; if the connection is lost, after the connection's observer.
   */
  async openChannel(onClosed?: (error: Error | undefined) => void): Promise<Channel> {
    if (this.#ended) throw connectionLost();
    const channel = await this.#connection.openChannel().catch(explainOpenError);
    let failure: Error | undefined;
    channel.on('error', (error) => {
      failure = error;
    });
    channel.on('close', () => {
      // without an error of its own it went with the connection, which is to tell first, and knows why
      if (failure) onClosed?.(failure);
      else setImmediate(() => onClosed?.(this.#failure));
    });
    if (this.#ended) {
      void channel.close(); // it came too late: nobody else would close it
      throw connectionLost();
    }
    return channel;
  }

  /** Whether the connection keeps the process running, as it does at first. */
  holdProcess(holds: boolean): void {
    const { _socket, _state } = this.#connection;
    for (const handle of [_socket, _state.heartbeatTimer]) {
      if (holds) handle?.ref();
      else handle?.unref();
    }
  }

  /** Closes in order, its channels with it, and after 2 s by force. The broker requeues what was not acked. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopWatching();
    await within(CLOSE_TIMEOUT, this.#connection.close());
    this.#connection.unsafeDestroy();
  }

  /** Cuts the socket. */
  destroy(): void {
    this.#ended = true;
    this.#stopWatching();
    this.#connection.unsafeDestroy();
  }
}

function explainOpenError(error: unknown): never {
  if (errorCode(error) !== 'CHANNEL_MAX' || !(error instanceof Error)) throw error;
  const message = `RabbitMQ allows this connection no more channels (channel_max): ${error.message}`;
  throw new RpcError('RESOURCE_EXHAUSTED', message, { reason: 'CHANNEL_LIMIT', cause: error });
}

/** The error of a call whose connection is gone. */
export function connectionLost(cause?: unknown): RpcError {
  const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
  return new RpcError('UNAVAILABLE', `the connection to RabbitMQ was lost${why}`, {
    reason: 'CONNECTION_LOST',
    cause,
  });
}
