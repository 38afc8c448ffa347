import { type Caller, CallTimeout } from '../contenders/implementation.ts';

/** A request and the only right reply to it. */
export interface Task {
  readonly request: string;
  readonly expected: Buffer;
}

/** Small both ways, so that what is measured is the way and not the work. */
export const SMALL: Task = { request: '30', expected: Buffer.from('832040') };

/** The task whose reply has `bytes` bytes. */
export function taskOf(bytes: number): Task {
  return { request: `bytes:${bytes}`, expected: Buffer.alloc(bytes, 'x') };
}

/** The task that keeps its worker busy for `ms`. */
export function busyTask(ms: number): Task {
  return { request: `busy:${ms}`, expected: Buffer.from('done') };
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

/** The outcome of one call. `took` is in ms. */
export type Outcome =
  | { readonly kind: 'right'; readonly took: number }
  | { readonly kind: 'timeouts' | 'errors'; readonly why: string };

/**
 * Awaits one call and times it, from `began` on. A failure is an outcome, not thrown.
 * @param began as `performance.now()` tells, in ms; default now
 */
export async function attempt(call: () => Promise<void>, began = performance.now()): Promise<Outcome> {
  try {
    await call();
    return { kind: 'right', took: performance.now() - began };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof CallTimeout ? 'timeouts' : 'errors', why };
  }
}

/** The outcomes of a number of calls. */
export interface Tally {
  readonly calls: number;
  /** Calls not answered right, for any reason. */
  readonly failed: number;
  /** How many of those got no reply in time. */
  readonly timeouts: number;
  /** Why the first that failed did. */
  readonly firstFailure: string | undefined;
}

/** Collects outcomes. */
export class Outcomes {
  /** How long each call that was answered right took, in ms, in the order of their ends. */
  readonly latencies: number[] = [];
  #failed = 0;
  #timeouts = 0;
  #firstFailure: string | undefined;

  add(outcome: Outcome): void {
    if (outcome.kind === 'right') {
      this.latencies.push(outcome.took);
      return;
    }
    this.#failed++;
    if (outcome.kind === 'timeouts') this.#timeouts++;
    this.#firstFailure ??= outcome.why;
  }

  get calls(): number {
    return this.latencies.length + this.#failed;
  }

  get tally(): Tally {
    return {
      calls: this.calls,
      failed: this.#failed,
      timeouts: this.#timeouts,
      firstFailure: this.#firstFailure,
    };
  }
}
