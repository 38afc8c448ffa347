import { setTimeout as sleep } from 'node:timers/promises';
import type { RpcClient } from '../../src/client/client.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { within } from '../../src/protocol/waiting.ts';

/**
 * The time that a call may take beyond its limit before it counts as hung, in ms: the machine may be busy with the fault
 * itself. A call that really hangs takes for ever.
 */
const ALLOWANCE = 15_000;

/** Calls that a client has under way at a time. */
export const LANES = 4;

/** How long a lane rests after a call, in ms, and after one that failed: who is refused at once does not ask at once. */
const REST = 100;
const REST_AFTER_FAILURE = 150;

/** How long a client may take to get right answers again once the fault is over, in ms. */
const RECOVERY_LIMIT = 60_000;

const numbers: bigint[] = [0n, 1n];
/** fib(n) as a child would: by no code of the worker's. */
export function fib(n: number): bigint {
  for (let k = numbers.length; k <= n; k++) numbers.push((numbers[k - 1] ?? 0n) + (numbers[k - 2] ?? 0n));
  return numbers[n] ?? 0n;
}

/** A client that calls, and what it may be told. */
export interface Caller {
  readonly name: string;
  readonly client: RpcClient;
  readonly queue: string;
  /** Errors that the fault under test gives cause for, as `code/reason`. */
  readonly allowed: readonly string[];
  /** How often the broker has told the client that it is blocked. */
  blocked: number;
}

/** Keeps several clients calling, and checks every single call. */
export class Load {
  made = 0;
  right = 0;
  /** Calls that settled later than their time limit allows, or not at all. */
  hung = 0;
  /** Answers and exceptions that must not be. */
  readonly wrong: string[] = [];
  /** Typed errors by `code/reason`. */
  readonly errors = new Map<string, number>();
  /** Typed errors that the fault gives no cause for. */
  readonly unexpected: string[] = [];
  /** Calls that ended without the answer or the error that they should have had. */
  lost = 0;
  readonly #callers: readonly Caller[];
  readonly #timeout: number;
  readonly #range: readonly [number, number];
  readonly #lastRight = new Map<Caller, number>();
  readonly #lanes: Promise<void>[] = [];
  /** When each call began that is under way. */
  readonly #underWay = new Set<{ readonly began: number }>();
  #stopped = false;

  /** Each call asks for a number in `range`, and has `timeout` ms. */
  constructor(callers: readonly Caller[], timeout: number, range: readonly [number, number]) {
    this.#callers = callers;
    this.#timeout = timeout;
    this.#range = range;
  }

  start(): void {
    for (const caller of this.#callers)
      for (let lane = 0; lane < LANES; lane++) this.#lanes.push(this.#run(caller, lane));
  }

  /** Resolves once `count` more calls were answered rightly. */
  async goesOn(count: number): Promise<void> {
    const enough = this.right + count;
    while (this.right < enough && !this.#stopped) await sleep(5);
  }

  /** Resolves once every lane has a call under way: nothing is answered any more, and every client waits. */
  async allUnderWay(): Promise<void> {
    while (this.#underWay.size < this.#callers.length * LANES) await sleep(5);
  }

  /** Resolves once every call that is under way now has settled. */
  async settled(): Promise<void> {
    const now = performance.now();
    while ([...this.#underWay].some(({ began }) => began < now)) await sleep(5);
  }

  /** Resolves once every client has got a right answer to a call that it made after now; rejects if one does not. */
  async recovered(): Promise<void> {
    const now = performance.now();
    for (const caller of this.#callers) {
      while ((this.#lastRight.get(caller) ?? 0) < now) {
        if (performance.now() - now > RECOVERY_LIMIT) throw new Error(`${caller.name} gets no right answer any more`);
        await sleep(5);
      }
    }
  }

  /** Calls no more, and waits until the last calls have settled, or hang. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const inTime = await within(this.#timeout + ALLOWANCE, Promise.all(this.#lanes));
    if (!inTime) this.hung += this.#underWay.size;
    const typed = [...this.errors.values()].reduce((sum, count) => sum + count, 0);
    this.lost += this.made - this.#underWay.size - this.right - typed - this.wrong.length;
  }

  async #run(caller: Caller, lane: number): Promise<void> {
    const [from, to] = this.#range;
    await sleep(lane * REST);
    while (!this.#stopped) {
      const n = from + (this.made % (to - from + 1));
      const answered = await this.call(caller, n);
      await sleep(answered ? REST : REST_AFTER_FAILURE);
    }
  }

  /** One call, checked as every other; true if it was answered. */
  async call(caller: Caller, n: number): Promise<boolean> {
    const began = performance.now();
    const call = { began };
    this.#underWay.add(call);
    this.made++;
    try {
      const { body } = await caller.client.call(caller.queue, String(n), {
        timeout: this.#timeout,
        headers: { caller: caller.name },
      });
      if (String(body) === String(fib(n))) {
        this.right++;
        this.#lastRight.set(caller, began);
      } else this.wrong.push(`${caller.name}: fib(${n}) = ${String(body).slice(0, 200)}`);
      return true;
    } catch (error) {
      this.#failed(caller, n, error);
      return false;
    } finally {
      this.#underWay.delete(call);
      if (performance.now() - began > this.#timeout + ALLOWANCE) this.hung++;
    }
  }

  #failed(caller: Caller, n: number, error: unknown): void {
    if (!(error instanceof RpcError)) {
      this.wrong.push(`${caller.name}: fib(${n}) threw ${error instanceof Error ? error.stack : error}`);
      return;
    }
    const kind = `${error.code}/${error.reason}`;
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
    if (caller.allowed.includes(kind)) return;
    this.unexpected.push(`${caller.name}: fib(${n}): ${kind}: ${error.message}`);
    if (error.reason === 'TIMEOUT') this.lost++;
  }
}
