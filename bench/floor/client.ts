import { randomBytes } from 'node:crypto';
import { CALL_TIMEOUT, type Caller, CallTimeout, type Design, type Target } from '../../src/compare/implementation.ts';
import { consumeReplies, declareExclusive, deleteQueue, publishRequest } from './channel.ts';
import { FloorConnection } from './connection.ts';
import { method } from './protocol.ts';

/** How often the calls are looked through for those that are too old, in ms. */
const SWEEP = 1_000;

interface Pending {
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal;
  readonly began: number;
}

/** Calls with as little as the design needs. One connection; it never reconnects. */
export class FloorCaller implements Caller {
  readonly #design: Design;
  readonly #target: Target;
  readonly #queue: string;
  /** 96 random bits, as in the library: ids, and the names of queues made from them, have the same length. */
  readonly #prefix = randomBytes(12).toString('base64url');
  #issued = 0;
  /** In the order of their beginning. */
  readonly #pending = new Map<string, Pending>();
  #unsent: { readonly id: string; readonly request: string }[] = [];
  #connection: FloorConnection | undefined;
  #ready = false;
  #replyTo = 'amq.rabbitmq.reply-to';
  #discarded = 0;
  #end: Error | undefined;
  #sweep: NodeJS.Timeout | undefined;
  readonly #signals = new Map<AbortSignal, () => void>();

  constructor(design: Design, target: Target) {
    this.#design = design;
    this.#target = target;
    this.#queue = Buffer.from(target.queue).toString('latin1');
  }

  call(request: string, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#end) throw this.#end;
      if (!this.#signals.has(signal)) this.#listen(signal);
      const id = this.#prefix + (++this.#issued).toString(36);
      this.#pending.set(id, { resolve, reject, signal, began: performance.now() });
      if (this.#ready) this.#send(id, request);
      else {
        this.#unsent.push({ id, request });
        if (!this.#connection) this.#connect();
      }
    });
  }

  discarded(): number {
    return this.#discarded;
  }

  async close(): Promise<void> {
    this.#stop(new Error('the caller was closed'));
    await this.#connection?.close();
  }

  #connect(): void {
    const connection = new FloorConnection(this.#target, {
      onDelivery: (body, id) => {
        const call = this.#settle(id);
        if (call) call.resolve(body);
        else this.#discarded++;
      },
      onReturn: (id, why) => this.#settle(id)?.reject(new Error(`RabbitMQ returned the request: ${why}`)),
      onLost: (error) => this.#stop(error),
    });
    this.#connection = connection;
    this.#sweep = setInterval(() => this.#rejectOld(), SWEEP);
    this.#open(connection).catch(() => {}); // onLost told
  }

  async #open(connection: FloorConnection): Promise<void> {
    await connection.open({ cancelNotify: false });
    if (this.#design === 'exclusive') {
      declareExclusive(connection.write(), '');
      const ok = await connection.until(method.queueDeclareOk);
      this.#replyTo = ok.toString('latin1', 5, 5 + (ok[4] ?? 0));
    }
    if (this.#design !== 'per-request') consumeReplies(connection.write(), this.#replyTo);
    this.#ready = true;
    for (const { id, request } of this.#unsent) if (this.#pending.has(id)) this.#send(id, request);
    this.#unsent = [];
  }

  #send(id: string, request: string): void {
    const writer = (this.#connection as FloorConnection).write();
    let replyTo = this.#replyTo;
    if (this.#design === 'per-request') {
      replyTo = privateQueue(id);
      declareExclusive(writer, replyTo);
      consumeReplies(writer, replyTo);
    }
    publishRequest(writer, { queue: this.#queue, id, replyTo, body: Buffer.from(request, 'latin1') });
  }

  /** Takes the call out of those that are waited for; undefined if it is none of them. */
  #settle(id: string): Pending | undefined {
    const call = this.#pending.get(id);
    if (!call) return undefined;
    this.#pending.delete(id);
    if (this.#design === 'per-request' && this.#ready && !this.#end) {
      deleteQueue((this.#connection as FloorConnection).write(), privateQueue(id));
    }
    return call;
  }

  #rejectOld(): void {
    const now = performance.now();
    for (const [id, { began }] of this.#pending) {
      if (now - began < CALL_TIMEOUT) return;
      this.#settle(id)?.reject(new CallTimeout());
    }
  }

  /** One listener for all calls that share the signal. */
  #listen(signal: AbortSignal): void {
    const onAbort = () => {
      for (const [id, call] of this.#pending) if (call.signal === signal) this.#settle(id)?.reject(signal.reason);
    };
    this.#signals.set(signal, onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #stop(error: Error): void {
    this.#end ??= error;
    clearInterval(this.#sweep);
    for (const [signal, onAbort] of this.#signals) signal.removeEventListener('abort', onAbort);
    this.#signals.clear();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** The name of a call's own queue. */
function privateQueue(id: string): string {
  return `floor.${id}`;
}
