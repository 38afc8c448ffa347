import type { WholeProgram } from '../contenders/programs.ts';
import type { Contender, FigureName } from '../document/document.ts';
import type { Measurement, Scenario } from '../engine/scenario.ts';
import { count, size } from '../report/text-table.ts';
import { PAYLOAD_IN_FLIGHT } from './designs.ts';

/** Calls that wait. */
const WAITING = 10_000;

/** Calls that ten times as many are compared with; were they fewer, the young heap would hold all of these, and copy those. */
const FEWER_CALLS = 10_000;

/** Levels of `growth` beyond calls of the library: the client program's processor time, and its memory where nobody reads. */
const PROGRAM = 2;
const UNREAD = 3;

/** How long a worker is busy with a request where workers share a queue, in ms. */
const BUSY = 5;

/** Rounds of what takes seconds. */
const FEW_ROUNDS = 8;

const calls: readonly FigureName[] = ['rate', 'p50', 'clientCpu', 'workerCpu', 'cpu', 'work'];

const isLibrary = ({ design }: Contender) => design !== undefined;

/** Of a whole process: one figure that is no call's. */
function single(figures: Measurement['figures']): Measurement {
  const measured = { calls: 0, failed: 0, timeouts: 0, firstFailure: undefined };
  return { latencies: [], elapsed: Number.NaN, figures, measured, discarded: 0 };
}

/** Which library? What each client and worker does, and what it costs. */
export function implementationScenarios(programs: readonly WholeProgram[]): readonly Scenario[] {
  const callsAt = (prefetch: number): Scenario => ({
    name: `prefetch-${prefetch}`,
    title: `calls over one connection, prefetch ${prefetch}`,
    detail:
      'A closed loop, the six bytes of fib(30) back, checked. Processor time: of the client’s process and of the worker’s, over every call of ' +
      'a turn; about 2 µs of the client’s are the measuring’s own',
    headline: 'rate',
    figures: calls,
    unit: 'calls in flight',
    levels: [1, 50, 200],
    levelTitle: (level) => (level === 1 ? 'one call at a time' : `${level} in flight`),
    contenders: isLibrary,
    run: (turn, inFlight) => turn.clients({ kind: 'loop', inFlight }, { prefetch }),
  });
  return [
    callsAt(100),
    callsAt(1),
    {
      name: 'payload',
      title: 'size of the reply',
      detail: `${PAYLOAD_IN_FLIGHT} in flight over one connection, prefetch 100; the request stays small`,
      headline: 'rate',
      figures: calls,
      unit: 'bytes per reply',
      levels: [16, 1_024, 16_384, 131_072, 1_048_576],
      levelLabel: size,
      levelTitle: (level) => `replies of ${size(level)}`,
      contenders: isLibrary,
      run: (turn, bytes) => turn.clients({ kind: 'loop', inFlight: PAYLOAD_IN_FLIGHT, bytes }, { prefetch: 100 }),
    },
    {
      name: 'start-client',
      title: 'a client, from exec to exit',
      detail:
        'A whole process that connects, calls once, prints the answer and ends; the floor’s worker answers all of them; node does nothing',
      headline: 'time',
      figures: ['time'],
      unit: '',
      levels: [1],
      levelTitle: () => 'from exec to exit',
      contenders: ({ name }) => programs.some((program) => program.name === name),
      run: async (turn) => single({ time: await turn.timeToAnswer() }),
    },
    {
      name: 'start-worker',
      title: 'a worker, from exec to consuming, and its memory',
      detail: 'A whole process, and what it occupies a second after it began to consume; node does nothing',
      headline: 'time',
      figures: ['time', 'rss'],
      unit: '',
      levels: [1],
      levelTitle: () => 'from exec to consuming',
      contenders: ({ name }) => programs.some((program) => program.name === name && program.serve),
      rounds: () => FEW_ROUNDS,
      async run(turn) {
        const { took, rss } = await turn.timeToConsume();
        return single({ time: took, ...(rss === undefined ? {} : { rss }) });
      },
    },
    {
      name: 'waiting',
      title: 'a call that waits',
      detail: `Heap and Buffers that ${count(WAITING)} calls without a reply take, after a collection, over their number`,
      headline: 'waiting',
      figures: ['waiting'],
      unit: '',
      levels: [WAITING],
      levelTitle: (level) => `${count(level)} calls that wait`,
      contenders: isLibrary,
      rounds: () => FEW_ROUNDS / 4,
      run: (turn, waiting) => turn.clients({ kind: 'waiting', calls: waiting }, { unserved: true }),
    },
    {
      name: 'growth',
      title: 'ten times as many calls at once',
      detail:
        'Processor time of the client’s process for ten times as many calls, over that for the fewer: 10 is in proportion, more than 13 is a ' +
        'cost that grows faster than the work. 1,000 are in flight, the others wait; without an AbortSignal, and with one for all of them. Of ' +
        'client.js, with the numbers on its standard input: that of the whole process, its start included; and the most memory that it ' +
        'occupies where nobody reads its answers: 1 is right',
      headline: 'growth',
      figures: ['growth'],
      unit: 'of',
      levels: [0, 1, PROGRAM, UNREAD],
      levelLabel: (level) => ['calls', 'calls, one signal', 'client.js', 'client.js, unread'][level] ?? '',
      levelTitle(level) {
        if (level === PROGRAM) return 'client.js, 1,000 and 10,000 numbers';
        const calls = `${count(FEWER_CALLS)} and ${count(10 * FEWER_CALLS)}`;
        if (level === UNREAD) return `client.js, ${calls}, unread`;
        return `${calls} calls${level === 1 ? ', one signal' : ''}`;
      },
      contenders: ({ name }) => name === 'fib-worker',
      rounds: () => FEW_ROUNDS / 4,
      async run(turn, level) {
        const program = { inFlight: (calls: number) => Math.ceil(0.8 * calls), calls: 1_000, of: 'cpu' } as const;
        const unread = { inFlight: () => 100, calls: FEWER_CALLS, of: 'unread' } as const;
        if (level === PROGRAM) return single({ growth: await turn.programGrowth(program) });
        if (level === UNREAD) return single({ growth: await turn.programGrowth(unread) });
        return turn.clients({ kind: 'growth', calls: FEWER_CALLS, oneSignal: level === 1 }, { prefetch: 100 });
      },
    },
    {
      name: 'workers',
      title: 'workers that share a queue',
      detail: `Each request keeps its worker busy for ${BUSY} ms; 64 in flight, prefetch 10. They bring as much as there are cores for them`,
      headline: 'rate',
      figures: ['rate', 'p50'],
      unit: 'workers',
      levels: [1, 2, 4],
      levelTitle: (level) => (level === 1 ? '1 worker' : `${level} workers`),
      contenders: ({ name }) => name === 'fib-worker',
      run: (turn, workers) => turn.clients({ kind: 'loop', inFlight: 64, busy: BUSY }, { workers, prefetch: 10 }),
    },
  ];
}
