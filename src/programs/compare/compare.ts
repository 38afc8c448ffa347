import { setMaxListeners } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { queueTypes } from '../../amqp/queues.ts';
import { parseAmqpUrl } from '../../amqp/url.ts';
import { brokerEnv } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { exitOnBrokenPipe, onShutdown } from '../../cli/process.ts';
import { implementations, peers } from '../../measure/bench/index.ts';
import { collect } from '../../measure/collect.ts';
import { compose } from '../../measure/compose.ts';
import { conditionLines, thisMachine } from '../../measure/conditions.ts';
import { Disposables } from '../../measure/disposables.ts';
import type { ComparisonDocument } from '../../measure/document.ts';
import { parseDocument } from '../../measure/document-file.ts';
import type { Design, Target } from '../../measure/implementation.ts';
import { turnsOf } from '../../measure/measure.ts';
import { progressOn } from '../../measure/progress.ts';
import { renderDiff } from '../../measure/render/diff.ts';
import { renderHtml } from '../../measure/render/html.ts';
import { renderText } from '../../measure/render/text.ts';
import type { Contender } from '../../measure/samples.ts';
import { startWatchProcess } from '../../measure/watch-process.ts';
import { startDelayProcess } from '../../measure/wire/delay-process.ts';
import { measureWire } from '../../measure/wire/measure-wire.ts';
import { throughProxy } from '../../measure/wire/through-proxy.ts';
import { startWorkerProcess } from '../../measure/worker-process.ts';
import { chooseWorkloads, workloadNames } from '../../measure/workloads/index.ts';
import { type RabbitVersion, suites } from '../../rabbitmq/broker.ts';
import { findBroker } from '../../rabbitmq/find.ts';
import { Guard } from '../../rabbitmq/guard.ts';
import { identify } from '../../rabbitmq/identify.ts';
import { findMetrics } from '../../rabbitmq/metrics.ts';
import { temporaryQueue } from '../../rabbitmq/temporary-queue.ts';
import { compareOptions } from './compare-options.ts';

/** What is measured beside the workloads: it counts and has no rounds. */
const WIRE = 'wire';

const program = {
  name: 'fib-compare',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage:
    'node compare.js [options]\n       node compare.js show FILE [--html FILE]\n       node compare.js diff FILE FILE',
  summary: `Measures three ways to get a reply on your own RabbitMQ: a queue per request, a queue per client (the tutorial's), and Direct Reply-To.
Without a URL it takes a broker on localhost:5672, or starts one. Interrupted, it cleans up and prints what it has.
show prints again what --json wrote; diff sets two such files side by side.`,
  positionals: true,
  options: compareOptions({
    workloads: [...workloadNames, WIRE],
    versions: Object.keys(suites) as RabbitVersion[],
    queueTypes,
    peers: Object.keys(peers),
  }),
} as const;

type Options = Extract<ReturnType<typeof parseCommandLine<typeof program.options>>, { kind: 'run' }>['values'];

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Why a comparison stops early: somebody asked for it. */
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
  const { values: options, positionals } = commandLine;
  const [command, ...files] = positionals;
  expectFolders(options);
  if (command === undefined) return measureAll(options);
  const [a = '', b = ''] = files;
  if (command === 'show' && files.length === 1) write(readDocument(a), options);
  else if (command === 'diff' && files.length === 2) process.stdout.write(renderDiff(readDocument(a), readDocument(b)));
  else throw new UsageError(`expected show FILE or diff FILE FILE, got ${positionals.join(' ')}`);
  return 0;
}

async function measureAll(options: Options): Promise<number> {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every call in flight listens to it
  onShutdown((signal) => {
    const reason = new Interrupted(signal);
    say(`\n${reason.message}: cleaning up`);
    stop.abort(reason);
  });
  const { document, failure } = await Disposables.use((started) => compare(options, stop, started));
  write(document, options);
  if (!failure) return 0;
  if (failure instanceof Interrupted) return failure.exitCode;
  say(`fib-compare: stopped early: ${failure.message}`);
  return 1;
}

/** Runs it. What was measured is kept, whatever ended it. */
async function compare(
  options: Options,
  stop: AbortController,
  started: Disposables,
): Promise<{ document: ComparisonDocument; failure: Error | undefined }> {
  const { signal } = stop;
  const [machine, began] = [thisMachine(), new Date()]; // its load is that before we add to it
  const { rabbitmq: version, nodes, rtt = 0, prefetch, queueType, rounds } = options;
  const env = brokerEnv(options);
  const broker = started.add(await findBroker({ env, version, nodes, metrics: true, say, signal }));
  const guard = started.add(await Guard.start()); // if we are killed, what we started goes as well
  const metrics = await findMetrics(broker, { metricsUrls: options.metricsUrls, signal });
  const { tls, urls } = broker;
  const [clientUrl = broker.url, workerUrl = broker.url] = [urls[0], urls.at(-1)];
  const chosen = Object.values(implementations).filter(({ name }) => options.peers || !Object.hasOwn(peers, name));
  const onEnd = (error: Error) => stop.abort(error);
  const queues = new Map<string, string>();
  for (const { name } of chosen) {
    const prefix = `fib-worker.compare.${name}`;
    const queue = started.add(
      await temporaryQueue({ ...broker, url: workerUrl }, prefix, { type: queueType, say, signal }),
    );
    queues.set(name, queue.name);
    const flags = ['--implementation', name, '--queue', queue.name, '--prefetch', String(prefetch)];
    const script = beside('compare-worker.js');
    started.add(await startWorkerProcess({ script, flags, url: workerUrl, env: guard.env, onEnd, signal }));
  }
  const { hostname, port, display } = parseAmqpUrl(clientUrl);
  const { platform } = await identify(parseAmqpUrl(clientUrl), { signal, ca: tls?.ca });
  const proxy =
    rtt > 0
      ? started.add(
          await startDelayProcess({ script: beside('compare-proxy.js'), to: { hostname, port }, rtt, onEnd, signal }),
        )
      : undefined;
  const direct = { url: clientUrl, tls, queue: '' };
  const way = proxy ? throughProxy(direct, proxy.port) : direct;
  const onOwnQueue = chosen.map((one) => ({
    name: one.name,
    designs: one.designs,
    open: (design: Design, target: Target) => one.open(design, { ...target, queue: queues.get(one.name) ?? '' }),
  }));
  for (const [name, queue] of queues) say(`a worker of ${name} consumes ${queue}`);

  const openerOf = (name: string) => {
    const found = onOwnQueue.find((one) => one.name === name);
    if (!found) throw new Error(`no implementation ${name}`);
    return found.open;
  };
  const plan = {
    contenders: chosen.flatMap(({ name, designs }) => designs.map((design) => ({ implementation: name, design }))),
    workloads: chooseWorkloads(options.only, { clients: options.clients, open: options.rate }),
    rounds,
    length: { time: options.turn, calls: options.calls },
    open: ({ implementation, design }: Contender) => openerOf(implementation)(design, way),
    readBroker: metrics && (() => metrics.read(signal).catch(() => undefined)), // the broker is busy: no figure then
    watchMemory: async () =>
      metrics?.lag === 0
        ? startWatchProcess({ script: beside('compare-watch.js'), metricsUrls: metrics.urls, env: guard.env })
        : undefined,
    signal,
  };
  const wire =
    options.only === undefined || options.only.includes(WIRE)
      ? await measureWire({ implementations: onOwnQueue, target: direct, signal })
      : undefined;
  const progress = progressOn(process.stderr, turnsOf(plan), rounds);
  const { samples, limits, failure } = await collect(plan, progress.step);
  progress.done();
  const conditions = conditionLines({
    broker: broker.description,
    runsOn: platform,
    host: hostname,
    nodes: urls.length > 1 ? { clients: display, worker: parseAmqpUrl(workerUrl).display } : undefined,
    rtt: proxy && { asked: rtt, given: await proxy.stop() },
    queueType,
    prefetch,
    implementations: chosen,
    metrics: metrics?.source,
    machine,
  });
  const document = compose({
    began,
    took: Date.now() - began.getTime(),
    cutShort: failure?.message,
    broker: `RabbitMQ ${broker.version}${urls.length > 1 ? `, ${urls.length} nodes` : ''}`,
    implementations: chosen,
    contenders: plan.contenders,
    workloads: plan.workloads,
    rounds,
    length: plan.length,
    samples,
    limits,
    wire,
    conditions,
  });
  return { document, failure };
}

/** A program that lies beside this one. */
function beside(file: string): string {
  return path.join(import.meta.dirname, file);
}

function write(document: ComparisonDocument, { json, html }: Options): void {
  process.stdout.write(renderText(document));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(document, undefined, 1)}\n`);
  if (html !== undefined) writeFileSync(html, renderHtml(document));
}

function readDocument(file: string): ComparisonDocument {
  try {
    return parseDocument(readFileSync(file, 'utf8'), file);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Rather before the measuring than after it. */
function expectFolders({ json, html }: Options): void {
  for (const [flag, file] of [
    ['--json', json],
    ['--html', html],
  ] as const) {
    if (file === undefined) continue;
    const folder = path.dirname(path.resolve(file));
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new UsageError(`${flag} ${file}: there is no folder ${folder}`);
  }
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    if (!(error instanceof Interrupted)) say(`fib-compare: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode =
      error instanceof Interrupted ? error.exitCode : error instanceof UsageError ? UsageError.exitCode : 1;
  },
);
