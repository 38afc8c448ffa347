import { tooLongError } from './call-errors.ts';
import type { ReplyLease } from './reply-strategies/reply-route.ts';

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

/** What a {@link PendingCall} is made from. */
export interface CallInit {
  readonly body: Buffer;
  readonly contentType: string;
  /** Time limit in ms. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (error: unknown) => void;
  readonly onTimeout: (call: PendingCall) => void;
  readonly onAbort: (call: PendingCall) => void;
}

/** One call from `call()` to settled: its clock, its abort signal, and where it has got to. */
export class PendingCall {
  readonly body: Buffer;
  readonly contentType: string;
  readonly timeout: number;
  /** The correlation id that it was last sent with. */
  id: string | undefined;
  lease: ReplyLease | undefined;
  readonly #init: CallInit;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: (() => void) | undefined;

  constructor(init: CallInit) {
    this.#init = init;
    this.body = init.body;
    this.contentType = init.contentType;
    this.timeout = init.timeout;
    this.#deadline = performance.now() + init.timeout;
    this.#timer = setTimeout(() => init.onTimeout(this), init.timeout);
    if (init.signal) {
      this.#onAbort = () => init.onAbort(this);
      init.signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  /** Whole milliseconds that are left. */
  get timeLeft(): number {
    return Math.floor(this.#deadline - performance.now());
  }

  get abortReason(): unknown {
    return this.#init.signal?.reason;
  }

  resolve(reply: RpcReply): void {
    this.#settle();
    this.#init.resolve(reply);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#init.reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#onAbort) this.#init.signal?.removeEventListener('abort', this.#onAbort);
  }
}
