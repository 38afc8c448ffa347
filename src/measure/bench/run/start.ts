import { turnOrder } from '../../turn-order.ts';
import { ANSWER, CONSUMING, wholePrograms } from './programs.ts';
import { timeToExit, timeToReady } from './run-program.ts';
import type { Section } from './section.ts';
import { FLOOR } from './summary.ts';

export const CLIENT_ROW = 'client, from exec to exit';
export const WORKER_ROW = 'worker, from exec to consuming';

/** These are quick: so many rounds for each that is asked for. */
const MORE_ROUNDS = 4;

/** Whole processes, one after the other. */
export const start: Section = {
  name: 'start',
  title: 'whole processes',
  detail:
    'fib-worker: dist/client.js 30 and dist/worker.js. floor: the same with the floor’s code. amqplib: RabbitMQ’s JavaScript ' +
    'tutorial, without the half second that its client waits at the end. node: a process that does nothing. The floor’s ' +
    'worker answers all of them',
  columns: ['time'],
  async *run(stage) {
    const { rounds, signal, onProgress, contenders } = stage.options;
    const floor = contenders.find(({ name }) => name === FLOOR);
    if (!floor) throw new Error('the floor is not among the contenders');
    const { queue } = await stage.served(floor, 100);
    const unserved = await stage.queue('start');
    for (let round = stage.firstRound; round <= rounds * MORE_ROUNDS; round++) {
      onProgress(round === 0 ? 'warm-up' : `round ${round} of ${rounds * MORE_ROUNDS}`);
      for (const { contender, call, serve } of turnOrder(wholePrograms(stage), Math.max(round, 1))) {
        const time = await timeToExit({ args: call(queue), env: stage.env, signal }, ANSWER);
        const worker = await timeToReady({ args: serve(unserved), env: stage.env, signal }, CONSUMING);
        await worker[Symbol.asyncDispose]();
        if (round === 0) continue;
        yield { row: CLIENT_ROW, contender, round, values: { time } };
        yield { row: WORKER_ROW, contender, round, values: { time: worker.took } };
      }
    }
  },
};
