import { setMaxListeners } from 'node:events';
import type { Channel, Delivery, ReturnedMessage } from '../amqp/channel.ts';
import { messageSizeLimit } from '../amqp/channel-errors.ts';
import { ONLY_CANCEL_HEADER } from '../amqp/known-table.ts';
import { inspectQueue, type QueueStatus } from '../amqp/queues.ts';
import { TypedEmitter } from '../events.ts';
import { JSON_TYPE } from '../protocol/body.ts';
import { CANCEL_TYPE, STARTED_TYPE } from '../protocol/cancel.ts';
import { checkContract, type FunctionContract } from '../protocol/contract.ts';
import { errorCode, RpcError } from '../protocol/errors.ts';
import { checkGrace, checkJson, checkObject, checkQueueName } from '../protocol/option-checks.ts';
import { decodeErrorReply, ERROR_REPLY_TYPE } from '../protocol/reply.ts';
import { isDirectReplyAddress } from '../protocol/reply-address.ts';
import { within } from '../protocol/waiting.ts';
import type { Call, StartedBy } from './call.ts';
import { Calls } from './calls.ts';
import type { DiscardReason } from './correlation-ids.ts';
import {
  closedError,
  lossError,
  noQueueError,
  noReplyError,
  notConnectedError,
  notSentError,
  tooManyError,
  unsendableError,
} from './errors.ts';
import { type RpcFunction, typedFunction } from './function.ts';
import {
  type CallOptions,
  type ClientEvent,
  type ClientSettings,
  type ClientStats,
  normalizeCall,
  normalizeClientOptions,
  normalizeWaitOptions,
  type RpcClientOptions,
  type WaitOptions,
} from './options.ts';
import { DeliveredReply, type RpcReply } from './reply.ts';
import { Session } from './session.ts';
import type { CallTelemetry, ClientTelemetry } from './telemetry.ts';

export type { QueueStatus } from '../amqp/queues.ts';
export type { DiscardReason } from './correlation-ids.ts';
export type { ReplyDesign } from './designs/index.ts';
export type { Arrived, DeclaredError, FunctionCallOptions, RpcFunction } from './function.ts';
export type { CallOptions, ClientEvent, ClientStats, RpcClientOptions, WaitOptions } from './options.ts';
export type { RpcReply } from './reply.ts';
export type { CallTelemetry, ClientTelemetry, WatchedCall } from './telemetry.ts';

/** How long `close()` waits for calls to settle by default, in ms. */
const DRAIN_TIMEOUT = 8_000;

const NO_BODY = new Uint8Array();

/**
 * How long nothing is cancelled, in ms, after RabbitMQ closed the connection with 541, as 3.10 does at a message for a worker
 * whose cluster node died.
 */
const CAUTION = 60_000;

/**
 * Calls functions by way of RabbitMQ queues: one client has one connection, for any number of queues. It connects at the
 * first call, and again at the next call after a loss.
 *
 * A call rejects with an `RpcError`: `DEADLINE_EXCEEDED` when its time limit passes, `UNAVAILABLE` at once when there is no
 * broker, no such queue, or the channel its reply was to come by is lost; with the worker's own code when the worker
 * refuses. It rejects with the signal's reason when it is aborted, and with a `TypeError` that names the option and the
 * value when an option is wrong.
 *
 * Once connected, a client keeps the process running until it is closed; see {@link unref}.
 */
export class RpcClient extends TypedEmitter<ClientEvent> {
  readonly #settings: ClientSettings;
  readonly #calls: Calls;
  readonly #session: Session;
  readonly #discarded: Record<DiscardReason, number> = { late: 0, duplicate: 0, unknown: 0 };
  /** The longest request that is sent, in bytes: what the option says, or less once the broker has said so. */
  #maxRequestBytes: number;
  /** How many wait for `connect()`. */
  #connecting = 0;
  #sendingSoon = false;
  #closing: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;
  /** By `performance.now()`. */
  #noCancelUntil = 0;
  /** Why this client can't look at queues: its user may have no further channel. */
  #inspectionRefused: RpcError | undefined;
  /** Aborted when the client closes. */
  readonly #closed = new AbortController();

  /**
   * @param options or a URL alone, or several
   * @throws TypeError that names the option and the value
   */
  constructor(options: string | readonly string[] | RpcClientOptions = {}) {
    super();
    this.#settings = normalizeClientOptions(options);
    setMaxListeners(0, this.#closed.signal); // one for each question about a queue
    this.#maxRequestBytes = this.#settings.maxRequestBytes;
    this.#calls = new Calls({
      onTimeout: (calls) => {
        for (const call of calls) this.#fail(call, this.#timeoutError(call));
      },
      onAbort: (calls, reason) => {
        for (const call of calls) this.#fail(call, reason);
      },
    });
    this.#session = new Session(this.#settings, {
      onOpen: (url) => {
        this.emit({ type: 'connected', url });
        this.#sendSoon();
      },
      onOpenFailed: (error) => {
        for (const call of this.#calls.waiting.toArray()) this.#fail(call, error);
      },
      onLost: (error) => {
        if (errorCode(error.cause) === 'INTERNAL_ERROR') this.#noCancelUntil = performance.now() + CAUTION;
        this.emit({ type: 'disconnected', error });
        for (const call of this.#calls.inFlight.toArray()) this.#lose(call, error);
        this.#sendSoon(); // calls that waited for the broker to take messages: nothing else would connect for them
      },
      onBlocked: (reason) => this.emit({ type: 'blocked', reason }),
      onUnblocked: () => {
        this.emit({ type: 'unblocked' });
        this.#sendSoon();
      },
      onDrained: () => this.#sendSoon(),
      isWanted: () => this.#calls.waiting.size + this.#connecting > 0,
      publish: (call, channel, replyTo) => this.#publish(call, channel, replyTo),
      onReply: (message, channel) => this.#onReply(message, channel),
      onReturn: (message) => this.#onReturn(message),
      onCallLost: (call, error) => this.#lose(call, error),
    });
    this.#settings.telemetry?.client(this);
  }

  /**
   * Sends `body` to the queue and resolves to the worker's reply. Bytes are copied before this returns, so that they may be
   * overwritten then.
   */
  call(queue: string, body: string | Uint8Array, options: CallOptions = {}): Promise<RpcReply> {
    const { telemetry } = this.#settings;
    return telemetry ? this.#watchedCall(telemetry, queue, body, options) : this.#call(queue, body, options);
  }

  /**
   * Sends a value as JSON and resolves to the value that the reply is as JSON, of which nothing is known.
   * @throws RpcError as `call()` does, and if the reply is not JSON
   */
  async callJson(queue: string, value: unknown, options: CallOptions = {}): Promise<unknown> {
    const { contentType = JSON_TYPE } = checkObject('options', options);
    const reply = await this.call(queue, checkJson('value', value), { ...options, contentType });
    return reply.json();
  }

  /**
   * A function that was defined by `defineFunction`, or by its contract alone, to be called with a value. Replies, and the data
   * of declared errors, are validated by its schemas.
   * @throws TypeError that names what is wrong with it
   */
  function<const F extends FunctionContract>(contract: F): RpcFunction<F>;
  /** The same on a queue of another name. */
  function<const F extends FunctionContract>(queue: string, contract: F): RpcFunction<F>;
  /** The same by its type alone, `client.function<typeof words>('words')`: the worker validates requests, and nobody the replies. */
  function<F extends FunctionContract>(queue: string): RpcFunction<F, false>;
  function(given: string | FunctionContract, contract?: FunctionContract): RpcFunction<FunctionContract, boolean> {
    const terms = typeof given === 'string' ? contract && checkContract(contract) : checkContract(given);
    const queue = typeof given === 'string' ? checkQueueName(given) : (given.queue ?? given.name);
    return typedFunction((request, options) => this.callJson(queue, request, options), terms);
  }

  /**
   * Connects beforehand, as a check of readiness does; calls connect by themselves. Resolves at once if there is a
   * connection.
   * @throws RpcError that says what is wrong and what to do
   */
  async connect(options: WaitOptions = {}): Promise<void> {
    const { timeout, signal } = normalizeWaitOptions(options, this.#settings);
    signal?.throwIfAborted();
    if (this.#closing) throw closedError();
    let giveUp = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(notConnectedError(timeout, this.#session.failure)), timeout);
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      giveUp = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
    });
    this.#connecting++;
    try {
      await Promise.race([this.#session.open(), givenUp]);
    } finally {
      this.#connecting--;
      giveUp();
    }
  }

  /**
   * Asks how many messages and consumers a queue has; undefined if it does not exist, or there is no connection. Asks over a
   * connection of its own: if the broker refuses, even a further channel only, that may end all that goes over a connection.
   * @throws RpcError if the broker can't be asked, or refuses; `CHANNEL_LIMIT` for good, and it is not asked again
   */
  async inspectQueue(queue: string): Promise<QueueStatus | undefined> {
    const url = this.#session.connection?.url;
    if (!url) return undefined;
    if (this.#inspectionRefused) throw this.#inspectionRefused;
    const { tls, connectionName } = this.#settings;
    try {
      return await inspectQueue(url, queue, { tls, connectionName, signal: this.#closed.signal });
    } catch (error) {
      if (error instanceof RpcError && error.reason === 'CHANNEL_LIMIT') this.#inspectionRefused = error;
      throw error;
    }
  }

  /** The counters, at this moment. */
  stats(): ClientStats {
    const { waiting, inFlight } = this.#calls;
    return { waiting: waiting.size, inFlight: inFlight.size, discarded: { ...this.#discarded } };
  }

  /** Lets the process end while this client is connected; calls that are under way keep it running until they have settled. */
  unref(): this {
    this.#session.holdProcess(false);
    return this;
  }

  /** Undoes {@link unref}: the connection keeps the process running, as it does by default. */
  ref(): this {
    this.#session.holdProcess(true);
    return this;
  }

  /**
   * Takes no further call, waits for those under way to settle, and disconnects. Calls that have not settled after
   * `grace` ms (default 8,000) reject with `CANCELLED`. Calling it again returns the same promise.
   * @throws TypeError that names the option and the value
   */
  close(options: { readonly grace?: number | undefined } = {}): Promise<void> {
    const grace = checkGrace(options, DRAIN_TIMEOUT);
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call(queue: string, body: string | Uint8Array, options: CallOptions, watched?: CallTelemetry): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      const settings = normalizeCall(queue, body, options, this.#settings, this.#maxRequestBytes, watched);
      settings.signal?.throwIfAborted();
      if (this.#closing) throw closedError();
      const { waiting } = this.#calls;
      if (waiting.size >= this.#settings.maxWaiting) throw tooManyError(waiting.size);
      const goesFirst = waiting.size === 0;
      const call = this.#calls.add(settings, resolve, reject);
      if (goesFirst && this.#mayTake()) this.#send(call);
      else this.#sendSoon();
    });
  }

  async #watchedCall(
    telemetry: ClientTelemetry,
    queue: string,
    body: string | Uint8Array,
    options: CallOptions,
  ): Promise<RpcReply> {
    const { urls } = this.#settings;
    const { hostname, port } = this.#session.connection?.url ?? (urls.length === 1 ? urls[0] : undefined) ?? {};
    const watched = telemetry.call({ queue, hostname, port });
    try {
      const reply = await this.#call(queue, body, options, watched);
      watched.answered();
      return reply;
    } catch (error) {
      watched.failed(error);
      throw error;
    }
  }

  async #close(grace: number): Promise<void> {
    const { waiting, inFlight } = this.#calls;
    if (waiting.size + inFlight.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#onDrained = resolve;
      });
      await within(grace, drained);
      for (const call of [...waiting.toArray(), ...inFlight.toArray()]) this.#fail(call, closedError());
    }
    this.#closed.abort(closedError());
    await this.#session.close();
  }

  /**
   * Sends what may be sent when this turn of the event loop has ended. Never at once: what made room, such as 10,000 calls
   * that time out or are aborted one after the other, may be about to settle the very calls that would go out.
   */
  #sendSoon(): void {
    if (this.#sendingSoon) return;
    this.#sendingSoon = true;
    setImmediate(this.#sendWaiting);
  }

  readonly #sendWaiting = (): void => {
    this.#sendingSoon = false;
    const { waiting } = this.#calls;
    // each once: those that can't be sent yet wait again, behind the others
    for (let left = waiting.size; left > 0 && waiting.first && this.#mayTake(); left--) {
      const call = waiting.first;
      if (call.timeLeft < 1) this.#fail(call, this.#timeoutError(call));
      else this.#send(call);
    }
  };

  /** Whether one more call may be in flight. Connects if nothing else is missing. */
  #mayTake(): boolean {
    if (this.#calls.inFlight.size >= this.#settings.maxInFlight) return false;
    if (this.#session.ready) return true;
    void this.#session.open();
    return false;
  }

  #send(call: Call): void {
    this.#calls.start(call);
    this.#session.send(call);
  }

  #publish(call: Call, channel: Channel, replyTo: string): void {
    const { timeLeft, request } = call;
    if (timeLeft < 1) {
      this.#fail(call, this.#timeoutError(call)); // its reply queue took its time
      return;
    }
    if (!this.#session.ready || !channel.active) {
      this.#calls.wait(call);
      this.#sendSoon(); // if the channel alone has ended: nothing else would
      return;
    }
    const id = this.#calls.register(call); // before the publish: the reply may be here first
    const message = {
      exchange: '',
      routingKey: request.queue,
      mandatory: true, // so that the broker tells if there is no such queue
      correlationId: id,
      messageId: id, // what servers of AMQP 1.0 answer to
      replyTo,
      contentType: request.contentType,
      expiration: String(timeLeft),
      durable: false,
      headers: request.headers ?? ONLY_CANCEL_HEADER,
      priority: request.priority,
      bodyStays: true,
    };
    try {
      channel.publish(message, request.body);
    } catch (error) {
      this.#fail(call, unsendableError(error));
    }
  }

  #onReply(message: Delivery, channel: Channel): void {
    const { correlationId, type, replyTo } = message;
    const call = this.#calls.find(correlationId);
    if (type === STARTED_TYPE && replyTo !== undefined && message.body.length === 0) {
      // of an address in another form nothing is known: the call can't be cancelled, and is not answered by this
      if (isDirectReplyAddress(replyTo)) this.#onStarted(call, correlationId, { address: replyTo, channel });
      return;
    }
    if (!call) {
      this.#discard(this.#calls.classify(correlationId), correlationId);
      return;
    }
    this.#calls.answer(call);
    if (type === ERROR_REPLY_TYPE) call.reject(decodeErrorReply(message.body, correlationId));
    else call.resolve(new DeliveredReply(message));
    this.#afterSettling();
  }

  /** A worker handles a request: if its call has ended by now, there is no need to. */
  #onStarted(call: Call | undefined, id: string | undefined, by: StartedBy): void {
    if (call) {
      call.startedBy = by;
      this.emit({ type: 'started', correlationId: id });
    } else if (this.#calls.issued(id)) this.#cancel(id, by);
    else this.#discard('unknown', id);
  }

  /** Tells a worker that nobody waits for its answer; while the broker is blocked, as soon as it takes messages. */
  #cancel(id: string, { address, channel }: StartedBy): void {
    if (!channel.active || performance.now() < this.#noCancelUntil) return;
    const message = { exchange: '', routingKey: address, correlationId: id, type: CANCEL_TYPE, durable: false };
    channel.publish(message, NO_BODY);
  }

  #discard(reason: DiscardReason, correlationId: string | undefined): void {
    this.#discarded[reason]++;
    this.emit({ type: 'discarded', reason, correlationId });
  }

  #onReturn({ correlationId }: ReturnedMessage): void {
    const call = this.#calls.find(correlationId);
    if (call) this.#fail(call, noQueueError(call.request.queue));
  }

  /** The way that the call's reply was to come by is lost: it goes out again if it may, or rejects. */
  #lose(call: Call, error: RpcError): void {
    const { inFlight, waiting } = this.#calls;
    if (call.list !== inFlight) return;
    const limit = messageSizeLimit(error);
    if (limit !== undefined && limit < this.#maxRequestBytes) {
      this.#maxRequestBytes = limit;
      for (const one of waiting.toArray())
        if (one.request.body.length > limit) this.#fail(one, lossError(one.request, error));
    }
    const why = lossError(call.request, error);
    const wasSent = call.id !== undefined;
    // where the whole connection is gone, a call that was not sent is where it was before
    const mayGo = this.#settings.retry || !(wasSent || this.#session.connection);
    if (mayGo && why.reason === 'CONNECTION_LOST' && !this.#closing) {
      if (wasSent) {
        call.request.watched?.retried(why);
        this.emit({ type: 'retry', error: why });
      }
      if (call.list === inFlight) this.#calls.wait(call); // unless a listener has ended it
      this.#sendSoon();
    } else this.#fail(call, why);
  }

  #fail(call: Call, error: unknown): void {
    if (call.id !== undefined && call.startedBy) this.#cancel(call.id, call.startedBy);
    this.#calls.settle(call);
    call.reject(error);
    this.#afterSettling();
  }

  #afterSettling(): void {
    const { waiting, inFlight } = this.#calls;
    if (waiting.size > 0) this.#sendSoon();
    else if (inFlight.size === 0) this.#onDrained?.();
  }

  #timeoutError(call: Call): RpcError {
    const session = this.#session;
    if (call.id !== undefined) return noReplyError(call, session.wasBlockedSince(call.deadline - call.request.timeout));
    return notSentError(call, {
      noBroker: session.connection?.writable ? undefined : { why: session.failure },
      blocked: session.connection?.blocked === true,
      congested: session.connection?.congested === true,
      preparing: call.list === this.#calls.inFlight && this.#settings.reply === 'per-request',
      maxInFlight: this.#settings.maxInFlight,
    });
  }
}
