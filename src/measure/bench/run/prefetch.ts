import type { Section } from './section.ts';
import { FLOOR } from './summary.ts';

const OWN = 'fib-worker';

const PREFETCHES = [1, 10, 100];

const IN_FLIGHT = 50;

/** A slow request takes so long, in ms, and so many quick ones come right after it. */
const SLOW = 400;
const QUICK = 40;

/** What prefetch buys, and what it costs. */
export const prefetch: Section = {
  name: 'prefetch',
  title: 'what prefetch buys and costs',
  detail:
    `Buys: calls/s of one worker, ${IN_FLIGHT} in flight. Costs: two workers, a request that takes ${SLOW} ms, and right after it ` +
    `${QUICK} quick ones: the share of these that waited for the slow one although the other worker was idle`,
  columns: ['rate', 'cpu', 'held'],
  grows: true,
  async *run(stage) {
    const { rounds, onProgress } = stage.options;
    const [own] = stage.inTurn(1, [OWN]);
    if (!own) return;
    const pairs: { readonly count: number; readonly queue: string }[] = [];
    for (const count of PREFETCHES) {
      const queue = await stage.queue(`pair.${count}`);
      await Promise.all([stage.startWorker(own, count, queue), stage.startWorker(own, count, queue)]);
      pairs.push({ count, queue });
    }
    for (let round = stage.firstRound; round <= rounds; round++) {
      onProgress(round === 0 ? 'warm-up' : `round ${round} of ${rounds}`);
      for (const { count, queue } of pairs) {
        const held = await stage.client(own).ask('beside', { queue, slow: SLOW, quick: QUICK });
        for (const one of stage.inTurn(round, [OWN, FLOOR])) {
          const { values, ...outcome } = await stage.turn(one, count, { clients: 1, inFlight: IN_FLIGHT });
          const all = { ...values, ...(one === own ? { held } : {}) };
          if (round > 0) yield { row: `prefetch ${count}`, contender: one.name, round, values: all, ...outcome };
        }
      }
    }
  },
};
