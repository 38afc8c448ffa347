import { tooLongError } from './call-errors.ts';
import type { ReplyLease } from './designs/reply-route.ts';

/** What a call resolves to. */
export interface RpcReply {
  /** The reply's body as it came. */
  readonly body: Buffer;
  /** Its `content_type`; undefined where the worker gave none. */
  readonly contentType: string | undefined;
}

/**
 * The request's body as octets.
 * @throws RpcError INVALID_ARGUMENT if it is longer than `limit` bytes: the broker would close the channel on it
 */
export function requestBody(body: string | Uint8Array, limit: number): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length);
  if (bytes.length <= limit) return bytes;
  throw tooLongError(bytes, limit);
}

/** How a call is to be made. */
export interface CallSettings {
  readonly contentType: string;
  /** Time limit in ms. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Who is told of a call that ends before its reply is there. */
export interface CallObserver {
  onTimeout(call: PendingCall): void;
  onAbort(call: PendingCall): void;
}

/** One call from `call()` to settled: its clock, its abort signal, and where it has got to. */
export class PendingCall {
  readonly body: Buffer;
  readonly contentType: string;
  readonly timeout: number;
  /** The correlation id that it was last sent with. */
  id: string | undefined;
  lease: ReplyLease | undefined;
  readonly #resolve: (reply: RpcReply) => void;
  readonly #reject: (error: unknown) => void;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;

  /** `resolve` and `reject` settle its promise. */
  constructor(
    body: Buffer,
    { contentType, timeout, signal }: CallSettings,
    observer: CallObserver,
    resolve: (reply: RpcReply) => void,
    reject: (error: unknown) => void,
  ) {
    this.body = body;
    this.contentType = contentType;
    this.timeout = timeout;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = performance.now() + timeout;
    this.#timer = setTimeout(onTimeout, timeout, observer, this);
    this.#signal = signal;
    if (signal) {
      this.#onAbort = () => observer.onAbort(this);
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  /** Whole milliseconds that are left. */
  get timeLeft(): number {
    return Math.floor(this.#deadline - performance.now());
  }

  get abortReason(): unknown {
    return this.#signal?.reason;
  }

  resolve(reply: RpcReply): void {
    this.#settle();
    this.#resolve(reply);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#onAbort) this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** One function for all timers: a closure for each call would be one more thing to collect. */
function onTimeout(observer: CallObserver, call: PendingCall): void {
  observer.onTimeout(call);
}
