import { randomBytes } from 'node:crypto';
import type { Caller, Design, Target } from '../../src/compare/implementation.ts';
import { type PendingCall, PendingCalls } from '../pending-calls.ts';
import { consumeReplies, declareExclusive, deleteQueue, publishRequest } from './channel.ts';
import { FloorConnection } from './connection.ts';
import { method } from './protocol.ts';

/** Calls with as little as the design needs. One connection; it never reconnects. */
export class FloorCaller implements Caller {
  readonly #design: Design;
  readonly #target: Target;
  readonly #queue: string;
  /** 96 random bits, as in the library, so that ids, and the names of queues made from them, are as long. */
  readonly #prefix = randomBytes(12).toString('base64url');
  #issued = 0;
  readonly #calls = new PendingCalls((id) => this.#tidy(id));
  #unsent: { readonly id: string; readonly request: string }[] = [];
  #connection: FloorConnection | undefined;
  /** The connection, once requests can go out. */
  #ready: FloorConnection | undefined;
  #replyTo = 'amq.rabbitmq.reply-to';
  #discarded = 0;

  constructor(design: Design, target: Target) {
    this.#design = design;
    this.#target = target;
    this.#queue = Buffer.from(target.queue).toString('latin1');
  }

  call(request: string, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const id = this.#prefix + (++this.#issued).toString(36);
      this.#calls.add(id, { resolve, reject, signal });
      if (this.#ready) this.#send(this.#ready, id, request);
      else {
        this.#unsent.push({ id, request });
        this.#connection ??= this.#connect();
      }
    });
  }

  discarded(): number {
    return this.#discarded;
  }

  async close(): Promise<void> {
    this.#ready = undefined;
    this.#calls.end(new Error('the caller was closed'));
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
      onLost: (error) => {
        this.#ready = undefined;
        this.#calls.end(error);
      },
    });
    this.#prepare(connection).catch(() => {}); // onLost was told
    return connection;
  }

  async #prepare(connection: FloorConnection): Promise<void> {
    await connection.open({ cancelNotify: false });
    if (this.#design === 'exclusive') {
      declareExclusive(connection.write(), '');
      const ok = await connection.until(method.queueDeclareOk);
      this.#replyTo = ok.toString('latin1', 5, 5 + (ok[4] ?? 0));
    }
    if (this.#design !== 'per-request') consumeReplies(connection.write(), this.#replyTo);
    this.#ready = connection;
    for (const { id, request } of this.#unsent) if (this.#calls.has(id)) this.#send(connection, id, request);
    this.#unsent = [];
  }

  #send(connection: FloorConnection, id: string, request: string): void {
    const writer = connection.write();
    let replyTo = this.#replyTo;
    if (this.#design === 'per-request') {
      replyTo = ownQueue(id);
      declareExclusive(writer, replyTo);
      consumeReplies(writer, replyTo);
    }
    publishRequest(writer, { queue: this.#queue, id, replyTo, body: Buffer.from(request, 'latin1') });
  }

  #settle(id: string): PendingCall | undefined {
    const call = this.#calls.take(id);
    if (call) this.#tidy(id);
    return call;
  }

  /** What the design has to do when a call is over. */
  #tidy(id: string): void {
    if (this.#design === 'per-request' && this.#ready) deleteQueue(this.#ready.write(), ownQueue(id));
  }
}

/** The name of a call's own queue. */
function ownQueue(id: string): string {
  return `floor.${id}`;
}
