import { attempt, Outcomes } from '../attempt.ts';
import { type Measurement, noCalls } from '../samples.ts';
import type { Turn } from '../turn.ts';

/** Of fewer calls a turn's median would be one end of them. */
const LEAST = 3;

/** What a closed loop drives. */
export interface Loop {
  /** How many calls are under way at once, all the time. */
  readonly inFlight: number;
  /** Calls that end before the measuring begins: they connect, open channels, and let the client get warm. */
  readonly warmUp: number;
  /** One call; rejects if it fails or its reply is wrong. */
  readonly call: () => Promise<void>;
  /** Disconnects, and resolves to how many replies nobody waited for. */
  readonly close: () => Promise<number>;
  /** How many clients are connected when the measuring ends. */
  readonly clients: number;
}

/**
 * Calls in a closed loop: as a call ends, the next begins. What ends between the end of the warm-up and that of the call
 * that completes the turn is measured; the loop is full all that time, so that neither filling nor draining it is in any
 * figure. The warm-up ends early where it takes as long as a turn, but not before twice as many calls have ended as are in
 * flight; nor does a turn end before that, nor before three have: a shorter one would leave out the slow ones.
 * A turn whose warm-up brings nothing but failures ends there, and these are what it measured.
 * @throws the signal's reason
 */
export async function closedLoop(
  loop: Loop,
  { length, signal, connected }: Pick<Turn, 'length' | 'signal' | 'connected'>,
): Promise<Measurement> {
  const [measured, unmeasured] = [new Outcomes(), new Outcomes()];
  const opened = performance.now();
  let current = unmeasured;
  let began = 0;
  let elapsed: number | undefined;
  let over = false;

  const caller = async () => {
    while (!over) {
      const outcome = await attempt(loop.call, signal);
      const now = performance.now();
      current.add(outcome);
      if (current === measured) {
        const enough =
          length.calls === undefined
            ? now - began >= length.time && measured.calls >= Math.max(2 * loop.inFlight, LEAST)
            : measured.calls >= length.calls;
        if (!enough) continue;
        elapsed = now - began;
        over = true;
        current = unmeasured;
      } else if (elapsed === undefined) {
        const long = length.calls === undefined && now - opened >= length.time && unmeasured.calls >= 2 * loop.inFlight;
        if (!long && unmeasured.calls < loop.warmUp) continue;
        if (unmeasured.latencies.length === 0) {
          over = true; // it would only go through more failures, each up to its time limit
          continue;
        }
        began = now;
        current = measured;
      }
    }
  };

  let discarded = 0;
  try {
    await Promise.all(Array.from({ length: loop.inFlight }, caller));
    await connected(loop.clients);
  } finally {
    over = true; // when one caller gives up, so do the others
    discarded = await loop.close();
  }
  if (elapsed === undefined) return failedTurn(unmeasured, discarded);
  return {
    latencies: measured.latencies,
    elapsed,
    measured: measured.tally(discarded),
    unmeasured: unmeasured.tally(),
  };
}

/** The measurement of a turn that came to nothing. */
export function failedTurn(failures: Outcomes, discarded: number): Measurement {
  return { latencies: [], elapsed: Number.NaN, measured: failures.tally(discarded), unmeasured: noCalls };
}
