import { RpcError } from '../../protocol/errors.ts';
import { within } from '../../protocol/waiting.ts';
import type { WorkerEvent } from '../events.ts';
import type { RequestHandler } from '../handler.ts';
import type { ThreadEvent, ThreadReply, ThreadTask } from './messages.ts';
import type { ThreadScript } from './thread.ts';
import { ThreadSlot } from './thread-slot.ts';

/** How long a thread may take to end when the pool is closed, in ms. */
const CLOSE = 1_000;

/** The settings of a pool and its slots. */
export interface PoolSettings {
  readonly script: ThreadScript;
  /** How long a call may run, in ms, even if its deadline is later: that is the caller's choice, and a thread is not the caller's. */
  readonly maxRun: number;
  readonly onEvent: (event: WorkerEvent | ThreadEvent) => void;
}

/** When a call has to be over, besides the pool's `maxRun`. */
export interface CallLimits {
  /** As `performance.now()` counts; undefined: never. */
  readonly deadline: number | undefined;
  /** Aborts when the answer can reach nobody any more, or the deadline passed. */
  readonly signal: AbortSignal;
}

/** A call, waiting or in a thread. */
export interface Call extends CallLimits {
  readonly task: ThreadTask;
  readonly resolve: (reply: ThreadReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs functions in threads: one call at a time in each, further ones wait. A thread whose call is past its time, or that
 * dies, costs that call alone and is replaced.
 */
export class ThreadPool {
  readonly #slots: ThreadSlot[];
  readonly #waiting = new Set<Call>();
  #onReady = () => {};
  #onFailed = (_error: Error) => {};

  constructor(threads: number, settings: PoolSettings) {
    this.#slots = Array.from({ length: threads }, () => {
      const slot: ThreadSlot = new ThreadSlot(settings, {
        onFree: () => {
          this.#onReady();
          const [next] = this.#waiting;
          if (!next) return;
          this.#waiting.delete(next);
          slot.run(next);
        },
        onNotBegun: (call) => this.#assign(call),
        onStartFailed: (error) => this.#startFailed(error),
      });
      return slot;
    });
  }

  /**
   * Starts the threads, and resolves when all are up.
   * @throws Error what a thread failed with; the pool is closed then
   */
  async start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#onFailed = reject;
      this.#onReady = () => {
        if (this.#slots.every(({ ready }) => ready)) resolve();
      };
    });
    for (const slot of this.#slots) slot.start();
    try {
      await started;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.#onReady = () => {};
      this.#onFailed = () => {};
    }
  }

  /**
   * Makes a handler that runs each request in one of the threads.
   * @param number which of the functions of `serveThread` answers
   * @param maxRequestBytes how long a request may be once it is not compressed any more
   */
  handlerOf(number: number, maxRequestBytes: number): RequestHandler {
    const which = { function: number, maxRequestBytes };
    return (request, { redelivered, headers, correlationId, messageId, deadline, signal }) => {
      const { body, contentType, contentEncoding, type } = request;
      const message = { body, contentType, contentEncoding, type, redelivered, headers, correlationId, messageId };
      return this.run({ ...which, ...message }, { deadline, signal });
    };
  }

  /**
   * The reply. Rejects with the error that the caller is to get, or with the reason of the signal as soon as it aborts,
   * whether the thread goes on or not.
   */
  run(task: ThreadTask, { deadline, signal }: CallLimits): Promise<ThreadReply> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => this.#abort(call, signal.reason);
      const settled = () => signal.removeEventListener('abort', onAbort);
      const call: Call = {
        task,
        deadline,
        signal,
        resolve: (reply) => {
          settled();
          resolve(reply);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#assign(call);
    });
  }

  /**
   * Ends the threads, even busy ones.
   * @returns false if one did not end in time, because it is held in native code; then the process can't exit either
   */
  close(): Promise<boolean> {
    const stopping = new RpcError('UNAVAILABLE', 'the worker is stopping', { reason: 'CLOSED' });
    this.#rejectWaiting(stopping);
    return within(CLOSE, Promise.all(this.#slots.map((slot) => slot.close(stopping))));
  }

  #assign(call: Call): void {
    const free = this.#slots.find((slot) => slot.free);
    if (free) free.run(call);
    else this.#waiting.add(call);
  }

  #abort(call: Call, reason: unknown): void {
    const slot = this.#slots.find((candidate) => candidate.runs(call));
    if (slot) slot.abandon(reason, { tell: call.deadline === undefined || performance.now() < call.deadline });
    else {
      this.#waiting.delete(call);
      call.reject(reason);
    }
  }

  /** With no thread left nobody knows when the next one will be up: what waits for it is told so. */
  #startFailed(error: Error): void {
    this.#onFailed(error);
    if (this.#slots.some(({ ready }) => ready)) return;
    const message = "the worker's threads can't start; the worker's log says why";
    this.#rejectWaiting(new RpcError('INTERNAL', message, { reason: 'FUNCTION_FAILED' }));
  }

  #rejectWaiting(error: RpcError): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) call.reject(error);
  }
}
