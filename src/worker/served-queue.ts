import { setTimeout as delay } from 'node:timers/promises';
import { explainChannelError } from '../amqp/channel-errors.ts';
import type { BrokerConnection } from '../amqp/connection.ts';
import { RpcError } from '../protocol/errors.ts';
import { type Backoff, backoffDelay } from '../protocol/waiting.ts';
import type { QueueContext } from './answerer.ts';
import { Consumption } from './consumption.ts';
import type { Journal } from './events.ts';
import type { RequestHandler } from './handler.ts';
import type { ServeSettings, WorkerSettings } from './options.ts';

/** How long to wait between attempts to connect, or to consume, in ms. */
export const RETRY: Backoff = { first: 200, max: 15_000 };

/** The life of a connection or a consumer, in ms, after which the next attempt counts as a first one. */
export const GOOD_LIFE = 10_000;

/** A queue that a worker serves, over one connection after the other. */
export class ServedQueue {
  readonly settings: ServeSettings;
  readonly #context: QueueContext;
  readonly #journal: Journal;
  #consumption: Consumption | undefined;
  #requests = 0;
  #overrunning = 0;
  #toldOfMaximum = false;

  constructor(worker: WorkerSettings, queue: ServeSettings, handler: RequestHandler, journal: Journal) {
    this.settings = queue;
    this.#journal = journal;
    this.#context = {
      worker,
      queue,
      journal,
      runner: {
        handler,
        contentType: queue.contentType,
        functionOptions: queue.functionOptions,
        maxRequestBytes: queue.maxRequestBytes,
        maxRun: queue.maxRun,
        maxReplyBytes: () => journal.maxReplyBytes,
        tell: (event) => journal.tell(event.type === 'handler-failed' ? { ...event, queue: queue.name } : event),
        overruns: {
          began: (request) => journal.overrun(queue.name, request, ++this.#overrunning, queue.maxOverruns),
          ended: (request) => journal.overrunEnded(queue.name, request, --this.#overrunning, queue.maxOverruns),
        },
      },
      onDelivery: (redelivered) => {
        this.#requests++;
        journal.delivered(redelivered);
      },
    };
  }

  /** Whether it has had its `maxRequests`. */
  get atMaximum(): boolean {
    return this.#requests >= this.settings.maxRequests;
  }

  /** Whether requests come in. */
  get consuming(): boolean {
    return this.#consumption !== undefined;
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#consumption?.inFlight ?? 0;
  }

  /**
   * Consumes the queue until it has had its `maxRequests`, or the signal aborts: the connection is lost, or the worker stops. Any other end
   * is told, and the next attempt comes after a growing delay.
   * @param onConsuming called each time that requests begin to come in
   * @returns what the broker refused, if that is what it closed the connection for
   */
  async serve(connection: BrokerConnection, over: AbortSignal, onConsuming: () => void): Promise<RpcError | undefined> {
    const { name, maxRequests } = this.settings;
    for (let attempt = 1; !this.atMaximum && !over.aborted; attempt++) {
      try {
        const consumption = await Consumption.start(connection, this.#context, maxRequests - this.#requests);
        if (over.aborted) {
          await consumption.close(); // nobody drains it
          return undefined;
        }
        this.#consumption = consumption;
        onConsuming();
        const began = performance.now();
        const error = await consumption.ended;
        if (over.aborted) {
          await this.#leave(consumption);
          return undefined;
        }
        if (!error) {
          attempt = 0;
          await consumption.close();
          this.#consumption = undefined;
          continue;
        }
        this.#consumption = undefined; // the broker has back what was in hand
        const single = this.#journal.learn(error);
        if (single || performance.now() - began > GOOD_LIFE) attempt = 0;
        const wait = backoffDelay(Math.max(attempt, 1), RETRY);
        this.#journal.tell({ type: 'disconnected', queue: name, error, delay: wait });
        await consumption.close();
        await delay(wait, undefined, { signal: over }).catch(() => {});
      } catch (error) {
        if (over.aborted) return isRefusal(error) ? error : undefined;
        const wait = backoffDelay(attempt, RETRY);
        this.#journal.tell({ type: 'retrying', queue: name, error: explainChannelError(error), attempt, delay: wait });
        await delay(wait, undefined, { signal: over }).catch(() => {});
      }
    }
    if (!this.atMaximum || over.aborted || this.#toldOfMaximum) return undefined;
    this.#toldOfMaximum = true;
    this.#journal.tell({ type: 'max-requests', queue: name, requests: this.#requests });
    return undefined;
  }

  async #leave(consumption: Consumption): Promise<void> {
    this.#consumption = undefined;
    await consumption.stop();
  }

  /** To be called when the broker takes messages again. */
  unblocked(): void {
    this.#consumption?.unblocked();
  }

  /** Consumes no further request, and resolves when those in hand are answered, or the broker has them back. */
  async drain(): Promise<void> {
    const consumption = this.#consumption;
    if (consumption) await Promise.race([consumption.drain(), consumption.ended]);
  }

  /** Acks what was answered; nothing is answered any more. */
  async stop(): Promise<void> {
    await this.#consumption?.stop();
  }
}

/** Whether the broker refused what the worker wants of it, and would again. */
function isRefusal(error: unknown): error is RpcError {
  return error instanceof RpcError && (error.reason === 'REFUSED' || error.reason === 'ACCESS_REFUSED');
}
