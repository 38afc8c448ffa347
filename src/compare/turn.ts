import { attempt, Outcomes } from './attempt.ts';
import type { Measurement } from './samples.ts';

/** How long a turn measures. */
export interface TurnLength {
  /** In ms. */
  readonly time: number;
  /** A number of calls instead. */
  readonly calls: number | undefined;
}

/** What a turn drives. */
export interface Loop {
  /** How many calls are under way at once, all the time. */
  readonly inFlight: number;
  /** Calls that end before the measuring begins: they connect, open channels, and let the client get warm. */
  readonly warmUp: number;
  /** One call; resolves to its reply. */
  readonly call: () => Promise<string>;
  /** Disconnects, and resolves to how many replies nobody waited for. */
  readonly close: () => Promise<number>;
}

/**
 * Calls in a closed loop: as a call ends, the next begins. What ends between the end of the last warm-up call and that
 * of the call that completes the turn is measured; the loop is full all that time, so that neither filling nor draining
 * it is in any figure.
 * @throws Error if no warm-up call is answered right; the signal's reason
 */
export async function runTurn(loop: Loop, length: TurnLength, signal: AbortSignal): Promise<Measurement> {
  const [measured, unmeasured] = [new Outcomes(), new Outcomes()];
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
        const enough = length.calls === undefined ? now - began >= length.time : measured.calls >= length.calls;
        if (!enough) continue;
        elapsed = now - began;
        over = true;
        current = unmeasured;
      } else if (elapsed === undefined && unmeasured.calls >= loop.warmUp) {
        expectAnswers(unmeasured);
        began = now;
        current = measured;
      }
    }
  };

  let discarded = 0;
  try {
    await Promise.all(Array.from({ length: loop.inFlight }, caller));
  } finally {
    over = true; // when one caller gives up, so do the others
    discarded = await loop.close();
  }
  return {
    latencies: measured.latencies,
    elapsed: elapsed ?? Number.NaN,
    measured: measured.tally(discarded),
    unmeasured: unmeasured.tally(),
  };
}

/** A turn that begins with nothing but failures would only go through more of them, each up to its time limit. */
function expectAnswers(warmUp: Outcomes): void {
  const { calls, right, firstFailure } = warmUp.tally();
  if (right === 0) throw new Error(`none of the ${calls} warm-up calls was answered right: ${firstFailure}`);
}
