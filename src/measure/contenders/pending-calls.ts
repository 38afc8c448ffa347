import { CALL_TIMEOUT, CallTimeout } from './implementation.ts';

/** How often the calls are looked through for those that are too old, in ms. */
const SWEEP = 1_000;

/** A call that waits for its reply. */
export interface PendingCall {
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * The calls of one caller that wait, by their ids, with their time limits and their signals. Cheap for each call: one
 * timer looks through all of them, and those that share a signal share a listener.
 */
export class PendingCalls {
  readonly #onGivenUp: (id: string) => void;
  /** The calls, in the order of their beginning. */
  readonly #calls = new Map<string, PendingCall & { readonly began: number }>();
  readonly #listeners = new Map<AbortSignal, () => void>();
  #sweep: NodeJS.Timeout | undefined;
  #end: Error | undefined;

  /** @param onGivenUp told of each call that timed out or was aborted */
  constructor(onGivenUp: (id: string) => void = () => {}) {
    this.#onGivenUp = onGivenUp;
  }

  /**
   * Adds a call.
   * @throws the signal's reason if it is aborted already; what `end` was given once that was called
   */
  add(id: string, { resolve, reject, signal }: PendingCall): void {
    if (this.#end) throw this.#end;
    if (signal && !this.#listeners.has(signal)) this.#listen(signal);
    this.#sweep ??= setInterval(() => this.#rejectOld(), SWEEP);
    this.#calls.set(id, { resolve, reject, signal, began: performance.now() });
  }

  has(id: string): boolean {
    return this.#calls.has(id);
  }

  /** Takes a call out, for the taker to settle. Undefined if there is none of this id. */
  take(id: string): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call) this.#calls.delete(id);
    return call;
  }

  /** Rejects all of them, and each that is added from now on. The first error stays. */
  end(error: Error): void {
    this.#end ??= error;
    clearInterval(this.#sweep);
    for (const [signal, listener] of this.#listeners) signal.removeEventListener('abort', listener);
    this.#listeners.clear();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  #listen(signal: AbortSignal): void {
    signal.throwIfAborted();
    const onAbort = () => {
      this.#listeners.delete(signal);
      for (const [id, call] of this.#calls) if (call.signal === signal) this.#giveUp(id, signal.reason);
    };
    this.#listeners.set(signal, onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #rejectOld(): void {
    const now = performance.now();
    for (const [id, { began }] of this.#calls) {
      if (now - began < CALL_TIMEOUT) return;
      this.#giveUp(id, new CallTimeout());
    }
  }

  #giveUp(id: string, reason: unknown): void {
    this.take(id)?.reject(reason);
    this.#onGivenUp(id);
  }
}
