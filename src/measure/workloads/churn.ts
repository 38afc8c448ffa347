import { ask, SMALL } from '../attempt.ts';
import type { Measurement } from '../samples.ts';
import type { Turn } from '../turn.ts';
import { closedLoop } from './closed-loop.ts';

/** A life after another: connect, so many calls one after the other, disconnect. What is timed is a life. */
export function churn(turn: Turn, callsPerLife: number): Promise<Measurement> {
  let discarded = 0;
  const call = async () => {
    const caller = turn.open();
    try {
      for (let done = 0; done < callsPerLife; done++) await ask(caller, SMALL, turn.signal);
    } finally {
      await caller.close();
      discarded += caller.discarded();
    }
  };
  return closedLoop({ inFlight: 1, warmUp: 2, call, close: async () => discarded, clients: 0 }, turn);
}
