import { attempt, Outcomes } from './attempt.ts';

/** Of fewer calls a turn's median would be one end of them. */
const LEAST = 3;

/** How long a turn measures. */
export interface TurnLength {
  /** In ms. */
  readonly time: number;
  /** A number of calls instead. */
  readonly calls: number | undefined;
}

/** The measurement of a loop. */
export interface LoopResult {
  readonly measured: Outcomes;
  /** Calls that filled the loop, and those still under way when it had measured enough. */
  readonly unmeasured: Outcomes;
  /** How long it measured, in ms. */
  readonly elapsed: number;
}

/**
 * Calls in a closed loop, `inFlight` at any time: as a call ends, the next begins. What ends between the end of the first
 * `inFlight` calls and that of the call that completes the turn is measured; the loop is full all that time, so that
 * neither filling nor draining it is in any figure. A turn does not end before twice as many calls as are in flight have
 * ended, nor before three have: a shorter one would leave out the slow ones.
 * @param call one call; rejects if it fails
 */
export async function closedLoop(inFlight: number, length: TurnLength, call: () => Promise<void>): Promise<LoopResult> {
  const [measured, unmeasured] = [new Outcomes(), new Outcomes()];
  let current = unmeasured;
  let began = 0;
  let elapsed: number | undefined;
  const lane = async () => {
    while (elapsed === undefined) {
      const outcome = await attempt(call);
      const now = performance.now();
      current.add(outcome);
      if (elapsed !== undefined) return;
      if (current === unmeasured) {
        if (unmeasured.calls < inFlight) continue;
        began = now;
        current = measured;
      } else if (
        length.calls === undefined
          ? now - began >= length.time && measured.calls >= Math.max(2 * inFlight, LEAST)
          : measured.calls >= length.calls
      ) {
        elapsed = now - began;
        current = unmeasured;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { measured, unmeasured, elapsed: elapsed ?? Number.NaN };
}
