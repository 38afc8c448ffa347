import type { FunctionLog, RequestContext } from './handler.ts';

/** The longest delay that setTimeout takes, in ms; a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** What all requests of a worker share. */
export interface SharedContext {
  readonly log: FunctionLog;
  readonly options: Readonly<Record<string, unknown>>;
  /** The requests in hand whose function looks at its signal. */
  readonly signalled: Set<LazyContext>;
  /** Why no answer can go out any more; undefined as long as answers can. */
  over: Error | undefined;
  /** The reason of a signal whose deadline passed. */
  readonly onDeadline: () => Error;
}

/** What a message tells its context. */
export interface ContextMessage {
  readonly redelivered: boolean;
  readonly headers?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The context of one request. What costs something is made when the function first looks at it. */
export class LazyContext implements RequestContext {
  readonly redelivered: boolean;
  readonly deadline: number | undefined;
  readonly log: FunctionLog;
  readonly options: Readonly<Record<string, unknown>>;
  readonly #message: ContextMessage;
  readonly #shared: SharedContext;
  #headers: Readonly<Record<string, unknown>> | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(message: ContextMessage, deadline: number | undefined, shared: SharedContext) {
    this.redelivered = message.redelivered;
    this.deadline = deadline;
    this.log = shared.log;
    this.options = shared.options;
    this.#message = message;
    this.#shared = shared;
  }

  get headers(): Readonly<Record<string, unknown>> {
    this.#headers ??= withoutPrototype(this.#message.headers ?? {});
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#watch();
    return this.#controller.signal;
  }

  /** Why the signal aborted; undefined if it did not, or nobody looked at it. */
  get abortReason(): unknown {
    return this.#controller?.signal.reason;
  }

  /** Aborts the signal that somebody looked at. */
  abort(reason: Error): void {
    this.end();
    this.#controller?.abort(reason);
  }

  /** To be called when the function is done: its signal does not abort any more. */
  end(): void {
    if (!this.#controller) return;
    clearTimeout(this.#timer);
    this.#shared.signalled.delete(this);
  }

  #watch(): AbortController {
    const controller = new AbortController();
    const { signalled, over, onDeadline } = this.#shared;
    if (over) {
      controller.abort(over);
      return controller;
    }
    signalled.add(this);
    if (this.deadline === undefined) return controller;
    const left = this.deadline - performance.now();
    if (left <= MAX_DELAY) this.#timer = setTimeout(() => this.abort(onDeadline()), left);
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
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return withoutPrototype(value as Record<string, unknown>);
}
