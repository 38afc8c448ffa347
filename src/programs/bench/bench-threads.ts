// What threads cost and bring, and what --check-caller costs: node dist/bench-threads.js (--help). Not part of `npm run bench`.
import { availableParallelism, loadavg } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { integer } from '../../cli/value-parsers.ts';
import { RpcClient } from '../../client/client.ts';
import { checkFunctionModule } from '../../function/function-module.ts';
import { Disposables } from '../../measure/disposables.ts';
import { median } from '../../measure/statistics.ts';
import { findBroker } from '../../rabbitmq/find.ts';
import { temporaryQueue } from '../../rabbitmq/temporary-queue.ts';
import { FunctionRunner } from '../../worker/function-runner.ts';
import type { RequestHandler } from '../../worker/handler.ts';
import { heapLimit } from '../../worker/threads/heap-limit.ts';
import { serveThread, takePort } from '../../worker/threads/serve-thread.ts';
import { ThreadPool } from '../../worker/threads/thread-pool.ts';
import { RpcWorker } from '../../worker/worker.ts';

const program = {
  name: 'fib-bench-threads',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node bench-threads.js [options]',
  summary: 'Measures what a thread costs a call, what a second thread brings, and what --check-caller costs a call.',
  options: {
    rounds: {
      flag: 'rounds',
      type: 'string',
      placeholder: 'N',
      default: '7',
      parse: integer({ min: 1 }),
      help: 'how often each is measured, in turns; the medians are told',
    },
  },
} as const;

/** Calls of a turn. */
const QUICK_CALLS = 4_000;
const SLOW_CALLS = 8;
const BROKER_CALLS = 300;

/** Takes so long that the way into the thread is next to nothing, also on a machine that has other things to do. */
const SLOW_N = 29;

const quick = { maxN: 100_000, algorithm: 'doubling' };
const slow = { maxN: 35, algorithm: 'recursive' };
type FibonacciOptions = typeof quick;

/** Makes the way of a request through a worker, without the broker. */
function runner(handler: RequestHandler, functionOptions: FibonacciOptions): FunctionRunner {
  const bounds = { maxRequestBytes: 64, maxReplyBytes: () => 2 ** 24 };
  return new FunctionRunner({ handler, contentType: undefined, functionOptions, ...bounds, tell: () => {} });
}

/** Runs `calls` calls, `depth` at a time, and tells how long it took, in ms. */
async function timed(calls: number, depth: number, call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let left = calls;
  const loop = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: depth }, loop));
  return performance.now() - began;
}

async function startPool(threads: number, algorithm: string): Promise<ThreadPool> {
  const script = { file: import.meta.filename, argv: [algorithm], heapMegabytes: heapLimit(threads) };
  const pool = new ThreadPool(threads, { script, maxRun: 60_000, maxRequestBytes: 64, onEvent: () => {} });
  await pool.start();
  return pool;
}

/** Measures each in turns, and gives the medians. The first round is a warm-up. */
async function inTurns(rounds: number, turns: Readonly<Record<string, () => Promise<number>>>) {
  const samples = new Map(Object.keys(turns).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, turn] of Object.entries(turns)) {
      const sample = await turn();
      if (round > 0) samples.get(name)?.push(sample);
    }
  }
  return (name: string) => median(samples.get(name) ?? []);
}

function request(n: number) {
  return { body: Buffer.from(String(n)), contentType: 'text/plain', redelivered: false, headers: {} };
}

async function measureThreads(rounds: number, handler: RequestHandler): Promise<void> {
  const pools = await Promise.all([startPool(1, 'doubling'), startPool(1, 'recursive'), startPool(2, 'recursive')]);
  const [hop, one, two] = pools.map((pool) => runner(pool.handler, quick)) as [
    FunctionRunner,
    FunctionRunner,
    FunctionRunner,
  ];
  const inline = runner(handler, quick);
  const soon = () => performance.now() + 60_000;
  const quickly = (through: FunctionRunner, depth: number) => async () =>
    ((await timed(QUICK_CALLS, depth, async () => through.run(request(30), soon()))) * 1_000) / QUICK_CALLS;
  const us = await inTurns(rounds, {
    inline: quickly(inline, 1),
    'one at a time': quickly(hop, 1),
    'two in hand': quickly(hop, 2),
  });
  print(
    `fib(30) inline ${us('inline').toFixed(1)} µs a call; in a thread ${us('one at a time').toFixed(1)} µs, with two in hand ${us('two in hand').toFixed(1)} µs`,
  );
  const shares = { one: [] as number[], two: [] as number[] }; // a busy machine may give two threads no more than one
  const slowly = (name: keyof typeof shares, through: FunctionRunner, depth: number) => async () => {
    const before = process.cpuUsage();
    const took = await timed(SLOW_CALLS, depth, async () => through.run(request(SLOW_N), soon()));
    const { user, system } = process.cpuUsage(before);
    shares[name].push((user + system) / 1_000 / took);
    return (SLOW_CALLS * 1_000) / took;
  };
  const rate = await inTurns(rounds, { one: slowly('one', one, 1), two: slowly('two', two, 2) });
  const told = (name: keyof typeof shares) =>
    `${rate(name).toFixed(1)} calls/s on ${median(shares[name]).toFixed(2)} processors`;
  const factor = (rate('two') / rate('one')).toFixed(2);
  print(`recursive fib(${SLOW_N}) in one thread ${told('one')}, in two ${told('two')}: ${factor} ×`);
  await Promise.all(pools.map((pool) => pool.close()));
}

async function measureCheckCaller(rounds: number, handler: RequestHandler, started: Disposables): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const broker = started.add(await findBroker({ env: process.env, say }));
  const without = started.add(await temporaryQueue(broker, 'fib-worker.bench', { say }));
  const looking = started.add(await temporaryQueue(broker, 'fib-worker.bench', { say }));
  const to = { urls: broker.url, ...(broker.tls && { tls: broker.tls }) };
  const turns: Record<string, () => Promise<number>> = {};
  for (const [name, { name: queue }, checkCaller] of [
    ['without', without, false],
    ['with', looking, true],
  ] as const) {
    const worker = started.add(new RpcWorker(to));
    worker.serve(queue, handler, { checkCaller, functionOptions: quick });
    await worker.start();
    const client = started.add(new RpcClient(to));
    turns[name] = async () => (await timed(BROKER_CALLS, 1, () => client.call(queue, '30'))) / BROKER_CALLS;
  }
  const ms = await inTurns(rounds, turns);
  print(
    `${broker.description}: a call takes ${ms('without').toFixed(2)} ms, with --check-caller ${ms('with').toFixed(2)} ms`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const { handler } = checkFunctionModule(await import('../../fibonacci.ts'));
  if (!isMainThread) {
    const functionOptions = process.argv[2] === 'recursive' ? slow : quick;
    return serveThread(takePort(), { handler, contentType: undefined, functionOptions });
  }
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') return void process.stdout.write(commandLine.text);
  const { rounds } = commandLine.values;
  await measureThreads(rounds, handler);
  await Disposables.use((started) => measureCheckCaller(rounds, handler, started));
  print(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`);
}

main().catch((error: Error) => {
  process.stderr.write(`fib-bench-threads: ${error instanceof UsageError ? error.message : error.stack}\n`);
  process.exitCode = 1;
});
