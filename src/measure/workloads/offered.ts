import { ask, Outcomes, SMALL } from '../attempt.ts';
import type { Measurement } from '../samples.ts';
import type { Turn } from '../turn.ts';
import { failedTurn } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';

/** Calls that warm a connection up. */
const WARM_UP = 20;

/** Calls over one connection at a steady rate, in calls/s, whether or not they are answered. */
export async function offered(turn: Turn, rate: number): Promise<Measurement> {
  const { length, signal } = turn;
  const [measured, unmeasured] = [new Outcomes(), new Outcomes()];
  const caller = turn.open();
  const call = () => ask(caller, SMALL, signal);
  try {
    await openLoop({ rate: Math.min(rate, 1_000), calls: WARM_UP, call }, unmeasured, signal);
    if (unmeasured.latencies.length === 0) return failedTurn(unmeasured, caller.discarded());
    const calls = length.calls ?? Math.max(1, Math.round((rate * length.time) / 1000));
    const elapsed = await openLoop({ rate, calls, call }, measured, signal);
    await turn.connected(1);
    await caller.close();
    const { latencies } = measured;
    return { latencies, elapsed, measured: measured.tally(caller.discarded()), unmeasured: unmeasured.tally() };
  } finally {
    await caller.close();
  }
}
