import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../analysis/statistics.ts';
import type { Target } from '../contenders/implementation.ts';
import { ANSWER, CONNECTED, CONSUMING, type Command, type WholeProgram } from '../contenders/programs.ts';
import type { Contender } from '../document/document.ts';
import { throughProxy } from '../wire/through-proxy.ts';
import { type BrokerWatch, heldSince, type Reading } from './broker-watch.ts';
import { Child, type ChildOptions } from './child.ts';
import type { ClientTask } from './client-side.ts';
import type { TurnLength } from './closed-loop.ts';
import { Disposables } from './disposables.ts';
import { type ProgramStart, type Started, startProgram } from './program.ts';
import { LevelOutOfReach, type Measurement, type ProgramGrowth, type Turn, type TurnOptions } from './scenario.ts';

/** How long a worker stands idle before it is weighed, in ms. */
const IDLE = 1_000;

/** A program that has used less processor time than this in {@link IDLE} waits, in µs. */
const WAITS = 20_000;

/** How long a program may take for many calls, in ms: one that takes too long still has a figure. */
const MANY_CALLS = 300_000;

/** A number whose answer is long, so that unread ones take memory. */
const LONG = '1000\n';

/** Calls that warm a connection up before it is measured, beside two for each in flight. */
const WARM_UP = 10;

/** The URLs of clients and of workers. */
export interface Ways {
  readonly clients: Omit<Target, 'queue'>;
  /** The port of a proxy on this machine that the clients go through; undefined: they don't. */
  readonly proxy: number | undefined;
  readonly workers: Omit<Target, 'queue'>;
}

/** The parts that a crew works with. */
export interface CrewOptions {
  readonly ways: Ways;
  /** The same broker by TLS; undefined where a scenario that asks for it does not take part. */
  readonly overTls: Ways | undefined;
  /** Of workers where a scenario asks for no other. */
  readonly prefetch: number;
  readonly child: ChildOptions;
  /** Makes a queue; disposing of it deletes it. */
  readonly makeQueue: (of: string) => Promise<AsyncDisposable & { readonly name: string }>;
  readonly programs: readonly WholeProgram[];
  /** Undefined if the broker does not tell. */
  readonly broker: BrokerWatch | undefined;
  /** Whether its memory can be watched: whether a reading is as of now. */
  readonly readsMemory: boolean;
}

/** A queue and the workers that serve it. */
interface Served {
  readonly queue: string;
  readonly workers: readonly Child[];
}

/**
 * All who take part, each in a process of its own, started when first needed: one of clients for each contender, and
 * workers for each implementation, on a queue of their own for each prefetch. Disposing of it ends them and deletes the
 * queues.
 */
export class Crew {
  readonly #options: CrewOptions;
  readonly #clients = new Map<string, Child>();
  readonly #served = new Map<string, Promise<Served>>();
  readonly #started = new Disposables();
  /** The broker's figures after the last turn, which are those before the next. */
  #settled: Reading | undefined;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** The means of a contender's turn. */
  turn(contender: Contender, length: TurnLength): Turn {
    const program = this.#options.programs.find(({ name }) => name === contender.name);
    return {
      contender,
      clients: (task, options = {}) =>
        this.#take(contender, task, { ...options, length: { ...length, ...options.length } }),
      timeToAnswer: async () => {
        if (!program) throw new Error(`${contender.name} has no program`);
        const { queue } = await this.#serve('floor', this.#options.ways, 1, 1);
        const started = await this.#start(program.call(queue), { says: ANSWER });
        try {
          return await started.ended;
        } finally {
          await started.stop();
        }
      },
      timeToConsume: async () => {
        if (!program?.serve) throw new Error(`${contender.name} has no program that serves`);
        const { queue } = await this.#serve('nobody', this.#options.ways, 1, 0);
        const started = await this.#start(program.serve(queue), { says: CONSUMING });
        try {
          await delay(IDLE, undefined, { signal: this.#options.child.signal });
          return { took: started.took, rss: started.rss() };
        } finally {
          await started.stop();
        }
      },
      programGrowth: async (growth) => {
        const fewer = length.calls ?? growth.calls;
        const cost = await this.#programCost(program, growth, fewer);
        return (await this.#programCost(program, growth, 10 * fewer)) / cost;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started[Symbol.asyncDispose]();
  }

  async #programCost(program: WholeProgram | undefined, { inFlight, of }: ProgramGrowth, calls: number) {
    if (!program?.callEach) throw new Error('it has no program that calls for each line');
    const { queue } = await this.#serve(program.name, this.#options.ways, this.#options.prefetch, 1);
    const unread = of === 'unread';
    const input = `${LONG.repeat(calls - 1)}30\n`; // the answer to the last of them is known
    const how = { says: unread ? CONNECTED : ANSWER, within: MANY_CALLS, input, unread };
    const started = await this.#start(program.callEach(queue, inFlight(calls)), how);
    try {
      if (unread) await this.#untilIdle(started);
      if (unread && started.unreadBytes() === 0) throw new Error('the client program has printed nothing');
      const cost = unread ? started.peakRss() : started.cpu();
      if (cost === undefined) throw new LevelOutOfReach('it has ended, or there is no /proc');
      return cost;
    } finally {
      await started.stop();
    }
  }

  async #untilIdle({ cpu }: Started): Promise<void> {
    for (let before = cpu(); before !== undefined; ) {
      await delay(IDLE, undefined, { signal: this.#options.child.signal });
      const now = cpu();
      before = now !== undefined && now - before > WAITS ? now : undefined;
    }
  }

  async #take(
    contender: Contender,
    task: ClientTask,
    options: TurnOptions & { readonly length: TurnLength },
  ): Promise<Measurement> {
    const { broker, prefetch, readsMemory, overTls } = this.#options;
    const ways = options.tls ? overTls : this.#options.ways;
    if (!ways) throw new Error('the broker does not speak TLS');
    const { queue, workers } = options.unserved
      ? await this.#serve('nobody', ways, 1, 0)
      : await this.#serve(contender.implementation, ways, options.prefetch ?? prefetch, options.workers ?? 1);
    // memory is weighed in a process that has done nothing else
    const client = options.unserved ? await this.#startClient(contender, ways) : await this.#client(contender, ways);
    const before = this.#settled ?? (await broker?.read());
    this.#settled = undefined;
    const warmUp = WARM_UP + (task.kind === 'loop' ? 2 * task.inFlight : 0);
    const failure = await client.ask('prepare', { task, queue, warmUp });
    if (failure !== undefined) {
      const discarded = await client.ask('release', undefined);
      const measured = { calls: 1, failed: 1, timeouts: 0, firstFailure: failure };
      return { latencies: [], elapsed: Number.NaN, figures: {}, measured, discarded };
    }
    const begin = await broker?.read();
    const workersBegin = await processorTimes(workers);
    const memory = options.memory && readsMemory ? broker?.watchMemory() : undefined;
    const result = await client.ask('measure', options.length).finally(() => memory?.stop());
    const workersEnd = await processorTimes(workers);
    const peakMemory = await memory?.stop();
    const end = await broker?.read();
    const discarded = await client.ask('release', undefined);
    if (options.unserved) await client.stop();
    this.#settled = await broker?.settled(before);
    if (result.outOfReach !== undefined) throw new LevelOutOfReach(result.outOfReach);

    const { calls, connected, measured, latencies, elapsed } = result;
    const right = latencies.length;
    const clientCpu = result.cpu / calls;
    const workerCpu = (workersEnd - workersBegin) / calls;
    const isSteady = task.kind === 'loop' || task.kind === 'offered' || task.kind === 'lives';
    return {
      latencies,
      elapsed,
      measured,
      discarded,
      figures: {
        rate: right > 0 ? (right / elapsed) * 1_000 : Number.NaN,
        p50: median(latencies),
        ...result.figures,
        ...(peakMemory === undefined ? {} : { peakMemory }),
        ...(isSteady ? { clientCpu, workerCpu, cpu: clientCpu + workerCpu } : {}),
        ...(isSteady && begin && end ? broker?.perCall(begin, end, calls) : {}),
      },
      ...(before && end && connected > 0 ? { held: { clients: connected, of: heldSince(before, end) } } : {}),
    };
  }

  async #client(contender: Contender, ways: Ways): Promise<Child> {
    const key = `${contender.name} ${ways.clients.url}`;
    const known = this.#clients.get(key);
    if (known) return known;
    const client = await this.#startClient(contender, ways);
    this.#clients.set(key, client);
    return client;
  }

  async #startClient({ name, implementation, design = 'direct' }: Contender, { clients, proxy }: Ways): Promise<Child> {
    const client = this.#started.add(new Child(`the client of ${name}`, this.#options.child));
    await client.ask('client', { implementation, design, target: clients, proxy });
    return client;
  }

  #serve(implementation: string, { workers: at }: Ways, prefetch: number, workers: number): Promise<Served> {
    const key = `${implementation} ${at.url} ${prefetch} ${workers}`;
    const known = this.#served.get(key);
    if (known) return known;
    const served = this.#startServing(implementation, at, prefetch, workers);
    this.#served.set(key, served);
    return served;
  }

  async #startServing(implementation: string, at: Ways['workers'], prefetch: number, count: number): Promise<Served> {
    const { makeQueue, child } = this.#options;
    const queue = this.#started.add(await makeQueue(implementation)).name;
    const workers: Child[] = [];
    for (let started = 0; started < count; started++) {
      const worker = this.#started.add(new Child(`the worker of ${implementation}`, child));
      await worker.ask('serve', { implementation, target: { ...at, queue }, prefetch });
      workers.push(worker);
    }
    return { queue, workers };
  }

  #start({ file, args, env }: Command, how: Pick<ProgramStart, 'says' | 'within' | 'input' | 'unread'>) {
    const { ways, child } = this.#options;
    const { clients, proxy } = ways;
    const { url } = proxy === undefined ? clients : throughProxy(clients, proxy);
    return startProgram({
      ...(file === undefined ? {} : { file }),
      args,
      env: { ...child.env, AMQP_URL: url, ...env },
      ...how,
      signal: child.signal,
    });
  }
}

/** Of all of them, in µs. */
async function processorTimes(workers: readonly Child[]): Promise<number> {
  const used = await Promise.all(workers.map((worker) => worker.ask('usage', { collect: false })));
  return used.reduce((sum, { cpu }) => sum + cpu, 0);
}
