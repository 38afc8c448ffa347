import { ask, type Task } from '../attempt.ts';
import type { Measurement } from '../samples.ts';
import type { Turn } from '../turn.ts';
import { closedLoop } from './closed-loop.ts';

/** Calls over one connection, so many in flight all the time. */
export function steady(turn: Turn, { inFlight, task }: { inFlight: number; task: Task }): Promise<Measurement> {
  const caller = turn.open();
  const close = async () => {
    await caller.close();
    return caller.discarded();
  };
  const call = () => ask(caller, task, turn.signal);
  return closedLoop({ inFlight, warmUp: 10 + 2 * inFlight, call, close, clients: 1 }, turn);
}
