import { setTimeout as delay } from 'node:timers/promises';
import { explainChannelError } from '../amqp/channel-errors.ts';
import { Dialler } from '../amqp/dial.ts';
import { type Backoff, backoffDelay, within } from '../protocol/waiting.ts';
import { Consumption } from './consumption.ts';
import { WorkerCounters } from './counters.ts';
import type { WorkerStats } from './events.ts';
import type { RequestHandler } from './handler.ts';
import { WorkerLessons } from './lessons.ts';
import { normalizeWorkerOptions, type RpcWorkerOptions, type WorkerSettings } from './options.ts';

export type { DropReason, WorkerEvent, WorkerStats } from './events.ts';
export type { FunctionLog, LogLevel, RequestContext, RequestHandler, RpcRequest } from './handler.ts';
export type { RpcWorkerOptions } from './options.ts';

/** How long to wait between attempts to connect, in ms. */
const RECONNECT: Backoff = { first: 200, max: 15_000 };

/** A consumption that lived this long was a good one, in ms: the next attempt is a first one. */
const GOOD_LIFE = 10_000;

/** How long `close()` waits for requests in hand by default, in ms: Docker kills after 10 s. */
const DRAIN_TIMEOUT = 8_000;

/**
 * Answers requests from a queue, and stays at it: it reconnects until it is closed. Requests are answered at least
 * once (reply, then ack), so the handler must be idempotent.
 */
export class RpcWorker {
  readonly #handler: RequestHandler;
  readonly #settings: WorkerSettings;
  readonly #counters: WorkerCounters;
  readonly #stop = new AbortController();
  #consumption: Consumption | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<{ unfinished: number }> | undefined;

  /** @throws TypeError that names the option and the value */
  constructor(handler: RequestHandler, options: RpcWorkerOptions = {}) {
    this.#handler = handler;
    this.#settings = normalizeWorkerOptions(options);
    this.#counters = new WorkerCounters(this.#settings.onEvent);
  }

  /** Connects and consumes from now on. Failures are told by events and tried again, with a growing delay. */
  start(): void {
    if (this.#closing) throw new Error('the worker is closed');
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** The counters, at this moment. */
  stats(): WorkerStats {
    return this.#counters.stats(this.#consumption?.inFlight ?? 0);
  }

  /**
   * Drains: takes no further request, answers and acks those in hand, disconnects. What is unfinished after `grace` ms
   * (default 8,000) goes back to the queue; the promise tells how many. Calling it again returns the same promise.
   */
  close({ grace = DRAIN_TIMEOUT }: { readonly grace?: number } = {}): Promise<{ unfinished: number }> {
    this.#closing ??= this.#close(grace);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(grace: number): Promise<{ unfinished: number }> {
    this.#stop.abort();
    const consumption = this.#consumption;
    // once it has ended, the broker has everything back
    const inTime = !consumption || (await within(grace, Promise.race([consumption.drain(), consumption.ended])));
    const unfinished = consumption?.inFlight ?? 0;
    await consumption?.close({ force: !inTime });
    await this.#running;
    return { unfinished };
  }

  async #run(stop: AbortSignal): Promise<void> {
    const { urls, tls, connectionName, maxRequests, maxRequestBytes, onEvent } = this.#settings;
    const dialler = new Dialler(urls, { tls, connectionName, maxBodyBytes: maxRequestBytes });
    stop.addEventListener('abort', () => void dialler.close(), { once: true });
    const lessons = new WorkerLessons();
    const context = { handler: this.#handler, settings: this.#settings, counters: this.#counters, lessons };
    for (let attempt = 1; !stop.aborted; attempt++) {
      const { taken } = this.#counters;
      if (taken >= maxRequests) return onEvent({ type: 'spent', taken });
      try {
        const connection = await dialler.connect(stop);
        onEvent({ type: 'connected', url: connection.url.display });
        const cut = () => connection.destroy();
        stop.addEventListener('abort', cut, { once: true });
        const consumption = await Consumption.start(connection, context);
        stop.removeEventListener('abort', cut);
        if (stop.aborted) return await consumption.close();
        this.#consumption = consumption;
        const began = performance.now();
        const error = await consumption.ended;
        if (stop.aborted) return;
        this.#consumption = undefined;
        if (!error) {
          await consumption.close();
          attempt = 0;
          continue;
        }
        const single = lessons.learn(error);
        if (single || performance.now() - began > GOOD_LIFE) attempt = 0;
        const wait = backoffDelay(Math.max(attempt, 1), RECONNECT);
        onEvent({ type: 'disconnected', error, delay: wait });
        await consumption.close();
        await delay(wait, undefined, { signal: stop }).catch(() => {});
      } catch (error) {
        if (stop.aborted) return;
        const wait = backoffDelay(attempt, RECONNECT);
        onEvent({ type: 'retrying', error: explainChannelError(error), attempt, delay: wait });
        await delay(wait, undefined, { signal: stop }).catch(() => {});
      }
    }
  }
}
