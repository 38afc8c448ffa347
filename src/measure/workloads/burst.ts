import { ask, attempt, Outcomes, SMALL, taskOf } from '../attempt.ts';
import type { Measurement } from '../samples.ts';
import type { Turn } from '../turn.ts';

/** The size of a reply in a burst, in bytes: all together far more than sockets buffer. */
export const BURST_REPLY = 32 * 1024;

/** How long the requester's event loop stands still, in ms. */
export const BLOCKED_FOR = 500;

/**
 * A burst of calls, and the requester's event loop stands still from the first reply on, so that the others pile up
 * before it. Direct Reply-To has no queue in which they could wait.
 * @see https://www.rabbitmq.com/docs/direct-reply-to
 */
export async function burst(turn: Turn, count: number): Promise<Measurement> {
  const { signal } = turn;
  const [measured, unmeasured] = [new Outcomes(), new Outcomes()];
  const task = taskOf(BURST_REPLY);
  const caller = turn.open();
  try {
    unmeasured.add(await attempt(() => ask(caller, SMALL, signal), signal));
    const { recovery, peakMemory } = await watched(turn, async () => {
      const calls = Array.from({ length: count }, () => attempt(() => ask(caller, task, signal), signal));
      await Promise.race(calls);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_FOR);
      const unblocked = performance.now();
      for (const outcome of await Promise.all(calls)) measured.add(outcome);
      return performance.now() - unblocked;
    });
    await turn.connected(1);
    await caller.close();
    return {
      latencies: measured.latencies,
      elapsed: Number.NaN,
      others: { recovery, ...(peakMemory === undefined ? {} : { peakMemory }) },
      measured: measured.tally(caller.discarded()),
      unmeasured: unmeasured.tally(),
    };
  } finally {
    await caller.close();
  }
}

/** Runs the burst while the broker's memory is watched. */
async function watched(
  turn: Turn,
  run: () => Promise<number>,
): Promise<{ recovery: number; peakMemory: number | undefined }> {
  const memory = await turn.watchMemory();
  try {
    return { recovery: await run(), peakMemory: await memory?.stop() };
  } finally {
    await memory?.stop();
  }
}
