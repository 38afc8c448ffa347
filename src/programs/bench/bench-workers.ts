// What scaling out buys: calls/s of 1, 2 and 4 workers that share a queue, as ratios of interleaved rounds.
//
//   npm run bench:workers -- [--n 27] [--workers 1,2,4] [--prefetch 1,10] [--rounds 6] [--turn 2s] [--rabbitmq 4.3]
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { onShutdown } from '../../cli/process.ts';
import { integer, list, oneOf, positiveDuration } from '../../cli/value-parsers.ts';
import { RpcClient } from '../../client/client.ts';
import { type Crew, measureCrews } from '../../measure/bench/scaling.ts';
import { thisMachine } from '../../measure/conditions.ts';
import { Disposables } from '../../measure/disposables.ts';
import { ratioOf } from '../../measure/ratios.ts';
import { median } from '../../measure/statistics.ts';
import { figure, range, textTable } from '../../measure/text-table.ts';
import { startWorkerProcess } from '../../measure/worker-process.ts';
import { type RabbitVersion, suites } from '../../rabbitmq/broker.ts';
import { findBroker } from '../../rabbitmq/find.ts';
import { Guard } from '../../rabbitmq/guard.ts';
import { temporaryQueue } from '../../rabbitmq/temporary-queue.ts';

/** What the worker's recursive function takes at most. */
const RECURSIVE_MAX_N = 35;

const versions = Object.keys(suites) as RabbitVersion[];

const program = {
  name: 'fib-bench-workers',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node bench-workers.js [options]',
  summary:
    'Measures how many calls/s several workers answer that share a queue, with the slow function (--algorithm recursive).',
  options: {
    n: {
      flag: 'n',
      type: 'string',
      placeholder: 'N',
      default: '27',
      parse: integer({ min: 20, max: RECURSIVE_MAX_N }),
      help: 'ask for fib(N); each step takes 1.6 × the time',
    },
    workers: {
      flag: 'workers',
      type: 'string',
      placeholder: 'N,N…',
      default: '1,2,4',
      parse: list(integer({ min: 1, max: 64 })),
      help: 'numbers of workers; the others are compared with the first',
    },
    prefetch: {
      flag: 'prefetch',
      type: 'string',
      placeholder: 'N,N…',
      default: '1,10',
      parse: list(integer({ min: 1, max: 1_000 })),
      help: "the workers' prefetch",
    },
    rounds: {
      flag: 'rounds',
      type: 'string',
      placeholder: 'N',
      default: '6',
      parse: integer({ min: 1, max: 100 }),
      help: 'rounds; an interval needs 6',
    },
    turn: {
      flag: 'turn',
      type: 'string',
      placeholder: 'TIME',
      default: '2s',
      parse: positiveDuration,
      help: 'how long each is measured at a time',
    },
    rabbitmq: {
      flag: 'rabbitmq',
      type: 'string',
      placeholder: 'VERSION',
      parse: oneOf(versions),
      help: `start a node of our own of this version: ${versions.join(', ')}`,
    },
  },
} as const;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(started: Disposables): Promise<void> {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return;
  }
  const { n, workers, prefetch, rounds, turn, rabbitmq } = commandLine.values;
  const interrupted = new AbortController();
  onShutdown((name) => interrupted.abort(new Error(name)));
  const { signal } = interrupted;
  setMaxListeners(0, signal); // a worker and a call each listen
  const machine = thisMachine();
  const broker = started.add(await findBroker({ env: process.env, say, signal, version: rabbitmq }));
  const guard = started.add(await Guard.start()); // if we are killed, the workers go as well

  async function hire(count: number, each: number): Promise<Crew> {
    const queue = started.add(await temporaryQueue(broker, 'fib-worker.bench', { say, signal })).name;
    const worker = {
      script: path.join(import.meta.dirname, 'worker.js'),
      flags: ['--queue', queue, '--prefetch', String(each), '--algorithm', 'recursive', '--log', 'json'],
      url: broker.url,
      env: guard.env,
      onEnd: (error: Error) => interrupted.abort(error),
      signal,
    };
    for (let hired = 0; hired < count; hired++) started.add(await startWorkerProcess(worker));
    const client = started.add(new RpcClient({ urls: broker.url, ...(broker.tls && { tls: broker.tls }) }));
    return { workers: count, prefetch: each, call: () => client.call(queue, String(n), { timeout: 120_000, signal }) };
  }

  const crews: Crew[] = [];
  for (const each of prefetch) for (const count of workers) crews.push(await hire(count, each));
  say(`measuring fib(${n}), ${rounds} rounds of ${crews.length} turns of ${turn / 1_000} s`);
  const rates = await measureCrews(crews, { rounds, turn, signal });
  const rows = crews.map((crew) => {
    const own = rates.get(crew) ?? [];
    const first = crews.find((other) => other.prefetch === crew.prefetch) ?? crew;
    const ratio = first === crew ? undefined : ratioOf(own, rates.get(first) ?? []);
    const interval = ratio?.interval ? range(ratio.interval) : '';
    const factor = ratio ? `${figure(ratio.median)} ×` : '';
    return [String(crew.prefetch), String(crew.workers), figure(median(own)), factor, interval];
  });
  const head = ['prefetch', 'workers', 'calls/s', `to ${workers[0]}`, '97 % interval'];
  process.stdout.write(textTable([head, ...rows]));
  const { cores, processor, node, load } = machine;
  process.stdout.write(
    `medians of ${rounds} interleaved rounds; fib(${n}), recursive; ${broker.description}; Node ${node}, ${cores} cores (${processor}), ` +
      `load ${load.toFixed(1)} before; broker, workers and client share them\n`,
  );
}

Disposables.use(main).catch((error: Error) => {
  say(error.message);
  process.exitCode = error instanceof UsageError ? UsageError.exitCode : 1;
});
