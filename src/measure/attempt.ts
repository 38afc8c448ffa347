import { type Caller, CallTimeout } from './implementation.ts';
import type { Tally } from './samples.ts';

/** A request and the only right reply to it. */
export interface Task {
  readonly request: string;
  readonly expected: Buffer;
}

/** Small both ways, so that what is measured is the way and not the work. */
export const SMALL: Task = { request: '30', expected: Buffer.from('832040') };

/** The task whose reply has so many bytes. */
export function taskOf(bytes: number): Task {
  return { request: `bytes:${bytes}`, expected: Buffer.alloc(bytes, 'x') };
}

/** A reply that is not the one that was expected. */
class WrongReply extends Error {
  constructor(reply: Uint8Array, { request, expected }: Task) {
    const start = JSON.stringify(Buffer.from(reply.subarray(0, 40)).toString());
    super(`the reply to ${request} was ${start} (${reply.length} bytes), not the ${expected.length} bytes expected`);
  }
}

/**
 * One call, its reply checked.
 * @throws as the caller does, or an Error if the reply is wrong
 */
export async function ask(caller: Caller, task: Task, signal?: AbortSignal): Promise<void> {
  const reply = await caller.call(task.request, signal);
  if (!task.expected.equals(reply)) throw new WrongReply(reply, task);
}

/** What came of one call. `took` is in ms. */
export type Outcome =
  | { readonly kind: 'right'; readonly took: number }
  | { readonly kind: 'wrong' | 'timeouts' | 'errors'; readonly why: string };

/**
 * Awaits one call and times it, from `began` on. A failure is an outcome, not thrown.
 * @param began as `performance.now()` tells, in ms; default now
 * @throws the signal's reason once it is aborted: such a call has no outcome
 */
export async function attempt(
  call: () => Promise<void>,
  signal: AbortSignal,
  began = performance.now(),
): Promise<Outcome> {
  signal.throwIfAborted();
  try {
    await call();
    return { kind: 'right', took: performance.now() - began };
  } catch (error) {
    signal.throwIfAborted();
    const kind = error instanceof WrongReply ? 'wrong' : error instanceof CallTimeout ? 'timeouts' : 'errors';
    return { kind, why: error instanceof Error ? error.message : String(error) };
  }
}

/** Collects outcomes. */
export class Outcomes {
  /** How long each call that was answered right took, in ms, in the order of their ends. */
  readonly latencies: number[] = [];
  readonly #counts = { calls: 0, right: 0, wrong: 0, timeouts: 0, errors: 0 };
  #firstFailure: string | undefined;

  /** How many calls it holds. */
  get calls(): number {
    return this.#counts.calls;
  }

  /** Why the first call that was not answered right was not. */
  get firstFailure(): string | undefined {
    return this.#firstFailure;
  }

  add(outcome: Outcome): void {
    this.#counts.calls++;
    this.#counts[outcome.kind]++;
    if (outcome.kind === 'right') this.latencies.push(outcome.took);
    else this.#firstFailure ??= outcome.why;
  }

  /** What came of the calls, beside so many replies that nobody waited for. */
  tally(discarded = 0): Tally {
    const firstFailure = this.#firstFailure;
    return { ...this.#counts, discarded, ...(firstFailure === undefined ? {} : { firstFailure }) };
  }
}
