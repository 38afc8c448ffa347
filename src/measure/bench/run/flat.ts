import { count } from '../../text-table.ts';
import type { Section } from './section.ts';

/** In how many parts the calls are made; after each, both ends are weighed. */
const PARTS = 10;

const IN_FLIGHT = 50;
const PREFETCH = 100;

/** Whether memory stays what it is, call after call: `--calls 1000000` makes a million. */
export const flat: Section = {
  name: 'flat',
  title: 'memory over many calls',
  detail:
    `This project’s client and worker, ${IN_FLIGHT} in flight, prefetch ${PREFETCH}; the heap after a collection. “× first” is over ` +
    'the first row; the round is one',
  columns: ['heap', 'rss'],
  grows: true,
  async *run(stage) {
    const { calls, onProgress, signal } = stage.options;
    const [own] = stage.inTurn(1, ['fib-worker']);
    if (!own) return;
    const { queue, worker } = await stage.served(own, PREFETCH);
    const client = stage.client(own);
    const part = Math.max(1, Math.round(calls / PARTS));
    let made = 0;
    for (let i = 1; i <= PARTS; i++) {
      signal.throwIfAborted();
      onProgress(`${count(made)} of ${count(calls)} calls`);
      const length = { time: 0, calls: part };
      const turn = await client.ask('turn', { queue, clients: 1, inFlight: IN_FLIGHT, length });
      made += turn.calls;
      const row = `after ${i * (100 / PARTS)} % of ${count(calls)} calls`;
      for (const [contender, end] of [
        ['fib-worker client', await client.ask('usage', { collect: true })],
        ['fib-worker worker', await worker.usage({ collect: true })],
      ] as const) {
        const values = { heap: end.heap / 1e6, rss: end.rss / 1e6 };
        yield { row, contender, round: 1, values, failed: turn.failed };
      }
    }
  },
};
