import { Call, type CallSettings } from './call.ts';
import { CorrelationIds, type DiscardReason } from './correlation-ids.ts';
import { List } from './list.ts';
import type { RpcReply } from './reply.ts';

/** Is told of calls that end before their reply is there, many at a time. */
export interface CallsObserver {
  /** The time of these calls is up. */
  onTimeout(calls: readonly Call[]): void;
  /** The signal of these calls was aborted. */
  onAbort(calls: readonly Call[], reason: unknown): void;
}

/** A timer that fires so late, in ms, fires because something held the event loop: replies may lie in the socket. */
const LATE = 20;

/** Turns of the event loop without a reply that such a timer waits for… */
const QUIET_TURNS = 2;

/** …and the most that it waits in all. */
const MAX_TURNS = 100;

/** A client's calls: those that wait to be sent and those in flight, with their time limits, signals and correlation ids. */
export class Calls {
  /** Not sent yet, in the order of their coming. */
  readonly waiting = new List<Call>();
  /** The request is out, or its reply queue is being made. */
  readonly inFlight = new List<Call>();
  readonly #observer: CallsObserver;
  readonly #ids = new CorrelationIds();
  readonly #sent = new Map<string, Call>();
  /** One listener for each signal, however many calls share it. */
  readonly #signals = new Map<AbortSignal, { readonly calls: Set<Call>; readonly onAbort: () => void }>();
  /** Calls whose timer has fired. */
  #overdue: Call[] = [];
  #quietTurns = 0;
  #turnsLeft = 0;
  #answered = 0;
  #answeredBefore = 0;

  constructor(observer: CallsObserver) {
    this.#observer = observer;
  }

  /** Adds a call, which waits, with its time limit and signal. */
  add(settings: CallSettings, resolve: (reply: RpcReply) => void, reject: (error: unknown) => void): Call {
    const call = new Call(settings, resolve, reject);
    call.timer = setTimeout(this.#onTimer, settings.timeout, call);
    if (settings.signal) this.#listen(settings.signal, call);
    this.waiting.add(call);
    return call;
  }

  /** Lets a call that is in flight wait, at the end of those that do; its time limit goes on. */
  wait(call: Call): void {
    this.#leaveFlight(call);
    this.waiting.add(call);
  }

  /** Lets a call that waits be in flight. */
  start(call: Call): void {
    call.turn++;
    this.waiting.remove(call);
    this.inFlight.add(call);
  }

  /** Gives the call a correlation id, by which its reply finds it. To be done before the request is published. */
  register(call: Call): string {
    call.number = this.#ids.next();
    const id = this.#ids.idOf(call.number);
    call.id = id;
    this.#sent.set(id, call);
    return id;
  }

  /** The call that a reply with this id is for. */
  find(id: string | undefined): Call | undefined {
    return id === undefined ? undefined : this.#sent.get(id);
  }

  /** Tells late, duplicate and unknown replies apart: those that no call waits for. */
  classify(id: string | undefined): DiscardReason {
    return this.#ids.classify(id);
  }

  /** Whether this client issued the id. */
  issued(id: string | undefined): id is string {
    return this.#ids.numberOf(id) !== undefined;
  }

  /** Takes out a call that its reply is here for. */
  answer(call: Call): void {
    this.#answered++;
    this.#ids.answered(call.number);
    this.settle(call);
  }

  /** Takes a call out for good. What it costs does not depend on how many there are, and nothing is sent in its place here. */
  settle(call: Call): void {
    clearTimeout(call.timer);
    const { signal } = call.request;
    if (signal) this.#unlisten(signal, call);
    if (call.list === this.inFlight) this.#leaveFlight(call);
    else call.list?.remove(call);
  }

  #leaveFlight(call: Call): void {
    call.turn++;
    this.inFlight.remove(call);
    if (call.id !== undefined) this.#sent.delete(call.id);
    call.id = call.startedBy = undefined;
    call.release?.();
    call.release = undefined;
  }

  #listen(signal: AbortSignal, call: Call): void {
    let shared = this.#signals.get(signal);
    if (!shared) {
      const calls = new Set<Call>();
      const onAbort = () => this.#observer.onAbort([...calls], signal.reason);
      shared = { calls, onAbort };
      this.#signals.set(signal, shared);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    shared.calls.add(call);
  }

  #unlisten(signal: AbortSignal, call: Call): void {
    const shared = this.#signals.get(signal);
    shared?.calls.delete(call);
    if (!shared || shared.calls.size > 0) return;
    this.#signals.delete(signal);
    signal.removeEventListener('abort', shared.onAbort);
  }

  /**
   * Timers fire before the sockets are read, so calls that are overdue get the replies of this turn first. A function, not a
   * method, for all timers: one for each would be one more thing to collect.
   */
  readonly #onTimer = (call: Call): void => {
    if (this.#overdue.push(call) === 1) {
      this.#quietTurns = 0;
      this.#turnsLeft = 0;
      this.#answeredBefore = this.#answered;
      setImmediate(this.#onTurn);
    }
    if (performance.now() - call.deadline > LATE) this.#turnsLeft = MAX_TURNS;
  };

  readonly #onTurn = (): void => {
    this.#quietTurns = this.#answered === this.#answeredBefore ? this.#quietTurns + 1 : 0;
    this.#answeredBefore = this.#answered;
    if (this.#turnsLeft-- > 0 && this.#quietTurns < QUIET_TURNS) {
      setImmediate(this.#onTurn);
      return;
    }
    const calls = this.#overdue.filter(({ list }) => list !== undefined);
    this.#overdue = [];
    this.#observer.onTimeout(calls);
  };
}
