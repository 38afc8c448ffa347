import { randomBytes } from 'node:crypto';
import type { Caller, Design, Target } from '../implementation.ts';
import { type PendingCall, PendingCalls } from '../pending-calls.ts';
import { FloorConnection } from './connection.ts';
import { openReplies, type Replies } from './replies.ts';

/** Calls with as little as the design needs. One connection; it never reconnects. */
export class FloorCaller implements Caller {
  readonly #design: Design;
  readonly #target: Target;
  /** 96 random bits, as in the library, so that ids are as long, and as hard to guess. */
  readonly #prefix = randomBytes(12).toString('base64url');
  #issued = 0;
  readonly #calls = new PendingCalls((id) => this.#replies?.release(id));
  #unsent: { readonly id: string; readonly body: Buffer }[] = [];
  #connection: FloorConnection | undefined;
  /** Set while requests can go out. */
  #replies: Replies | undefined;
  #discarded = 0;

  constructor(design: Design, target: Target) {
    this.#design = design;
    this.#target = target;
  }

  call(request: string, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const id = this.#prefix + (++this.#issued).toString(36);
      this.#calls.add(id, { resolve, reject, signal });
      const body = Buffer.from(request);
      if (this.#replies) this.#replies.send(id, body);
      else {
        this.#unsent.push({ id, body });
        this.#connection ??= this.#connect();
      }
    });
  }

  discarded(): number {
    return this.#discarded;
  }

  async close(): Promise<void> {
    this.#end(new Error('the caller was closed'));
    await this.#connection?.close();
  }

  #connect(): FloorConnection {
    const connection = new FloorConnection(this.#target, {
      onDelivery: (body, id) => {
        const call = this.#settle(id);
        if (call) call.resolve(body);
        else this.#discarded++;
      },
      onReturn: (id, why) => this.#settle(id)?.reject(new Error(`RabbitMQ returned the request: ${why}`)),
      onLost: (error) => this.#end(error),
    });
    this.#prepare(connection).catch(() => {}); // onLost was told
    return connection;
  }

  async #prepare(connection: FloorConnection): Promise<void> {
    await connection.open({ cancelNotify: false });
    const queue = Buffer.from(this.#target.queue).toString('latin1');
    const replies = await openReplies(this.#design, connection, queue);
    this.#replies = replies;
    for (const { id, body } of this.#unsent) if (this.#calls.has(id)) replies.send(id, body);
    this.#unsent = [];
  }

  #settle(id: string): PendingCall | undefined {
    const call = this.#calls.take(id);
    if (call) this.#replies?.release(id);
    return call;
  }

  #end(error: Error): void {
    this.#replies = undefined;
    this.#calls.end(error);
  }
}
