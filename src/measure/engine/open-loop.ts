import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { attempt, type Outcomes } from './attempt.ts';

/** The most that a timer is late, in ms: for the rest of a wait the event loop turns. */
const TIMER_SLACK = 2;

/**
 * Sends calls when they are due, even if those before have not settled, and times each from when it was due: a
 * client or broker that stalls is charged for the calls that it kept waiting, which a closed loop would never have sent
 * (coordinated omission). Resolves when the last has settled.
 * @param options.rate calls per second
 * @param options.calls how many
 * @param options.call sends the i-th call
 * @returns how long it took from the first call's time until the last call's reply, in ms
 */
export async function openLoop(
  options: { readonly rate: number; readonly calls: number; readonly call: (i: number) => Promise<void> },
  outcomes: Outcomes,
): Promise<number> {
  const { rate, calls, call } = options;
  const began = performance.now();
  const underWay: Promise<void>[] = [];
  for (let i = 0; i < calls; i++) {
    const due = began + (i * 1000) / rate;
    for (let left = due - performance.now(); left > 0; left = due - performance.now()) {
      if (left > TIMER_SLACK) await delay(left - TIMER_SLACK);
      else await nextTurn();
    }
    underWay.push(attempt(() => call(i), due).then((outcome) => outcomes.add(outcome)));
  }
  await Promise.all(underWay);
  return performance.now() - began;
}
