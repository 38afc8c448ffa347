import type { Delivery, ReturnedMessage } from '../amqp/channel.ts';
import { explainChannelError, messageSizeLimit } from '../amqp/channel-errors.ts';
import { publish } from '../amqp/publish.ts';
import { inspectQueue, type QueueStatus } from '../amqp/queues.ts';
import type { RpcError } from '../protocol/errors.ts';
import { decodeErrorReply, ERROR_REPLY_TYPE } from '../protocol/reply.ts';
import { within } from '../protocol/waiting.ts';
import { closedError, lossError, noQueueError, noReplyError, notSentError, tooManyError } from './call-errors.ts';
import type { DiscardReason } from './call-ids.ts';
import { CallRegistry } from './call-registry.ts';
import type { ReplyLease } from './designs/reply-route.ts';
import {
  type CallOptions,
  type ClientSettings,
  type ClientStats,
  normalizeCallOptions,
  normalizeClientOptions,
  type RpcClientOptions,
} from './options.ts';
import { type CallObserver, PendingCall, type RpcReply, requestBody } from './pending-call.ts';
import type { ClientSession } from './session.ts';
import { SessionKeeper } from './session-keeper.ts';

export type { CallOptions, ClientEvent, ClientStats, RpcClientOptions } from './options.ts';
export type { RpcReply } from './pending-call.ts';

/** How long `close()` waits for calls to settle by default, in ms. */
const DRAIN_TIMEOUT = 8_000;

/**
 * Calls functions by way of a RabbitMQ queue. It connects at the first call, and again at the next call after a loss.
 *
 * A call rejects with an {@link RpcError}: `DEADLINE_EXCEEDED` when its time limit passes, `UNAVAILABLE` at once when
 * there is no broker, no such queue, or the channel its reply was to come by is lost; with the worker's own code when
 * the worker refuses; and with the signal's reason when it is aborted.
 */
export class RpcClient {
  readonly #settings: ClientSettings;
  readonly #calls = new CallRegistry();
  readonly #discarded: Record<DiscardReason, number> = { late: 0, duplicate: 0, unknown: 0 };
  readonly #keeper: SessionKeeper;
  /** The longest request that is sent, in bytes: what the option says, or less once the broker has said so. */
  #maxRequestBytes: number;
  readonly #observer: CallObserver = {
    onTimeout: (call) => this.#fail([call], this.#timeoutError(call)),
    onAbort: (call) => this.#fail([call], call.abortReason),
  };
  #closing: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;

  /** @throws TypeError that names the option and the value */
  constructor(options: RpcClientOptions = {}) {
    this.#settings = normalizeClientOptions(options);
    const { onEvent, maxRequestBytes } = this.#settings;
    this.#maxRequestBytes = maxRequestBytes;
    this.#keeper = new SessionKeeper(this.#settings, {
      onOpen: () => {
        const url = this.#keeper.current?.connection.url.display ?? '';
        onEvent({ type: 'connected', url });
        this.#pump();
      },
      onOpenFailed: (error) => this.#fail(this.#calls.allWaiting(), error),
      onOpenCancelled: () => this.#pump(),
      onReply: (message) => this.#onReply(message),
      onReturn: (message) => this.#onReturn(message),
      onBlocked: (reason) => onEvent({ type: 'blocked', reason }),
      onUnblocked: () => {
        onEvent({ type: 'unblocked' });
        this.#pump();
      },
      onLost: (_session, error) => {
        onEvent({ type: 'disconnected', error });
        for (const call of this.#calls.allInFlight()) this.#lose(call, error);
      },
    });
  }

  /** Sends `body` to the request queue and resolves to the worker's reply. */
  call(body: string | Uint8Array, options: CallOptions = {}): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      if (this.#closing) throw closedError();
      if (this.#calls.waiting >= this.#settings.maxWaiting) throw tooManyError(this.#calls.waiting);
      const settings = normalizeCallOptions(options, this.#settings);
      const call = new PendingCall(requestBody(body, this.#maxRequestBytes), settings, this.#observer, resolve, reject);
      const session = this.#keeper.current;
      if (session && this.#calls.waiting === 0 && this.#maySend(session)) {
        this.#calls.start(call);
        this.#lease(session, call);
      } else {
        this.#calls.wait(call);
        this.#pump();
      }
    });
  }

  /**
   * What the request queue holds and who consumes it; undefined if it does not exist, or the broker can't be asked now:
   * there is no connection yet, or it is blocked.
   * @throws RpcError if the broker can't be asked
   */
  async inspectQueue(): Promise<QueueStatus | undefined> {
    const session = this.#keeper.current;
    if (!session || session.connection.blocked) return undefined;
    const { queue, tls, connectionName } = this.#settings;
    return inspectQueue(session.connection.url, queue, { tls, connectionName });
  }

  /** The counters, at this moment. */
  stats(): ClientStats {
    return { waiting: this.#calls.waiting, inFlight: this.#calls.inFlight, discarded: { ...this.#discarded } };
  }

  /**
   * Takes no further call, waits for those under way to settle, and disconnects. Calls that have not settled after
   * `grace` ms (default 8,000) reject with `CANCELLED`. Calling it again returns the same promise.
   */
  close({ grace = DRAIN_TIMEOUT }: { readonly grace?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(grace: number): Promise<void> {
    if (this.#calls.waiting + this.#calls.inFlight > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#onDrained = resolve;
      });
      await within(grace, drained);
      this.#fail([...this.#calls.allWaiting(), ...this.#calls.allInFlight()], closedError());
    }
    await this.#keeper.close();
  }

  /** Sends what may be sent now; whatever changes that calls it again. */
  #pump(): void {
    while (this.#calls.waiting > 0 && this.#calls.inFlight < this.#settings.maxInFlight) {
      const session = this.#keeper.current;
      if (!session) this.#keeper.open();
      if (!session || !this.#maySend(session)) return;
      const call = this.#calls.take();
      if (call) this.#lease(session, call);
    }
  }

  #maySend({ connection }: ClientSession): boolean {
    return !connection.blocked && this.#calls.inFlight < this.#settings.maxInFlight;
  }

  #lease(session: ClientSession, call: PendingCall): void {
    const { route } = session;
    if (typeof route.lease === 'function') {
      const onLost = (error: unknown) => this.#lose(call, explainChannelError(error));
      const isWanted = () => this.#calls.isInFlight(call) && this.#keeper.current === session;
      route.lease(onLost, isWanted).then((got) => this.#send(session, call, got), onLost);
    } else this.#send(session, call, route.lease);
  }

  #send(session: ClientSession, call: PendingCall, lease: ReplyLease): void {
    // the call settled, or went over to another session, while the broker prepared the lease
    const stale = !this.#calls.isInFlight(call) || this.#keeper.current !== session;
    const { timeLeft } = call;
    if (stale || session.connection.blocked || timeLeft < 1) {
      lease.release();
      if (stale) return;
      if (timeLeft < 1) this.#fail([call], this.#timeoutError(call));
      else this.#calls.wait(call);
      return;
    }
    const correlationId = this.#calls.register(call, lease); // before the publish: the reply may be here first
    const message = {
      exchange: '',
      routingKey: this.#settings.queue,
      mandatory: true, // so that the broker tells if there is no such queue
      correlationId,
      replyTo: lease.replyTo,
      contentType: call.contentType,
      expiration: String(timeLeft),
      durable: false,
    };
    publish(lease.channel, message, call.body, (error) => this.#lose(call, explainChannelError(error)));
  }

  #onReply({ correlationId, type, body, contentType }: Delivery): void {
    const call = this.#calls.find(correlationId);
    if (!call) {
      const reason = this.#calls.classify(correlationId);
      this.#discarded[reason]++;
      this.#settings.onEvent({ type: 'discarded', reason, correlationId });
      return;
    }
    this.#calls.remove(call, { replyMayCome: false });
    if (type === ERROR_REPLY_TYPE) call.reject(decodeErrorReply(body));
    else call.resolve({ body, contentType });
    this.#afterSettling();
  }

  #onReturn({ correlationId }: ReturnedMessage): void {
    const call = this.#calls.find(correlationId);
    if (call) this.#fail([call], noQueueError(this.#settings.queue));
  }

  /** The way that the call's reply was to come by is lost: it goes out again if it may, or rejects. */
  #lose(call: PendingCall, error: RpcError): void {
    if (!this.#calls.isInFlight(call)) return;
    const limit = messageSizeLimit(error);
    if (limit !== undefined && limit < this.#maxRequestBytes) {
      this.#maxRequestBytes = limit;
      const tooLong = this.#calls.allWaiting().filter(({ body }) => body.length > limit);
      for (const one of tooLong) this.#fail([one], lossError(one.body, error));
    }
    const why = lossError(call.body, error);
    const retry = this.#settings.retry && !this.#closing && why.reason === 'CONNECTION_LOST';
    if (retry) {
      this.#calls.remove(call, { replyMayCome: true });
      this.#calls.wait(call);
      this.#settings.onEvent({ type: 'retry', error: why });
      setImmediate(() => this.#pump()); // not at once: what fails at once would leave timers and replies no turn
    } else this.#fail([call], why);
  }

  #fail(calls: readonly PendingCall[], error: unknown): void {
    for (const call of calls) {
      this.#calls.remove(call, { replyMayCome: true });
      call.reject(error);
    }
    this.#afterSettling();
  }

  #afterSettling(): void {
    this.#pump();
    if (this.#calls.waiting > 0) return;
    this.#keeper.cancel(); // nobody waits for a connection any more
    if (this.#calls.inFlight === 0) this.#onDrained?.();
  }

  #timeoutError(call: PendingCall): RpcError {
    const { id, timeout } = call;
    const { queue, maxInFlight } = this.#settings;
    if (id !== undefined) return noReplyError(timeout, queue);
    const blocked = this.#keeper.current?.connection.blocked;
    return notSentError(timeout, { blocked, leasing: this.#calls.isInFlight(call), maxInFlight });
  }
}
