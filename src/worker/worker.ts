import { setTimeout as delay } from 'node:timers/promises';
import { explainChannelError } from '../amqp/channel-errors.ts';
import { type BrokerConnection, connectionLost } from '../amqp/connection.ts';
import { Dialler } from '../amqp/dial.ts';
import { TypedEmitter, warnOf } from '../events.ts';
import { RpcError } from '../protocol/errors.ts';
import { checkFunction, checkGrace } from '../protocol/option-checks.ts';
import { backoffDelay, within } from '../protocol/waiting.ts';
import { Journal, type WorkerEvent, type WorkerStats } from './events.ts';
import type { RequestHandler } from './handler.ts';
import {
  isServedFunction,
  normalizeServeOptions,
  normalizeWorkerOptions,
  type RpcWorkerOptions,
  type ServedFunction,
  type ServeOptions,
  type WorkerSettings,
} from './options.ts';
import { GOOD_LIFE, RETRY, ServedQueue } from './served-queue.ts';

export type { RejectReason, WorkerEvent, WorkerStats } from './events.ts';
export type { FunctionLog, LogLevel, RequestContext, RequestHandler, RpcRequest } from './handler.ts';
export type {
  DeclareOptions,
  RpcWorkerOptions,
  ServedFunction,
  ServeOptions,
} from './options.ts';
export type { RequestTelemetry, WatchedRequest, WorkerTelemetry } from './telemetry.ts';

/** How long `close()` waits for requests in hand by default, in ms: Docker kills after 10 s. */
const DRAIN_TIMEOUT = 8_000;

/**
 * Answers requests from any number of queues, over one connection with a channel for each queue, and stays at it: it reconnects
 * until it is closed. Requests are answered at least once (reply, then ack), so the handlers must be idempotent.
 */
export class RpcWorker extends TypedEmitter<WorkerEvent> {
  readonly #settings: WorkerSettings;
  readonly #journal: Journal;
  readonly #queues = new Map<string, ServedQueue>();
  /** The queues that no reply may go to. */
  readonly #queueNames = new Set<string>();
  readonly #stop = new AbortController();
  /** Queues that were not consumed yet since `start()`. */
  readonly #starting = new Set<ServedQueue>();
  #onStarted = () => {};
  #onStartFailed = (_error: unknown) => {};
  #connection: BrokerConnection | undefined;
  #started: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<{ unfinished: number }> | undefined;

  /**
   * @param options the URL, or several, or more
   * @throws TypeError that names the option and the value
   */
  constructor(options: string | readonly string[] | RpcWorkerOptions = {}) {
    super();
    this.#settings = normalizeWorkerOptions(options);
    let warned = false;
    this.#journal = new Journal((event) => {
      if (this.emit(event) || event.type !== 'handler-failed' || warned) return;
      warned = true;
      warnOf(event.error, 'FIB_WORKER_HANDLER', "a handler failed, and nobody listens to 'handler-failed'");
    });
  }

  /**
   * Has the requests of a function of `defineFunction` answered by it once the worker is started, on its own queue and with its own
   * settings, over which `options` win.
   * @throws TypeError that names the option and the value; Error for a queue that is served already, or after `start()`
   */
  serve(served: ServedFunction, options?: ServeOptions): this;
  // the last one, for that is the one of which TypeScript tells what does not fit
  /** The same for the requests of any queue, by any handler. */
  serve(queue: string, handler: RequestHandler | ServedFunction, options?: ServeOptions): this;
  serve(
    first: string | ServedFunction,
    second?: RequestHandler | ServedFunction | ServeOptions,
    third?: ServeOptions,
  ): this {
    const named = !isServedFunction(first);
    const served = (named ? second : first) as RequestHandler | ServedFunction;
    const queue = named ? first : first.queue;
    const handler = isServedFunction(served) ? served.handler : served;
    const own = isServedFunction(served) ? served : {};
    const options = ((named ? third : second) ?? {}) as ServeOptions;
    const settings = normalizeServeOptions(queue, options, this.#queueNames, own);
    checkFunction('handler', handler);
    if (this.#closing) throw new Error(`serve('${queue}'): the worker is closed`);
    if (this.#started) throw new Error(`serve('${queue}'): the worker is started; serve before start()`);
    if (this.#queues.has(queue)) throw new Error(`serve('${queue}'): this worker serves that queue already`);
    this.#queueNames.add(queue);
    this.#queues.set(queue, new ServedQueue(this.#settings, settings, handler, this.#journal));
    return this;
  }

  /**
   * Connects, and resolves when each queue is consumed. Failures are told by events and tried again, with a growing delay, for
   * as long as it takes. Calling it again returns the same promise.
   * @throws Error if nothing is served; RpcError `CANCELLED` if the worker is closed before it consumes
   */
  start(): Promise<void> {
    this.#started ??= this.#start();
    this.#started.catch(() => {}); // for who does not wait for it
    return this.#started;
  }

  /** The counters of all queues together, at this moment. */
  stats(): WorkerStats {
    return this.#journal.stats(this.#inFlight);
  }

  /**
   * Drains: consumes no further request, answers and acks those in hand, disconnects. What is unfinished after `grace` ms
   * (default 8,000) goes back to the queue; the promise tells how many. Calling it again returns the same promise.
   * @throws TypeError that names the option and the value
   */
  async close(options: { readonly grace?: number | undefined } = {}): Promise<{ unfinished: number }> {
    const grace = checkGrace(options, DRAIN_TIMEOUT);
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #inFlight(): number {
    let inFlight = 0;
    for (const queue of this.#queues.values()) inFlight += queue.inFlight;
    return inFlight;
  }

  async #start(): Promise<void> {
    if (this.#closing) throw new RpcError('CANCELLED', 'the worker is closed', { reason: 'CLOSED' });
    if (this.#queues.size === 0)
      throw new Error('start(): the worker serves no queue; call serve(queue, handler) before');
    const started = new Promise<void>((resolve, reject) => {
      this.#onStarted = resolve;
      this.#onStartFailed = reject;
    });
    for (const queue of this.#queues.values()) this.#starting.add(queue);
    this.#running = this.#run(this.#stop.signal);
    return started;
  }

  async #close(grace: number): Promise<{ unfinished: number }> {
    this.#stop.abort();
    this.#onStartFailed(new RpcError('CANCELLED', 'the worker was closed before it consumed', { reason: 'CLOSED' }));
    const queues = [...this.#queues.values()];
    const connection = this.#connection;
    if (!queues.some(({ consuming }) => consuming)) connection?.destroy(); // even if it waits for something
    const inTime = await within(grace, Promise.all(queues.map((queue) => queue.drain())));
    const unfinished = this.#inFlight;
    const stopped = queues.map((queue) => queue.stop());
    if (connection && (!inTime || connection.blocked)) connection.destroy();
    await Promise.all([...stopped, connection?.close()]);
    await this.#running;
    return { unfinished };
  }

  async #run(stop: AbortSignal): Promise<void> {
    const queues = [...this.#queues.values()];
    const { urls, tls, connectionName } = this.#settings;
    const maxBodyBytes = Math.max(...queues.map(({ settings }) => settings.maxRequestBytes));
    const dialler = new Dialler(urls, { tls, connectionName, maxBodyBytes });
    stop.addEventListener('abort', () => void dialler.close(), { once: true });
    for (let attempt = 1; !stop.aborted; attempt++) {
      try {
        const connection = await dialler.connect(stop);
        const began = performance.now();
        const { error, refusal } = await this.#serve(connection, stop);
        if (stop.aborted) return await connection.close();
        if (refusal) throw refusal;
        if (!error) return await connection.close(); // each queue has had its maxRequests
        const single = this.#journal.learn(error);
        if (single || performance.now() - began > GOOD_LIFE) attempt = 0;
        const wait = backoffDelay(Math.max(attempt, 1), RETRY);
        this.emit({ type: 'disconnected', error, delay: wait });
        await delay(wait, undefined, { signal: stop }).catch(() => {});
      } catch (error) {
        if (stop.aborted) return;
        const wait = backoffDelay(attempt, RETRY);
        this.emit({ type: 'retrying', error: explainChannelError(error), attempt, delay: wait });
        await delay(wait, undefined, { signal: stop }).catch(() => {});
      }
    }
  }

  /**
   * Serves the queues over a connection; resolves with the reason when that is lost, or without one when there is nothing more
   * to do. `refusal` tells what the broker closed it for, if that was a queue's declaration.
   */
  async #serve(connection: BrokerConnection, stop: AbortSignal): Promise<{ error?: RpcError; refusal?: RpcError }> {
    const queues = [...this.#queues.values()];
    const lost = new AbortController();
    let error: RpcError | undefined;
    connection.observer = {
      onLost: (cause) => {
        error = connectionLost(cause);
        lost.abort();
      },
      onBlocked: (reason) => this.emit({ type: 'blocked', reason }),
      onUnblocked: () => {
        this.emit({ type: 'unblocked' });
        for (const queue of queues) queue.unblocked();
      },
    };
    this.#connection = connection;
    this.emit({ type: 'connected', url: connection.url.display });
    const over = AbortSignal.any([stop, lost.signal]);
    const ends = await Promise.all(
      queues.map((queue) => queue.serve(connection, over, () => this.#onConsuming(queue))),
    );
    const refusal = ends.find((end) => end !== undefined);
    return { ...(error && { error }), ...(refusal && { refusal }) };
  }

  #onConsuming(queue: ServedQueue): void {
    this.#starting.delete(queue);
    if (this.#starting.size === 0) this.#onStarted();
  }
}
