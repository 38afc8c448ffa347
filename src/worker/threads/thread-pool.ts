import { type Call, type CallLimits, type PoolSettings, timeIsUp } from './call.ts';
import type { ThreadTask } from './messages.ts';
import { ThreadSlot } from './thread-slot.ts';

/** How long a thread may take to end when the pool is closed, in ms. */
const CLOSE = 1_000;

/**
 * Runs a function in threads: one call at a time in each, further ones wait. A thread whose call is past its time, or that
 * dies, costs that call alone and is replaced.
 */
export class ThreadPool {
  readonly #settings: PoolSettings;
  readonly #slots: ThreadSlot[];
  readonly #waiting: Call[] = [];
  #onReady = () => {};
  #onFailed = (_error: Error) => {};

  constructor(threads: number, settings: PoolSettings) {
    this.#settings = settings;
    this.#slots = Array.from({ length: threads }, () => {
      const slot: ThreadSlot = new ThreadSlot(settings, {
        onFree: () => {
          this.#onReady();
          const next = this.#waiting.shift();
          if (next) slot.run(next);
        },
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
   * The reply's octets. Rejects with the error that the caller is to get, or with the reason of the signal as soon as it
   * aborts, whether the thread goes on or not.
   */
  run(task: ThreadTask, { deadline, signal }: CallLimits): Promise<Uint8Array> {
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
      const free = this.#slots.find((slot) => slot.free);
      if (free) free.run(call);
      else this.#waiting.push(call);
    });
  }

  /**
   * Ends the threads, whatever they do.
   * @returns false if one did not end in time, because it is held in native code; then the process can't exit either
   */
  async close(): Promise<boolean> {
    const stopping = this.#settings.toError('UNAVAILABLE', 'the worker is stopping');
    for (const call of this.#waiting.splice(0)) call.reject(stopping);
    const ended = Promise.all(this.#slots.map((slot) => slot.close(stopping))).then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), CLOSE);
    });
    return Promise.race([ended, late]).finally(() => clearTimeout(timer));
  }

  #abort(call: Call, reason: unknown): void {
    const slot = this.#slots.find((candidate) => candidate.runs(call));
    if (slot) {
      slot.abandon(reason, { tell: !timeIsUp(call) });
      return;
    }
    const index = this.#waiting.indexOf(call);
    if (index >= 0) this.#waiting.splice(index, 1);
    call.reject(reason);
  }

  /** With no thread left nobody knows when the next one will be up: what waits for it is told so. */
  #startFailed(error: Error): void {
    this.#onFailed(error);
    if (this.#slots.some(({ ready }) => ready)) return;
    const { toError } = this.#settings;
    for (const call of this.#waiting.splice(0)) {
      call.reject(toError('INTERNAL', "the worker's threads can't start; the worker's log says why"));
    }
  }
}
