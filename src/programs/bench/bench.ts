import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brokerEnv } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { exitOnBrokenPipe, onShutdown } from '../../cli/process.ts';
import { implementations, peers } from '../../measure/bench/index.ts';
import { judgeGoals } from '../../measure/bench/run/goals.ts';
import { sections } from '../../measure/bench/run/index.ts';
import { renderBench } from '../../measure/bench/run/render.ts';
import { BENCH_VERSION, type BenchDocument, type Sample } from '../../measure/bench/run/results.ts';
import { Stage } from '../../measure/bench/run/stage.ts';
import { summarise } from '../../measure/bench/run/summary.ts';
import { type Machine, thisMachine } from '../../measure/conditions.ts';
import { Disposables } from '../../measure/disposables.ts';
import { type RabbitVersion, suites } from '../../rabbitmq/broker.ts';
import { findBroker } from '../../rabbitmq/find.ts';
import { Guard } from '../../rabbitmq/guard.ts';
import { temporaryQueue } from '../../rabbitmq/temporary-queue.ts';
import { benchOptions } from './bench-options.ts';

const names = sections.map(({ name }) => name);

/** How long a turn is with --short, in ms. */
const SHORT_TURN = 20;

/** Where a whole run is written unless told otherwise; README's figures are from there. */
const PUBLISHED = 'results/bench.json';

const program = {
  name: 'fib-bench',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node bench.js [options]',
  summary: `Measures this project beside the least that a Node process can do, and beside other libraries, on your own RabbitMQ.
Without a URL it takes a broker on localhost:5672, or starts one. Interrupted, it cleans up and prints what it has.`,
  options: benchOptions({
    sections: names,
    versions: Object.keys(suites) as RabbitVersion[],
  }),
} as const;

type Options = Extract<ReturnType<typeof parseCommandLine<typeof program.options>>, { kind: 'run' }>['values'];

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Why a run stops early: somebody asked for it. */
class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

async function main(): Promise<number> {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return 0;
  }
  exitOnBrokenPipe();
  const { values: options } = commandLine;
  const json = options.json ?? (options.short || options.only ? undefined : PUBLISHED);
  if (json !== undefined) makeFolderOf(json); // rather before the measuring than after it
  const stop = new AbortController();
  onShutdown((signal) => {
    const reason = new Interrupted(signal);
    say(`\n${reason.message}: cleaning up`);
    stop.abort(reason);
  });
  const { document, failure } = await Disposables.use((started) => bench(options, stop, started));
  process.stdout.write(renderBench(document));
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify(document, undefined, 1)}\n`);
    say(`\nwritten to ${json}`);
  }
  if (!failure) return 0;
  if (failure instanceof Interrupted) return failure.exitCode;
  say(`fib-bench: stopped early: ${failure.message}`);
  return 1;
}

function makeFolderOf(file: string): void {
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  } catch (error) {
    throw new UsageError(`--json ${file}: ${(error as Error).message}`);
  }
}

/** Runs it. What was measured is kept, whatever ended it. */
async function bench(
  options: Options,
  stop: AbortController,
  started: Disposables,
): Promise<{ document: BenchDocument; failure: Error | undefined }> {
  const { signal } = stop;
  const { rabbitmq: version, rounds, turn, calls, short } = options;
  const [machine, began] = [thisMachine(), new Date()]; // its load is that before we add to it
  const env = brokerEnv(options);
  const broker = started.add(await findBroker({ env, version, say, signal }));
  const guard = started.add(await Guard.start()); // if we are killed, what we started goes as well
  let at = '';
  const stage = new Stage({
    contenders: Object.values(implementations),
    target: { url: broker.url, tls: broker.tls },
    rounds,
    length: { time: short ? SHORT_TURN : turn, calls: undefined },
    short,
    calls: short ? 500 : calls,
    makeQueue: (of) => temporaryQueue(broker, `fib-worker.bench.${of}`, { type: 'classic', say, signal }),
    program: (file) => path.join(import.meta.dirname, file),
    env: guard.env,
    onProgress: (where) => say(`${at}: ${where}`),
    onEnd: (error) => stop.abort(error),
    signal,
  });
  started.add(stage);
  const chosen = sections.filter(({ name }) => options.only === undefined || options.only.includes(name));
  const samples: Sample[] = [];
  let failure: Error | undefined;
  try {
    for (const section of chosen) {
      at = section.name;
      for await (const sample of section.run(stage)) samples.push({ section: section.name, ...sample });
    }
  } catch (error) {
    failure = signal.aborted ? signal.reason : error instanceof Error ? error : new Error(String(error));
  }
  const document = {
    format: 'fib-worker bench',
    version: BENCH_VERSION,
    began: began.toISOString(),
    took: Date.now() - began.getTime(),
    ...(failure ? { cutShort: failure.message } : {}),
    broker: `RabbitMQ ${broker.version}`,
    sections: summarise(chosen, samples),
    goals: judgeGoals(
      samples,
      chosen.map(({ name }) => name),
      Object.keys(peers),
    ),
    conditions: conditions(options, broker.description, machine),
  } satisfies BenchDocument;
  return { document, failure };
}

function conditions({ rounds, turn, short }: Options, broker: string, machine: Machine): BenchDocument['conditions'] {
  const { node, platform, cores, processor, load } = machine;
  const length = short ? `turns of ${SHORT_TURN} ms: figures that say nothing` : `turns of ${turn} ms`;
  return [
    ['broker', broker],
    ['rounds', `${rounds} for most, in turns, after a warm-up; ${length}`],
    ['ratios', 'medians of the rounds’ ratios; in brackets an interval that holds the median with 95 % or more'],
    [
      'processes',
      'each client, each worker and the broker is a process of its own; those whose turn it is not stand idle',
    ],
    ['request queues', 'classic, durable, one for each worker'],
    [
      'fib-worker',
      'everything that it promises is on: time limits, counters, validation, bounds (calls in flight up to 1,000,000, where 1,000 is the default); no per-call signal',
    ],
    ...Object.values(implementations).map(({ name, detail }) => [`${name} is`, detail] as const),
    [
      'machine',
      `Node ${node}, ${platform}${processor && `, ${processor}`}, ${cores} cores; load average before the start ${load.toFixed(1)}`,
    ],
  ];
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    if (!(error instanceof Interrupted)) say(`fib-bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode =
      error instanceof Interrupted ? error.exitCode : error instanceof UsageError ? UsageError.exitCode : 1;
  },
);
