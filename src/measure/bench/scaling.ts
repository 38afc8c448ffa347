import { performance } from 'node:perf_hooks';

/** So many workers that share a queue, and how to call them. */
export interface Crew {
  readonly workers: number;
  readonly prefetch: number;
  /** One call, answered. Rejects if it is not. */
  call(): Promise<unknown>;
}

/** How long and how often to measure. */
export interface ScalingPlan {
  readonly rounds: number;
  /** How long a crew is measured at a time, in ms. */
  readonly turn: number;
  readonly signal: AbortSignal;
}

/**
 * Measures crews in turns, each in every round, every other round in reverse. A crew has as much under way as all its
 * workers may hold, and again as much in the queue, so that none of them waits for a caller.
 *
 * @returns for each crew its calls/s, round by round
 * @throws what a call rejects with; the signal's reason
 */
export async function measureCrews<T extends Crew>(
  crews: readonly T[],
  { rounds, turn, signal }: ScalingPlan,
): Promise<Map<T, number[]>> {
  const rates = new Map<T, number[]>(crews.map((crew) => [crew, []]));
  for (let round = 1; round <= rounds; round++)
    for (const crew of round % 2 === 0 ? [...crews].reverse() : crews)
      rates.get(crew)?.push(await callsPerSecond(crew, turn, signal));
  return rates;
}

/** It counts from when each worker has had time to answer once, and stops counting before the first lane stops calling. */
async function callsPerSecond({ workers, prefetch, call }: Crew, turn: number, signal: AbortSignal): Promise<number> {
  const lanes = 2 * workers * prefetch;
  let answered = 0;
  let began = 0;
  let rate = 0;
  const lane = async () => {
    while (rate === 0) {
      signal.throwIfAborted();
      await call();
      answered++;
      const now = performance.now();
      if (answered === lanes) began = now;
      else if (began > 0 && now - began >= turn) rate ||= ((answered - lanes) / (now - began)) * 1_000;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return rate;
}
