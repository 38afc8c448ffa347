import { setTimeout as delay } from 'node:timers/promises';
import { Disposables } from '../../disposables.ts';
import { count } from '../../text-table.ts';
import { CONSUMING, wholePrograms } from './programs.ts';
import { timeToReady } from './run-program.ts';
import type { Section } from './section.ts';

/** How long a worker stands idle before it is weighed, in ms. */
const IDLE = 1_000;

/** Calls that wait. */
const WAITING = 10_000;

export const IDLE_ROW = 'an idle worker';
export const WAITING_ROW = 'each call that waits';

/** What is held while nothing happens. */
export const memory: Section = {
  name: 'memory',
  title: 'memory',
  detail:
    `An idle worker: what its process occupies ${IDLE / 1_000} s after it began to consume; node is one that does nothing. ` +
    `A call that waits: heap and Buffers that ${count(WAITING)} calls without a reply take, after a collection, over their number`,
  columns: ['rss', 'waiting'],
  async *run(stage) {
    const { rounds, short, signal, onProgress, contenders } = stage.options;
    const idle = await stage.queue('idle');
    for (let round = 1; round <= rounds; round++) {
      onProgress(`round ${round} of ${rounds}`);
      const started = new Disposables();
      try {
        const workers = await Promise.all(
          wholePrograms(stage).map(async ({ contender, serve }) => {
            const program = { args: serve(idle), env: stage.env, signal };
            return { contender, worker: started.add(await timeToReady(program, CONSUMING)) };
          }),
        );
        await delay(IDLE, undefined, { signal });
        for (const { contender, worker } of workers) {
          const rss = worker.rss();
          if (rss !== undefined) yield { row: IDLE_ROW, contender, round, values: { rss } };
        }
      } finally {
        await started[Symbol.asyncDispose]();
      }
    }
    for (let round = 1; round <= rounds; round++) {
      onProgress(`calls that wait, round ${round} of ${rounds}`);
      const started = new Disposables();
      try {
        // all at once: nothing is timed
        const weighed = contenders.map(async (one) => {
          const queue = started.add(await stage.options.makeQueue(`${one.name}.waiting`)).name;
          const client = started.add(stage.newClient(one));
          return { contender: one.name, waiting: await client.ask('waiting', { queue, calls: short ? 500 : WAITING }) };
        });
        for (const { contender, waiting } of await Promise.all(weighed))
          yield { row: WAITING_ROW, contender, round, values: { waiting } };
      } finally {
        await started[Symbol.asyncDispose]();
      }
    }
  },
};
