import type { Caller, Design } from '../../src/measure/implementation.ts';
import { type Contender, noCalls, type Sample } from '../../src/measure/samples.ts';

/** A sample of ten calls that took `ms` each, one at a time; so 1000 / ms calls/s. */
export function sample(design: Design, round: number, ms: number, changes: Partial<Sample> = {}): Sample {
  return {
    workload: 'single',
    level: 1,
    implementation: 'fib-worker',
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
export function samplesOf(
  times: Readonly<Partial<Record<Design, readonly number[]>>>,
  changes: Partial<Sample> = {},
): Sample[] {
  return Object.entries(times).flatMap(([design, rounds]) =>
    rounds.map((ms, index) => sample(design as Design, index + 1, ms, changes)),
  );
}

/** All designs of an implementation. */
export function contendersOf(implementation = 'fib-worker'): Contender[] {
  return (['per-request', 'exclusive', 'direct'] as const).map((design) => ({ implementation, design }));
}

/** Rounds that drift: the same machine gets slower and slower, which paired ratios must not mind. */
export const drift = [1, 2, 3, 4, 5, 6, 7, 8] as const;

/** `drift`, `factor` times as slow, give or take a little. */
export function drifting(factor: number): number[] {
  return drift.map((ms, index) => ms * factor * (index % 2 === 0 ? 1.01 : 0.99));
}

/** Callers that answer as told, for the harness alone: nothing about RabbitMQ is learnt from them. */
export class Callers {
  opened = 0;
  closed = 0;
  calls = 0;
  inFlight = 0;
  mostInFlight = 0;
  readonly #answer: (call: number, request: string) => string | Error;

  constructor(answer: (call: number, request: string) => string | Error = rightAnswer) {
    this.#answer = answer;
  }

  readonly open = (): Caller => {
    this.opened++;
    let open = true;
    return {
      call: async (request) => {
        if (!open) throw new Error('it is closed');
        this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
        const answer = this.#answer(++this.calls, request);
        await new Promise(setImmediate);
        this.inFlight--;
        if (answer instanceof Error) throw answer;
        return Buffer.from(answer);
      },
      discarded: () => (open ? 0 : 1),
      close: async () => {
        if (open) this.closed++;
        open = false;
      },
    };
  };
}

/** What every server of the comparison answers. */
export function rightAnswer(_call: number, request: string): string {
  return request === '30' ? '832040' : 'x'.repeat(Number(request.replace('bytes:', '')));
}
