import { noCalls, type Sample } from '../../src/compare/samples.ts';

/** A sample of ten calls that took `ms` each, one at a time; so 1000 / ms calls/s. */
export function sample(design: string, round: number, ms: number, changes: Partial<Sample> = {}): Sample {
  return {
    workload: 'single',
    design,
    round,
    latencies: Array(10).fill(ms),
    elapsed: 10 * ms,
    measured: { ...noCalls, calls: 10, right: 10 },
    unmeasured: { ...noCalls, calls: 4, right: 4 },
    ...changes,
  };
}

/** For each design the times of its rounds, in ms. */
export function samplesOf(times: Readonly<Record<string, readonly number[]>>): Sample[] {
  return Object.entries(times).flatMap(([design, rounds]) => rounds.map((ms, index) => sample(design, index + 1, ms)));
}

/** Rounds that drift: the same machine gets slower and slower, which paired ratios must not mind. */
export const drift = [1, 2, 3, 4, 5, 6, 7, 8] as const;

/** `drift`, `factor` times as slow, give or take a little. */
export function drifting(factor: number): number[] {
  return drift.map((ms, index) => ms * factor * (index % 2 === 0 ? 1.01 : 0.99));
}
