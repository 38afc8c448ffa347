import type { Caller } from './caller.ts';
import type { Sample } from './samples.ts';
import type { TurnLength } from './turn.ts';
import { turnOrder } from './turn-order.ts';
import type { Workload } from './workloads.ts';

/** What to measure. */
export interface Plan<Design extends string> {
  readonly designs: readonly Design[];
  readonly workloads: Readonly<Record<string, Workload>>;
  /** Measured rounds; one more, the warm-up, comes before them. */
  readonly rounds: number;
  readonly length: TurnLength;
  readonly open: (design: Design) => Caller;
  readonly signal: AbortSignal;
}

/**
 * Measures round by round, and in each round every workload with every design, so that what is compared lies close
 * together in time. Yields each sample as it is there; those of round 0 are the warm-up.
 * @throws the signal's reason; an Error when a turn gets no answer at all
 */
export async function* measure<Design extends string>(plan: Plan<Design>): AsyncGenerator<Sample> {
  for (let round = 0; round <= plan.rounds; round++) {
    for (const [workload, { run }] of Object.entries(plan.workloads)) {
      for (const design of turnOrder(plan.designs, Math.max(round, 1))) {
        const turn = { open: () => plan.open(design), length: plan.length, signal: plan.signal };
        yield { workload, design, round, ...(await run(turn)) };
      }
    }
  }
}
