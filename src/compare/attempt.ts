import { RpcError } from '../rpc/errors.ts';
import type { Tally } from './samples.ts';

/** The request that every call sends, n in decimal: small, so that what is measured is the way and not the work. */
export const REQUEST = '30';

/** The only right reply to {@link REQUEST}. */
export const EXPECTED_REPLY = '832040';

/** What came of one call. `took` is in ms. */
export type Outcome =
  | { readonly kind: 'right'; readonly took: number }
  | { readonly kind: 'wrong' | 'timeouts' | 'errors'; readonly why: string };

/**
 * Runs one call, times it and checks its reply. A failure is an outcome, not thrown.
 * @throws the signal's reason once it is aborted: such a call has no outcome
 */
export async function attempt(call: () => Promise<string>, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted();
  const began = performance.now();
  try {
    const reply = await call();
    if (reply === EXPECTED_REPLY) return { kind: 'right', took: performance.now() - began };
    return { kind: 'wrong', why: `a reply was ${JSON.stringify(reply.slice(0, 40))}, not ${EXPECTED_REPLY}` };
  } catch (error) {
    signal.throwIfAborted();
    const kind = error instanceof RpcError && error.reason === 'TIMEOUT' ? 'timeouts' : 'errors';
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

  add(outcome: Outcome): void {
    this.#counts.calls++;
    this.#counts[outcome.kind]++;
    if (outcome.kind === 'right') this.latencies.push(outcome.took);
    else this.#firstFailure ??= outcome.why;
  }

  /** What came of the calls, beside so many replies that nobody waited for. */
  tally(discarded = 0): Tally {
    return { ...this.#counts, discarded, firstFailure: this.#firstFailure };
  }
}
