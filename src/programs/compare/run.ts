import path from 'node:path';
import type { QueueType } from '../../amqp/queues.ts';
import { parseAmqpUrl } from '../../amqp/url.ts';
import { FIRST_ROUNDS, roundsNeeded } from '../../measure/analysis/rounds.ts';
import {
  BASELINE,
  type Design,
  designs,
  type Implementation,
  type Target,
} from '../../measure/contenders/implementation.ts';
import { implementations } from '../../measure/contenders/index.ts';
import { type WholeProgram, wholePrograms } from '../../measure/contenders/programs.ts';
import { compose, headOf } from '../../measure/document/compose.ts';
import type { Contender, MeasureDocument, Sample } from '../../measure/document/document.ts';
import { listeners, processorTimeOf } from '../../measure/engine/broker-processes.ts';
import { BrokerWatch } from '../../measure/engine/broker-watch.ts';
import { Child, type ChildOptions } from '../../measure/engine/child.ts';
import type { TurnLength } from '../../measure/engine/closed-loop.ts';
import { conditionLines, isBusy, thisMachine } from '../../measure/engine/conditions.ts';
import { Crew } from '../../measure/engine/crew.ts';
import type { Disposables } from '../../measure/engine/disposables.ts';
import { drive } from '../../measure/engine/drive.ts';
import { progressOn } from '../../measure/engine/progress.ts';
import type { Scenario } from '../../measure/engine/scenario.ts';
import { designScenarios } from '../../measure/scenarios/designs.ts';
import { implementationScenarios } from '../../measure/scenarios/implementations.ts';
import { measureWire } from '../../measure/wire/measure-wire.ts';
import type { RabbitVersion, Say } from '../../rabbitmq/broker.ts';
import { findBroker } from '../../rabbitmq/find.ts';
import { Guard } from '../../rabbitmq/guard.ts';
import { identify } from '../../rabbitmq/identify.ts';
import { findMetrics } from '../../rabbitmq/metrics.ts';
import { temporaryQueue } from '../../rabbitmq/temporary-queue.ts';

/** What is measured beside the scenarios: it counts and has no rounds. */
export const WIRE = 'wire';

/** The scenario that needs a broker of our own, which listens by TLS as well. */
const TLS = 'tls';

function wantsTls({ question, only }: RunOptions): boolean {
  return question === 'designs' && (only?.includes(TLS) ?? true);
}

/** A queue per request is settled after a round: it has no more than these. */
const PER_REQUEST_ROUNDS = 3;

/** How long each contender calls before anything is measured, in ms: V8 compiles what all levels have in common. */
const WARM_UP = { designs: 400, implementations: 1_500 } as const;

/** The options of a run. */
export interface RunOptions {
  readonly question: MeasureDocument['question'];
  readonly env: NodeJS.ProcessEnv;
  readonly version: RabbitVersion | undefined;
  readonly nodes: number | undefined;
  readonly only: readonly string[] | undefined;
  /** In ms. */
  readonly budget: number;
  readonly rounds: number | undefined;
  readonly length: TurnLength;
  readonly clients: readonly number[] | undefined;
  readonly rates: readonly number[] | undefined;
  /** In ms; 0: none. */
  readonly rtt: number;
  readonly prefetch: number;
  readonly queueType: QueueType;
  readonly metricsUrls: readonly string[] | undefined;
  /** The folder of the programs of the build. */
  readonly folder: string;
  readonly say: Say;
}

/** Chooses the scenarios that were asked for, at the levels that were asked for. */
function chosen(scenarios: readonly Scenario[], { only, clients, rates }: RunOptions): Scenario[] {
  const levels = { clients, open: rates } as Readonly<Record<string, readonly number[] | undefined>>;
  return scenarios
    .filter(({ name }) => only === undefined || only.includes(name))
    .map((one) => {
      const own = levels[one.name];
      return own ? { ...one, levels: [...new Set(own)].sort((a, b) => a - b) } : one;
    });
}

/** The contenders in the comparison of designs: this project's client, and the floor as a cross-check. */
function designContenders(): Contender[] {
  return [implementations['fib-worker'], implementations.floor].flatMap(({ name, detail }) =>
    designs.map((design) => ({
      name: `${name} ${design}`,
      implementation: name,
      design,
      detail,
      ...(design === BASELINE ? {} : { baseline: `${name} ${BASELINE}` }),
    })),
  );
}

/** The contenders in the comparison of libraries: each with the design that it is made for, and the whole programs there are. */
function libraryContenders(programs: readonly WholeProgram[]): Contender[] {
  const own = implementations['fib-worker'].name;
  const libraries = (Object.values(implementations) as Implementation[]).map((one): Contender => {
    const design: Design = one.designs.includes('direct') ? 'direct' : (one.designs[0] ?? BASELINE);
    return { name: one.name, implementation: one.name, design, detail: one.detail };
  });
  const others = programs
    .filter(({ name }) => !libraries.some((one) => one.name === name))
    .map(({ name, detail }): Contender => ({ name, implementation: name, detail }));
  return [...libraries, ...others].map((one) => (one.name === own ? one : { ...one, baseline: own }));
}

/** Measures. What was measured is kept, however it ends; what it started is added to `started`. */
export async function run(
  options: RunOptions,
  stop: AbortController,
  started: Disposables,
): Promise<{ document: MeasureDocument; failure: Error | undefined }> {
  const { signal } = stop;
  const { question, env, say, rtt, prefetch, queueType, length, only } = options;
  const [machine, began] = [thisMachine(), new Date()]; // its load is that before we add to it
  const broker = started.add(
    await findBroker({
      env,
      version: options.version,
      nodes: options.nodes,
      metrics: true,
      tls: wantsTls(options),
      say,
      signal,
    }),
  );
  if (isBusy(machine))
    say(
      `others are at work here (load ${machine.load.toFixed(1)} on ${machine.cores} cores): the figures will be less sharp`,
    );
  const guard = started.add(await Guard.start()); // if we are killed, what we started goes as well
  const metrics = await findMetrics(broker, { metricsUrls: options.metricsUrls, signal });
  const { tls, urls } = broker;
  const [clientUrl = broker.url, workerUrl = broker.url] = [urls[0], urls.at(-1)];
  const address = parseAmqpUrl(clientUrl);
  const { platform } = await identify(address, { signal, ca: tls?.ca });
  const child: ChildOptions = {
    script: path.join(options.folder, 'compare-child.js'),
    env: guard.env,
    onEnd: (error) => stop.abort(error),
    signal,
  };
  const direct = { url: clientUrl, tls, queue: '' };
  const proxies: Child[] = [];
  /** Makes the way from the clients to a broker as long as was asked for, and resolves to the port it begins at. */
  const delayed = async (url: string): Promise<number | undefined> => {
    if (rtt === 0) return undefined;
    const proxy = started.add(new Child('the proxy for --rtt', child));
    proxies.push(proxy);
    const { hostname, port } = parseAmqpUrl(url);
    return proxy.ask('proxy', { to: { hostname, port }, rtt });
  };
  const ways = {
    clients: { url: clientUrl, tls },
    proxy: await delayed(clientUrl),
    workers: { url: workerUrl, tls },
  };
  const [proxy] = proxies;
  const byTls = (url = '') => ({ url, tls: { ca: broker.overTls?.ca } });
  const overTls = broker.overTls && {
    clients: byTls(broker.overTls.urls[0]),
    proxy: await delayed(broker.overTls.urls[0] ?? ''),
    workers: byTls(broker.overTls.urls.at(-1)),
  };

  const pids = listeners(urls.map((url) => parseAmqpUrl(url).port));
  const cpu = () => processorTimeOf(pids);
  const watch = metrics && new BrokerWatch(() => metrics.read(signal), cpu);
  await watch?.calibrate();
  const programs = question === 'implementations' ? wholePrograms(options.folder, guard.folder) : [];
  const makeQueue = async (of: string) => {
    const at = { ...broker, url: workerUrl };
    const queue = await temporaryQueue(at, `fib-worker.compare.${of}`, { type: queueType, say, signal });
    say(`made the queue ${queue.name}`);
    return queue;
  };
  const crew = started.add(
    new Crew({
      ways,
      overTls,
      prefetch,
      child,
      makeQueue,
      programs,
      broker: watch,
      readsMemory: metrics?.lag === 0,
    }),
  );
  const contenders = question === 'designs' ? designContenders() : libraryContenders(programs);
  const scenarios = chosen(
    question === 'designs' ? designScenarios : implementationScenarios(programs),
    options,
  ).filter(({ name }) => name !== TLS || overTls);
  if (wantsTls(options) && !overTls)
    say(
      `left out: ${TLS}, which needs a node of our own that is not in Docker; take an amqps:// URL to have everything by TLS`,
    );

  const wire =
    only === undefined || only.includes(WIRE)
      ? await countWire(contenders, direct, makeQueue, child, started, signal)
      : undefined;
  if (options.rounds === undefined && scenarios.length > 0) {
    const calling = contenders.filter(({ design }) => design !== undefined);
    for (const [index, contender] of calling.entries()) {
      say(`warming up ${index + 1} of ${calling.length}: ${contender.name}`);
      const warmUp = { time: WARM_UP[question], calls: undefined };
      await crew.turn(contender, warmUp).clients({ kind: 'loop', inFlight: 64 });
    }
  }

  const measuring = performance.now();
  const until = options.rounds === undefined ? measuring + options.budget : undefined;
  const progress = progressOn(process.stderr, until);
  let decided = '';
  const decide = (samples: readonly Sample[]): number => {
    const heads = scenarios.map((one) => headOf(one));
    const needed = roundsNeeded({ question, scenarios: heads, contenders, samples });
    const last = samples.filter(({ round }) => round === FIRST_ROUNDS);
    const roundTakes = last.reduce((sum, { took }) => sum + took, 0);
    const left = Math.max(0, Math.floor((measuring + options.budget - performance.now()) / roundTakes));
    const rounds = Math.min(needed, FIRST_ROUNDS + left);
    const wanted =
      question === 'designs'
        ? `${needed} for an interval of ±5 % by the spread of the floor’s first ${FIRST_ROUNDS}, looked at once`
        : `at most ${needed}`;
    decided = `${wanted}${rounds < needed ? `; the budget was enough for ${rounds}` : ''}`;
    return rounds;
  };
  const driven = await drive({
    scenarios,
    contenders,
    roundsOf: ({ design }) =>
      design === 'per-request' && options.rounds === undefined ? PER_REQUEST_ROUNDS : undefined,
    length,
    rounds: scenarios.length === 0 ? -1 : (options.rounds ?? FIRST_ROUNDS),
    decide: options.rounds === undefined ? decide : undefined,
    until,
    turn: (contender, ofLength) => crew.turn(contender, ofLength),
    onStep: progress.step,
    signal,
  });
  progress.done();
  const conditions = conditionLines({
    question,
    broker: broker.description,
    runsOn: platform,
    host: address.hostname,
    tls: address.tls,
    nodes: urls.length > 1 ? { clients: address.display, worker: parseAmqpUrl(workerUrl).display } : undefined,
    rtt: proxy && { asked: rtt, given: signal.aborted ? undefined : await proxy.ask('given', undefined) },
    queueType,
    prefetch,
    turn:
      (length.calls === undefined
        ? `${length.time} ms, and until two calls for each one in flight have ended`
        : `${length.calls} calls`) +
      ', after a warm-up of its own, on connections of its own; the broker has tidied up before',
    rounds:
      options.rounds === undefined
        ? `${decided || 'as many as the budget was enough for'}; per-request ${PER_REQUEST_ROUNDS}`
        : `${options.rounds}, as asked for`,
    metrics: metrics?.source,
    brokerCpu: cpu() !== undefined,
    machine,
  });
  const document = compose({
    ...driven,
    question,
    began,
    broker: `RabbitMQ ${broker.version}${urls.length > 1 ? `, ${urls.length} nodes` : ''}`,
    contenders,
    scenarios,
    wire,
    conditions,
  });
  return { document, failure: driven.failure };
}

/** Counts frames and round trips, of callers in this process: nothing is timed. */
async function countWire(
  contenders: readonly Contender[],
  target: Target,
  makeQueue: (of: string) => Promise<AsyncDisposable & { readonly name: string }>,
  child: ChildOptions,
  started: Disposables,
  signal: AbortSignal,
): Promise<MeasureDocument['wire']> {
  const queues = new Map<string, string>();
  const openers = [];
  for (const { name, implementation, design } of contenders) {
    const one = (Object.values(implementations) as Implementation[]).find((each) => each.name === implementation);
    if (!one || !design) continue;
    let queue = queues.get(implementation);
    if (queue === undefined) {
      queue = started.add(await makeQueue(implementation)).name;
      queues.set(implementation, queue);
      const worker = started.add(new Child(`the worker of ${implementation}`, child));
      await worker.ask('serve', { implementation, target: { ...target, queue }, prefetch: 1 });
    }
    const to = queue;
    openers.push({ contender: name, open: (through: Target) => one.open(design, { ...through, queue: to }) });
  }
  return measureWire({ openers, target, signal });
}
