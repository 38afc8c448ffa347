import { Disposables } from '../../disposables.ts';
import type { Implementation, Target } from '../../implementation.ts';
import { turnOrder } from '../../turn-order.ts';
import { startWorkerProcess, type WorkerProcess } from '../../worker-process.ts';
import { type ClientProcess, startClientProcess } from './client-process.ts';
import type { TurnRequest } from './client-turns.ts';
import type { FigureName, Sample } from './results.ts';

/** What a benchmark is run with. */
export interface StageOptions {
  /** Who is measured, the floor among them. */
  readonly contenders: readonly Implementation[];
  readonly target: Omit<Target, 'queue'>;
  /** Measured rounds; where it takes long, fewer. */
  readonly rounds: number;
  /** How long a turn is. */
  readonly length: TurnRequest['length'];
  /** Leaves out what takes long: for tests. */
  readonly short: boolean;
  /** Calls of the section that looks for growth. */
  readonly calls: number;
  /** Makes a queue of its own for whoever needs one. */
  readonly makeQueue: (of: string) => Promise<AsyncDisposable & { readonly name: string }>;
  /** The path of a program of the build. */
  readonly program: (file: string) => string;
  /** Put into the environment of what is started. */
  readonly env: Readonly<Record<string, string>>;
  readonly onProgress: (where: string) => void;
  readonly onEnd: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** A worker on a queue of its own. */
export interface ServedQueue {
  readonly queue: string;
  readonly worker: WorkerProcess;
}

/**
 * Whoever takes part, started when first needed: of each implementation one process of clients, and one worker on a queue
 * of its own for each prefetch. Disposing of it ends them and deletes the queues.
 */
export class Stage implements AsyncDisposable {
  readonly options: StageOptions;
  readonly #clients = new Map<string, ClientProcess>();
  readonly #served = new Map<string, Promise<ServedQueue>>();
  readonly #started = new Disposables();

  constructor(options: StageOptions) {
    this.options = options;
  }

  /** The contenders in the order of a round. Of the warm-up, 0, as of the first. */
  inTurn(round: number, names?: readonly string[]): readonly Implementation[] {
    const { contenders } = this.options;
    const chosen = names ? contenders.filter(({ name }) => names.includes(name)) : contenders;
    return turnOrder(chosen, Math.max(round, 1));
  }

  /** 0, the warm-up, which is in no figure; where figures do not matter there is none. */
  get firstRound(): 0 | 1 {
    return this.options.short ? 1 : 0;
  }

  /** The environment of a program that is to use the broker. */
  get env(): Readonly<Record<string, string>> {
    return { ...this.options.env, AMQP_URL: this.options.target.url };
  }

  /** Clients of an implementation. */
  client(one: Implementation): ClientProcess {
    const known = this.#clients.get(one.name);
    if (known) return known;
    const client = this.#started.add(this.newClient(one));
    this.#clients.set(one.name, client);
    return client;
  }

  /** The same in a fresh process, for whoever asks to end. */
  newClient({ name, designs }: Implementation): ClientProcess {
    const design = designs.find((known) => known === 'direct') ?? designs[0] ?? 'direct';
    const flags = ['--implementation', name, '--design', design];
    const { program, signal } = this.options;
    return startClientProcess({ script: program('bench-client.js'), flags, env: this.env, signal });
  }

  /** An implementation's worker of a prefetch. */
  served(one: Implementation, prefetch: number): Promise<ServedQueue> {
    const key = `${one.name}.${prefetch}`;
    const known = this.#served.get(key);
    if (known) return known;
    const served = this.#serve(one, prefetch);
    this.#served.set(key, served);
    return served;
  }

  /** A queue that lasts as long as this does. */
  async queue(of: string): Promise<string> {
    return this.#started.add(await this.options.makeQueue(of)).name;
  }

  /** Starts one more worker, on a queue that is there. */
  async startWorker({ name }: Implementation, prefetch: number, queue: string): Promise<WorkerProcess> {
    const { target, env, onEnd, signal, program } = this.options;
    const flags = ['--implementation', name, '--queue', queue, '--prefetch', String(prefetch)];
    const script = program('compare-worker.js');
    const nodeFlags = ['--expose-gc'];
    return this.#started.add(
      await startWorkerProcess({ script, flags, nodeFlags, url: target.url, env, onEnd, signal }),
    );
  }

  /** One turn of an implementation's clients with its worker; of the usual length unless `request` gives another. */
  async turn(
    one: Implementation,
    prefetch: number,
    request: Omit<TurnRequest, 'queue' | 'length'> & Partial<Pick<TurnRequest, 'length'>>,
  ): Promise<Pick<Sample, 'values' | 'failed' | 'firstFailure'>> {
    this.options.signal.throwIfAborted();
    const { queue, worker } = await this.served(one, prefetch);
    const before = await worker.usage({ collect: false });
    const result = await this.client(one).ask('turn', { length: this.options.length, ...request, queue });
    const after = await worker.usage({ collect: false });
    const { rate, p50, p99, cpu: clientCpu, calls, failed, firstFailure } = result;
    const workerCpu = (after.cpu - before.cpu) / calls;
    const values = { rate, p50, p99, clientCpu, workerCpu, cpu: clientCpu + workerCpu } satisfies Partial<
      Record<FigureName, number>
    >;
    return { values, failed, ...(firstFailure === undefined ? {} : { firstFailure }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started[Symbol.asyncDispose]();
  }

  async #serve(one: Implementation, prefetch: number): Promise<ServedQueue> {
    const queue = await this.queue(`${one.name}.${prefetch}`);
    return { queue, worker: await this.startWorker(one, prefetch, queue) };
  }
}
