import type { Delivery, ReturnedMessage } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import { type BrokerConnection, connectionLost } from '../amqp/connection.ts';
import type { Dialler } from '../amqp/dial.ts';
import type { RpcError } from '../protocol/errors.ts';
import { within } from '../protocol/waiting.ts';
import { replyStrategies } from './designs/index.ts';
import type { ReplyRoute } from './designs/reply-route.ts';
import type { ClientSettings } from './options.ts';

/** What a session tells its client. */
export interface SessionObserver {
  onReply(message: Delivery): void;
  onReturn(message: ReturnedMessage): void;
  onBlocked(reason: string): void;
  onUnblocked(): void;
  /** Once: no reply can come by this session any more. */
  onLost(session: ClientSession, error: RpcError): void;
}

/** A connection with a reply route on it. When either is lost the session is over, and the next call opens a new one. */
export class ClientSession {
  readonly connection: BrokerConnection;
  readonly route: ReplyRoute;
  #over = false;

  private constructor(connection: BrokerConnection, route: ReplyRoute) {
    this.connection = connection;
    this.route = route;
  }

  /**
   * Connects and opens the reply route.
   * @throws RpcError, or the signal's reason if it was aborted
   */
  static async open(
    settings: ClientSettings,
    dialler: Dialler,
    observer: SessionObserver,
    signal: AbortSignal | undefined,
  ): Promise<ClientSession> {
    const connection = await dialler.connect(signal);
    let session: ClientSession | undefined;
    let failure: RpcError | undefined;
    const lose = (error: RpcError) => {
      failure ??= error;
      if (!session || session.#over) return;
      session.#over = true;
      void connection.close();
      observer.onLost(session, error);
    };
    const cancel = () => connection.destroy();
    signal?.addEventListener('abort', cancel, { once: true });
    connection.observer = {
      onLost: (error) => lose(connectionLost(error)),
      onBlocked: (reason) => observer.onBlocked(reason),
      onUnblocked: () => observer.onUnblocked(),
    };
    try {
      const route = await replyStrategies[settings.reply]({
        openChannel: (onClosed) => connection.openChannel(onClosed),
        onReply: (message) => observer.onReply(message),
        onReturn: (message) => observer.onReturn(message),
        onLost: (error) => lose(explainChannelError(error)),
      });
      if (failure) throw failure;
      session = new ClientSession(connection, route);
      return session;
    } catch (error) {
      connection.destroy();
      if (signal?.aborted) throw signal.reason;
      throw explainChannelError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Tidies up the route and closes the connection; by force where the broker does not answer in time. */
  async close(): Promise<void> {
    this.#over = true;
    await within(TIDY_TIMEOUT, this.route.idle());
    await this.connection.close();
  }
}

/** How long closing waits for reply queues to be deleted, in ms; the broker deletes them with the connection anyway. */
const TIDY_TIMEOUT = 2_000;
