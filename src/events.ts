import { EventEmitter } from 'node:events';
import { describeThrown, printableLines } from './protocol/text.ts';

/** An event and its details: events are told apart by `type`. */
export interface TypedEvent {
  /** Its name, by which listeners ask for it. */
  readonly type: string;
}

/** The events of a type, or with `*` all of them. */
export type EventOfType<Event extends TypedEvent, Type extends Event['type'] | '*'> = Type extends '*'
  ? Event
  : Extract<Event, { readonly type: Type }>;

/** The longest report of what was thrown, in UTF-16 units. */
const MAX_REPORT = 4_096;

/**
 * Emits typed events, each to the listeners of its type and to those of `*`, which get every event. A listener that throws, or
 * whose promise rejects, keeps no other from being called and harms no call: the first time it is reported as a warning of the
 * process, `FIB_WORKER_LISTENER`.
 */
export class TypedEmitter<Event extends TypedEvent> {
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  /** The listeners that were reported: one that always throws would flood standard error. */
  readonly #reported = new WeakSet<object>();

  /** Calls `listener` for each event of this type from now on, or with `*` for each event. */
  on<Type extends Event['type'] | '*'>(type: Type, listener: (event: EventOfType<Event, Type>) => void): this {
    this.#emitter.on(type, listener);
    return this;
  }

  /** Calls `listener` for the next event of this type alone. */
  once<Type extends Event['type'] | '*'>(type: Type, listener: (event: EventOfType<Event, Type>) => void): this {
    this.#emitter.once(type, listener);
    return this;
  }

  /** Takes a listener off again. */
  off<Type extends Event['type'] | '*'>(type: Type, listener: (event: EventOfType<Event, Type>) => void): this {
    this.#emitter.off(type, listener);
    return this;
  }

  /**
   * Calls the listeners of the event's type, then those of `*`, in the order of their coming.
   * @returns whether there are any
   */
  protected emit(event: Event): boolean {
    const ofType = this.#call(event.type, event);
    const ofAll = this.#call('*', event);
    return ofType || ofAll;
  }

  #call(type: string, event: Event): boolean {
    if (this.#emitter.listenerCount(type) === 0) return false;
    for (const listener of this.#emitter.rawListeners(type)) {
      try {
        const returned: unknown = listener.call(this, event);
        if (returned instanceof Promise) returned.catch((error) => this.#report(type, listener, error));
      } catch (error) {
        this.#report(type, listener, error);
      }
    }
    return true;
  }

  #report(type: string, listener: object, error: unknown): void {
    if (this.#reported.has(listener)) return;
    this.#reported.add(listener);
    warnOf(error, 'FIB_WORKER_LISTENER', `a listener of '${type}' threw`);
  }
}

/** Reports what was thrown, and nobody would see, as a warning of the process. To be called once for each cause. */
export function warnOf(thrown: unknown, code: string, what: string): void {
  // Node prints it as it is, and an error may repeat what a stranger sent
  const detail = printableLines(describeThrown(thrown, { stack: true }).slice(0, MAX_REPORT));
  process.emitWarning(`${what}; further times are not reported`, { type: 'FibWorkerWarning', code, detail });
}
