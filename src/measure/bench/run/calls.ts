import type { Section } from './section.ts';

/** Requests that a worker has in hand at most: fair dispatch, and enough to keep it busy. */
export const PREFETCHES = [1, 100] as const;

/** Calls in flight. */
export const IN_FLIGHT = [1, 50, 200] as const;
const MOST = Math.max(...IN_FLIGHT);

/** So many calls, and V8 has compiled what it will compile: of whoever has more code, too. Start-up is a section of its own. */
const WARM_UP = 20_000;

/** What a row of the section is called. */
export function callRow(inFlight: number, prefetch: number): string {
  return `${inFlight === 1 ? 'one at a time' : `${inFlight} in flight`}, prefetch ${prefetch}`;
}

/** Calls over one connection, by everybody, at each prefetch. */
export const calls: Section = {
  name: 'calls',
  title: 'calls over one connection',
  detail:
    'A closed loop, the six bytes of fib(30) back, checked. Client and worker are a process each, one of either for each ' +
    'implementation; their processor time is counted over every call of a turn, those that fill and drain the loop too. 1 to 1.5 µs of the client’s are the measuring’s own (3 µs one at a time). ' +
    `Each has made ${WARM_UP.toLocaleString('en')} calls at either prefetch before`,
  columns: ['rate', 'p50', 'p99', 'clientCpu', 'workerCpu', 'cpu'],
  async *run(stage) {
    const { rounds, onProgress, contenders, short } = stage.options;
    await Promise.all(contenders.flatMap((one) => PREFETCHES.map((prefetch) => stage.served(one, prefetch))));
    for (const one of short ? [] : contenders) {
      onProgress(`warm-up of ${one.name}`);
      const length = { time: 0, calls: WARM_UP };
      for (const prefetch of PREFETCHES) await stage.turn(one, prefetch, { clients: 1, inFlight: MOST, length });
    }
    for (let round = stage.firstRound; round <= rounds; round++) {
      onProgress(round === 0 ? 'warm-up' : `round ${round} of ${rounds}`);
      for (const inFlight of IN_FLIGHT) {
        for (const prefetch of PREFETCHES) {
          for (const one of stage.inTurn(round)) {
            const sample = await stage.turn(one, prefetch, { clients: 1, inFlight });
            if (round > 0) yield { row: callRow(inFlight, prefetch), contender: one.name, round, ...sample };
          }
        }
      }
    }
  },
};
