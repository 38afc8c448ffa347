import { measure, type OutOfReach, type Plan, type Step } from './measure.ts';
import type { Sample } from './samples.ts';

/** What measuring left, and what ended it early. */
export interface Collected {
  readonly samples: readonly Sample[];
  readonly limits: readonly OutOfReach[];
  /** Undefined if nothing did. */
  readonly failure: Error | undefined;
}

/** Measures to the end, or until it fails: what was measured until then is kept. */
export async function collect(plan: Plan, onStep: (step: Step) => void): Promise<Collected> {
  const samples: Sample[] = [];
  const limits: OutOfReach[] = [];
  try {
    for await (const step of measure(plan)) {
      if (step.kind === 'sample') samples.push(step.sample);
      else limits.push(step.limit);
      onStep(step);
    }
    return { samples, limits, failure: undefined };
  } catch (error) {
    return { samples, limits, failure: error instanceof Error ? error : new Error(String(error)) };
  }
}
