import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { connect } from '../src/amqp/dial.ts';
import { parseAmqpUrl } from '../src/amqp/url.ts';
import { amqpUrl } from './broker.ts';
import { programFolder } from './built.ts';
import type { Scope } from './rpc.ts';
import { MARK, signOfLife } from './watchdog.ts';

/** How long a program that a test waits for may write nothing, in ms: no test depends on it, it only ends a hopeless wait. */
const SILENCE = 240_000;

const cleanups = new WeakMap<Scope, (() => Promise<unknown> | unknown)[]>();

/** Runs `end` when the test is over, passed or failed. The last one asked for runs first: workers end before queues. */
export function cleanUp(t: Scope, end: () => Promise<unknown> | unknown): void {
  const known = cleanups.get(t);
  if (known) {
    known.push(end);
    return;
  }
  const stack = [end];
  cleanups.set(t, stack);
  t.after(async () => {
    const failures: unknown[] = [];
    for (let next = stack.pop(); next; next = stack.pop()) {
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `cleaning up failed: ${failures.join('; ')}`);
  });
}

/** How to run a program. */
export interface RunOptions {
  /** Its AMQP_URL; null for none. Default: the broker of this run of the tests. */
  readonly url?: string | null;
  /** Its other variables. Of ours it gets PATH and HOME alone. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Its standard input; undefined: left open, and nothing is written to it. */
  readonly input?: string;
}

/** How a program ended and what it wrote. */
export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program under test while it runs. */
export class Running {
  stdout = '';
  stderr = '';
  /** Resolves when the program has ended and everything that it wrote was read. */
  readonly ended: Promise<Result>;
  readonly child: ChildProcessWithoutNullStreams;
  #result: Result | undefined;
  readonly #name: string;
  readonly #watchers = new Set<() => void>();

  constructor(file: string, args: readonly string[], { url = amqpUrl(), env = {}, cwd }: RunOptions) {
    const { PATH, HOME, [MARK]: mark } = process.env;
    this.#name = [path.basename(file), ...args].join(' ').slice(0, 200);
    this.child = spawn(process.execPath, [file, ...args], {
      cwd,
      env: { PATH, HOME, [MARK]: mark, ...(url === null ? {} : { AMQP_URL: url }), ...env },
    });
    running.add(this.child);
    for (const name of ['stdout', 'stderr'] as const) {
      this.child[name].setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        signOfLife();
        this.#changed();
      });
    }
    this.child.stdin.on('error', () => {}); // it ended before it read everything
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        running.delete(this.child);
        this.#result = { code, signal, stdout: this.stdout, stderr: this.stderr };
        resolve(this.#result);
        this.#changed();
      });
    });
  }

  /** Resolves once the program has written what fits `pattern` on standard error, `times` times over. */
  says(pattern: RegExp, times = 1): Promise<void> {
    return this.#wrote('stderr', pattern, times);
  }

  /** As {@link says}, but on standard output. */
  prints(pattern: RegExp, times = 1): Promise<void> {
    return this.#wrote('stdout', pattern, times);
  }

  /** Sends a signal and resolves when the program has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> {
    this.child.kill(signal);
    return this.end();
  }

  /** Resolves when the program has ended; a program that doesn't is killed. */
  async end(): Promise<Result> {
    await this.#until('ended', () => this.#result !== undefined);
    return this.ended;
  }

  /** The records of a program that logs JSON lines. */
  records(event?: string): Record<string, unknown>[] {
    const lines = this.stderr.split('\n').filter((line) => line.startsWith('{'));
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return event === undefined ? records : records.filter((record) => record.event === event);
  }

  #wrote(stream: 'stdout' | 'stderr', pattern: RegExp, times: number): Promise<void> {
    const global = new RegExp(pattern, `${pattern.flags.replace('g', '')}g`);
    return this.#until(`wrote ${pattern} ${times} × on ${stream}`, () => {
      return [...this[stream].matchAll(global)].length >= times;
    });
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let watcher = () => {};
    const met = new Promise<void>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`${this.#name}: never ${what}, ${why}; it wrote:\n${this.#text()}`));
      watcher = () => {
        timer?.refresh();
        if (condition()) resolve();
        else if (this.#result) fail(`and ended with ${this.#result.code ?? this.#result.signal}`);
      };
      timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        fail(`and wrote nothing for ${SILENCE / 1_000} s`);
      }, SILENCE);
    });
    this.#watchers.add(watcher);
    watcher();
    await met.finally(() => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
  }

  #text(): string {
    return `${this.stdout}${this.stderr}`.slice(-2_000);
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Starts a program; it is killed when the test is over. */
export function start(t: Scope, file: string, args: readonly string[], options: RunOptions = {}): Running {
  const program = new Running(path.resolve(programFolder, file), args, options);
  if (options.input !== undefined) program.child.stdin.end(options.input);
  cleanUp(t, () => {
    program.child.kill('SIGCONT');
    program.child.kill('SIGKILL');
    return program.ended;
  });
  return program;
}

/** Starts a worker, and waits until it consumes. */
export async function startWorker(t: Scope, args: readonly string[], options: RunOptions = {}): Promise<Running> {
  const worker = start(t, 'worker.js', args, options);
  await worker.says(/"event":"consuming"|Awaiting RPC requests/);
  return worker;
}

/** Runs the client to its end; it reads nothing unless `input` is given. */
export function runClient(t: Scope, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  // its own default would be a limit on how slow the machine may be
  return start(t, 'client.js', args, { input: '', ...options, env: { RPC_TIMEOUT: '10m', ...options.env } }).end();
}

/** A queue name of this test's own; the queue, if there is one by then, is deleted when the test is over. */
export function uniqueQueue(t: Scope, url = amqpUrl()): string {
  const queue = `test.programs.${randomUUID()}`;
  cleanUp(t, async () => {
    const connection = await connect(parseAmqpUrl(url)).catch(() => undefined); // a test may have stopped the broker
    const channel = await connection?.openChannel();
    await channel?.queueDelete(queue).catch(() => {});
    await connection?.close();
  });
  return queue;
}

/** A broker's URL with some of its parts replaced. */
export function urlWith(parts: Partial<Pick<URL, 'username' | 'password' | 'pathname'>>, url = amqpUrl()): string {
  return Object.assign(new URL(url), parts).href;
}

/** The URL of a port where nothing listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `amqp://127.0.0.1:${port}`;
}
