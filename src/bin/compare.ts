import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { findBroker } from '../broker/find.ts';
import { Guard } from '../broker/guard.ts';
import { temporaryQueue } from '../broker/temporary-queue.ts';
import { exitOnBrokenPipe } from '../cli/broken-pipe.ts';
import { parseCommandLine } from '../cli/options.ts';
import { onShutdown } from '../cli/signals.ts';
import { UsageError } from '../cli/usage-error.ts';
import { integer, list, oneOf, positiveDuration } from '../cli/value-parsers.ts';
import { rpcCallers } from '../compare/caller.ts';
import type { Comparison } from '../compare/comparison.ts';
import { thisMachine } from '../compare/conditions.ts';
import { measure } from '../compare/measure.ts';
import { renderReport } from '../compare/report.ts';
import type { Sample } from '../compare/samples.ts';
import { startWorkerProcess } from '../compare/worker-process.ts';
import { type WorkloadName, workloads } from '../compare/workloads.ts';
import { parseAmqpUrl, parseAmqpUrlList } from '../rpc/amqp-url.ts';
import type { ReplyStrategy } from '../rpc/reply-strategies/index.ts';
import { queueTypes } from '../rpc/request-queue.ts';

/** The designs, as the table lists them. */
const DESIGNS = ['per-request', 'exclusive', 'direct'] as const satisfies readonly ReplyStrategy[];

/** What the others are compared with: the tutorial's. */
const BASELINE = 'exclusive' satisfies ReplyStrategy;

const workloadNames = Object.keys(workloads) as WorkloadName[];

const program = {
  name: 'fib-compare',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node compare.js [options]',
  summary: `Measures three ways to get a reply on your own RabbitMQ: a queue per request, a queue per client (the tutorial's), and Direct Reply-To.
Without a URL it takes a broker on localhost:5672, or starts one. Interrupted, it cleans up and prints what it has.`,
  options: {
    url: {
      flag: 'url',
      type: 'string',
      placeholder: 'URL',
      env: 'AMQP_URL',
      multiple: true,
      secret: true,
      parse: parseAmqpUrlList,
      help: 'amqp:// or amqps:// URL of the broker; of several, the first that answers',
    },
    only: {
      flag: 'only',
      type: 'string',
      placeholder: 'WORKLOAD',
      multiple: true,
      parse: list(oneOf(workloadNames)),
      help: `measure this alone, or several: ${workloadNames.join(', ')}`,
    },
    rounds: {
      flag: 'rounds',
      type: 'string',
      placeholder: 'N',
      default: '12',
      parse: integer({ min: 1, max: 1_000 }),
      help: 'rounds; an interval needs 6, and a multiple of 6 is balanced',
    },
    turn: {
      flag: 'turn',
      type: 'string',
      placeholder: 'TIME',
      default: '350ms',
      parse: positiveDuration,
      help: 'how long each design is measured at a time',
    },
    calls: {
      flag: 'calls',
      type: 'string',
      placeholder: 'N',
      parse: integer({ min: 1, max: 1_000_000 }),
      help: 'measure so many calls in each turn instead, however long they take',
    },
    prefetch: {
      flag: 'prefetch',
      type: 'string',
      placeholder: 'N',
      default: '50',
      parse: integer({ min: 1, max: 65_535 }),
      help: "the worker's prefetch",
    },
    queueType: {
      flag: 'queue-type',
      type: 'string',
      placeholder: 'TYPE',
      default: 'classic',
      parse: oneOf(queueTypes),
      help: `type of the request queue: ${queueTypes.join(' or ')}`,
    },
  },
} as const;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Why a comparison stops early: somebody asked for it. */
class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`${signal}: cleaning up`);
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
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every call in flight listens to it
  onShutdown((signal) => {
    const reason = new Interrupted(signal);
    say(reason.message);
    stop.abort(reason);
  });
  const { comparison, failure } = await compare(commandLine.values, stop);
  process.stdout.write(renderReport(comparison));
  if (!failure) return 0;
  if (failure instanceof Interrupted) return failure.exitCode;
  say(`fib-compare: stopped early: ${failure.message}`);
  return 1;
}

type Options = Extract<ReturnType<typeof parseCommandLine<typeof program.options>>, { kind: 'run' }>['values'];

/** Runs it; when this returns or throws, everything is cleaned up. What was measured is kept, whatever ended it. */
async function compare(
  options: Options,
  stop: AbortController,
): Promise<{ comparison: Comparison; failure: Error | undefined }> {
  const { signal } = stop;
  const machine = thisMachine(); // its load is that before we add to it
  const env = options.url ? { ...process.env, AMQP_URL: options.url.join(',') } : process.env;
  await using broker = await findBroker({ env, say, signal });
  const { url, tls } = broker;
  await using queue = await temporaryQueue(broker, 'fib-worker.compare', { type: options.queueType, say, signal });
  await using guard = await Guard.start(); // if we are killed, the worker goes as well
  await using worker = await startWorkerProcess({
    script: path.join(import.meta.dirname, 'worker.js'),
    flags: ['--queue', queue.name, '--prefetch', String(options.prefetch), '--log', 'json'],
    url,
    env: guard.env,
    onEnd: (error) => stop.abort(error),
    signal,
  });
  say(`a worker consumes ${queue.name}`);
  const chosen = Object.fromEntries(
    workloadNames
      .filter((name) => !options.only?.length || options.only.includes(name))
      .map((name) => [name, workloads[name]]),
  );
  const length = { time: options.turn, calls: options.calls };
  const samples: Sample[] = [];
  let failure: Error | undefined;
  try {
    const { rounds } = options;
    const open = rpcCallers({ url, tls, queue: queue.name });
    for await (const sample of measure({ designs: DESIGNS, workloads: chosen, rounds, length, open, signal })) {
      samples.push(sample);
      if (samples.length % (DESIGNS.length * Object.keys(chosen).length) === 0) {
        say(sample.round === 0 ? 'warmed up' : `round ${sample.round} of ${rounds}`);
      }
    }
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  return {
    comparison: {
      samples,
      workloads: chosen,
      designs: DESIGNS,
      baseline: BASELINE,
      rounds: options.rounds,
      length,
      conditions: {
        broker: broker.description,
        host: parseAmqpUrl(url).hostname,
        queue: { name: queue.name, type: options.queueType },
        prefetch: options.prefetch,
        version: program.version,
        machine,
      },
      worker: await worker.stop(),
    },
    failure,
  };
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Interrupted)) say(`fib-compare: ${message}`);
    process.exitCode =
      error instanceof Interrupted ? error.exitCode : error instanceof UsageError ? UsageError.exitCode : 1;
  },
);
