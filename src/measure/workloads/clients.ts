import { ask, attempt, Outcomes, SMALL } from '../attempt.ts';
import type { Caller } from '../implementation.ts';
import type { Measurement } from '../samples.ts';
import type { Turn } from '../turn.ts';
import { openLoop } from './open-loop.ts';

/** How many clients connect at a time. */
export const AT_A_TIME = 10;

/** How often all clients together call once they are connected, in calls/s: so seldom that every design keeps up. */
export const CLIENTS_RATE = 60;

/** How many calls that are, whatever the number of clients: more of them would only see more of a backlog, if there is one. */
const CALLS = 30;

/** Such a part of the first calls may go without a reply, as on a cluster whose nodes do not know a new queue yet; more is a limit. */
const LOST = 0.02;

/** A number of clients that can't be reached here: a limit of the machine or the broker. The sweep ends before it. */
export class LevelOutOfReach extends Error {}

/**
 * So many clients, each with a connection of its own: they connect and make their first call, and then, while all are
 * connected, call now and then, one after the other, at a steady rate.
 * @throws LevelOutOfReach if one of them can't connect, or many get no answer; the signal's reason
 */
export async function clients(turn: Turn, count: number): Promise<Measurement> {
  const { signal, length } = turn;
  const callers: Caller[] = [];
  const closeAll = () => inBatches(callers, (caller) => caller.close());
  const firstCalls = new Outcomes();
  const reachable = () => {
    const { errors, wrong, timeouts } = firstCalls.tally();
    return errors + wrong === 0 && timeouts <= count * LOST;
  };
  const connect = async () => {
    while (callers.length < count && reachable()) {
      const caller = turn.open();
      callers.push(caller);
      firstCalls.add(await attempt(() => ask(caller, SMALL, signal), signal));
    }
  };
  try {
    const began = performance.now();
    await Promise.all(Array.from({ length: AT_A_TIME }, connect));
    const setUp = (performance.now() - began) / count;
    if (!reachable()) {
      throw new LevelOutOfReach(
        `of ${count} clients ${firstCalls.latencies.length} connected: ${firstCalls.firstFailure}`,
      );
    }
    const measured = new Outcomes();
    const calls = length.calls ?? CALLS;
    const call = (i: number) => ask(callers[Math.floor((i * count) / calls) % count] as Caller, SMALL, signal);
    const elapsed = await openLoop({ rate: CLIENTS_RATE, calls, call }, measured, signal);
    await turn.connected(count);
    await closeAll();
    const discarded = callers.reduce((sum, caller) => sum + caller.discarded(), 0);
    return {
      latencies: measured.latencies,
      elapsed,
      others: { setUp },
      measured: measured.tally(discarded),
      unmeasured: firstCalls.tally(),
    };
  } finally {
    await closeAll();
  }
}

async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const next = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: 4 * AT_A_TIME }, next));
}
