import { isRpcError, RpcError } from '../../protocol/errors.ts';
import { requestIds } from '../../protocol/request-ids.ts';
import { FAILED } from '../function-runner.ts';
import type { FromThread } from './messages.ts';
import { Thread, type ThreadEnd } from './thread.ts';
import type { Call, PoolSettings } from './thread-pool.ts';

/** How long a function has to heed its signal before its thread is ended, in ms. */
const HEED = 100;

/** How long a thread that ended without a call is waited for, in ms: it doubles up to the maximum. */
const RESTART = { first: 200, max: 10_000 };

/** Is told of a slot's life. */
export interface SlotListener {
  /** Its thread takes a call. */
  onFree(): void;
  /** Its thread ended before it began this call: another one may have it. */
  onNotBegun(call: Call): void;
  /** Its thread ended before it took any call. */
  onStartFailed(error: Error): void;
}

/** A place in the pool: a thread, and after it the one that replaces it. */
export class ThreadSlot {
  readonly #settings: PoolSettings;
  readonly #listener: SlotListener;
  #thread: Thread | undefined;
  #ready = false;
  #call: Call | undefined;
  /** Counts the calls of this place: what its threads say is about one of them. */
  #number = 0;
  #maxRun: NodeJS.Timeout | undefined;
  #heed: NodeJS.Timeout | undefined;
  #restart: NodeJS.Timeout | undefined;
  /** How many threads in a row ended without having finished a call. */
  #misfires = 0;
  /** Why its thread is about to be ended. */
  #why: 'time-limit' | 'cancelled' = 'time-limit';
  #closed = false;

  constructor(settings: PoolSettings, listener: SlotListener) {
    this.#settings = settings;
    this.#listener = listener;
  }

  /** Whether its thread is up, busy or not. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Starts the thread; the listener is told what comes of it. */
  start(): void {
    this.#thread = new Thread(this.#settings.script, {
      onMessage: (message) => this.#onMessage(message),
      onMisfit: (what) => this.#settings.onEvent({ type: 'thread-message-ignored', what }),
      onEnd: (end) => this.#onEnd(end),
    });
  }

  /** Whether it takes a call at once. */
  get free(): boolean {
    return this.#ready && this.#call === undefined;
  }

  /** Runs a call; only a free slot does. */
  run(call: Call): void {
    const { maxRun } = this.#settings;
    const { deadline, task } = call;
    this.#call = call;
    this.#number++;
    const left = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - performance.now();
    if (maxRun < left) {
      const tooLong = `the request took longer than ${maxRun} ms, the worker's limit`;
      const error = new RpcError('DEADLINE_EXCEEDED', tooLong, { reason: 'TIMEOUT' });
      this.#maxRun = setTimeout(() => this.abandon(error, { tell: false }), maxRun);
    }
    // a copy: the octets that came from the socket are a part of a larger buffer
    const body = new Uint8Array(task.body);
    const timeLeft = Math.min(left, maxRun);
    try {
      this.#thread?.send({ type: 'run', call: this.#number, task: { ...task, body }, timeLeft }, [body.buffer]);
    } catch (error) {
      this.#forget()?.reject(error); // headers that can't be cloned
      this.#listener.onFree();
    }
  }

  /** Whether `call` runs here. */
  runs(call: Call): boolean {
    return this.#call === call;
  }

  /**
   * The call is over for its caller. The function may heed its signal for a moment; then its thread is ended. `tell` says
   * whether the thread has to be told: it knows itself how long a call may run.
   */
  abandon(reason: unknown, { tell }: { readonly tell: boolean }): void {
    const call = this.#call;
    if (!call || this.#heed) return;
    clearTimeout(this.#maxRun);
    call.reject(reason);
    const cancelled = isRpcError(reason) && reason.reason === 'CANCELLED_BY_CALLER';
    this.#why = cancelled ? 'cancelled' : 'time-limit';
    if (tell) this.#thread?.send({ type: 'abort', call: this.#number, cancelled });
    this.#heed = setTimeout(() => void this.#thread?.end(), HEED);
  }

  /** Ends the thread, rejects its call, and resolves when nothing is left of it. */
  async close(reason: Error): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#forget()?.reject(reason);
    await this.#thread?.end();
  }

  #onMessage(message: FromThread): void {
    const { onEvent } = this.#settings;
    if (message.type === 'event') onEvent(message.event);
    else if (message.type === 'threw') {
      const { name, message: text, stack, ids } = message;
      onEvent({ type: 'handler-failed', error: Object.assign(new Error(text), { name, stack }), ...ids });
    } else if (message.type === 'done') this.#onDone(message);
    else {
      this.#ready = true;
      this.#listener.onFree();
    }
  }

  #onDone({ call: number, result }: Extract<FromThread, { type: 'done' }>): void {
    if (!this.#call || number !== this.#number) {
      this.#settings.onEvent({
        type: 'thread-message-ignored',
        what: 'an answer to another call than the one that runs',
      });
      return;
    }
    const call = this.#forget();
    this.#misfires = 0;
    if ('body' in result) call?.resolve(result);
    else call?.reject(new RpcError(result.code, result.message, result));
    this.#listener.onFree();
  }

  #onEnd(end: ThreadEnd | undefined): void {
    const wasReady = this.#ready;
    const untouched = !this.#heed && !this.#thread?.hasBegun(this.#number);
    this.#ready = false;
    this.#thread = undefined;
    const call = this.#forget();
    if (this.#closed) return;
    const { onEvent } = this.#settings;
    const ids = call && !untouched ? requestIds(call.task) : undefined;
    if (!end) {
      onEvent({ type: 'thread-ended', why: this.#why, delay: 0, ...ids });
      this.start();
      return;
    }
    if (call && untouched) this.#listener.onNotBegun(call);
    else call?.reject(this.#explain(end));
    const delay = call && !untouched ? 0 : Math.min(RESTART.first * 2 ** this.#misfires++, RESTART.max);
    onEvent({
      type: 'thread-ended',
      why: end.outOfMemory ? 'out-of-memory' : 'crashed',
      error: end.error,
      delay,
      ...ids,
    });
    this.#restart = setTimeout(() => this.start(), delay);
    if (!wasReady) this.#listener.onStartFailed(end.error);
  }

  /** The error for the caller; the log knows more. */
  #explain({ outOfMemory }: ThreadEnd): RpcError {
    const { heapMegabytes } = this.#settings.script;
    if (outOfMemory) {
      const message = `the request needs more memory than there is, ${heapMegabytes} MiB`;
      return new RpcError('RESOURCE_EXHAUSTED', message, { reason: 'OUT_OF_MEMORY' });
    }
    return new RpcError('INTERNAL', FAILED.message, { reason: 'FUNCTION_FAILED' });
  }

  #forget(): Call | undefined {
    const call = this.#call;
    this.#call = undefined;
    clearTimeout(this.#maxRun);
    clearTimeout(this.#heed);
    this.#heed = undefined;
    return call;
  }
}
