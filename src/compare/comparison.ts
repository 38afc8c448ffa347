import type { Conditions } from './conditions.ts';
import type { Sample } from './samples.ts';
import type { TurnLength } from './turn.ts';
import type { WorkerTotals } from './worker-process.ts';
import type { Workload } from './workloads.ts';

/** Everything a comparison leaves: what was to be measured, what was, and how. The renderings are made from it alone. */
export interface Comparison {
  readonly samples: readonly Sample[];
  readonly workloads: Readonly<Record<string, Workload>>;
  readonly designs: readonly string[];
  /** The design that the others' ratios are to. */
  readonly baseline: string;
  /** How many rounds were to be measured; fewer were if it was interrupted. */
  readonly rounds: number;
  readonly length: TurnLength;
  readonly conditions: Conditions;
  /** What the worker said when it stopped; undefined if it said nothing. */
  readonly worker: WorkerTotals | undefined;
}
