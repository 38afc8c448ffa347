import { type RequestIds, requestIds, traceparentOf } from '../protocol/request-ids.ts';
import type { WorkerEvent } from './events.ts';
import type { FunctionLog, RequestContext } from './handler.ts';

/** The parts of a context that all requests of a channel share. */
export interface SharedContext {
  /** Told of what functions log. */
  readonly tell: (event: WorkerEvent) => void;
  readonly options: Readonly<Record<string, unknown>>;
  /** The requests in hand whose function looks at its signal. */
  readonly signalled: Set<LazyContext>;
  /** Why no answer can go out any more; undefined as long as answers can. */
  over: Error | undefined;
}

/** The parts of a message that its context needs. */
export interface ContextMessage {
  readonly redelivered: boolean;
  readonly headers?: Readonly<Record<string, unknown>> | null | undefined;
  readonly correlationId?: string | undefined;
  readonly messageId?: string | undefined;
}

/** The context of one request. What costs something is made when the function first looks at it. */
export class LazyContext implements RequestContext {
  readonly deadline: number | undefined;
  readonly #message: ContextMessage;
  readonly #shared: SharedContext;
  #headers: Readonly<Record<string, unknown>> | undefined;
  #log: FunctionLog | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #ended = false;

  constructor(message: ContextMessage, deadline: number | undefined, shared: SharedContext) {
    this.deadline = deadline;
    this.#message = message;
    this.#shared = shared;
  }

  get redelivered(): boolean {
    return this.#message.redelivered;
  }

  get correlationId(): string | undefined {
    return this.#message.correlationId;
  }

  get messageId(): string | undefined {
    return this.#message.messageId;
  }

  get traceparent(): string | undefined {
    return traceparentOf(this.#message.headers);
  }

  get ids(): RequestIds {
    return requestIds(this.#message);
  }

  get log(): FunctionLog {
    this.#log ??= this.#makeLog();
    return this.#log;
  }

  get options(): Readonly<Record<string, unknown>> {
    return this.#shared.options;
  }

  get headers(): Readonly<Record<string, unknown>> {
    this.#headers ??= withoutPrototype(this.#message.headers ?? {});
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#makeSignal();
    return this.#controller.signal;
  }

  /** Why the signal aborted; undefined if it did not, or nobody looked at it. */
  get abortReason(): unknown {
    return this.#controller?.signal.reason;
  }

  /** Aborts the signal, also for who looks at it later. */
  abort(reason: Error): void {
    this.end();
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** To be called when the function is done: its signal does not abort any more. */
  end(): void {
    this.#ended = true;
    if (this.#controller) this.#shared.signalled.delete(this);
  }

  #makeLog(): FunctionLog {
    const { tell } = this.#shared;
    const { ids } = this;
    const log = (level: keyof FunctionLog): FunctionLog['info'] => {
      return (message, fields) =>
        tell({ type: 'log', level, text: String(message), ...(fields && { fields }), ...ids });
    };
    return { info: log('info'), warn: log('warn'), error: log('error') };
  }

  #makeSignal(): AbortController {
    const controller = new AbortController();
    const { signalled, over = this.#abortReason } = this.#shared;
    if (over) controller.abort(over);
    else if (!this.#ended) signalled.add(this);
    return controller;
  }
}

/** A copy of a header table in which a name such as `__proto__` or `toString` stands for nothing but a header. */
function withoutPrototype(table: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(table)) copy[name] = copied(value);
  return copy;
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  // on its way into a thread a Buffer becomes a plain Uint8Array
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'object' || value === null) return value;
  return withoutPrototype(value as Record<string, unknown>);
}
