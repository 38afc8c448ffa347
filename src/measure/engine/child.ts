import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ChildAnswers } from './child-side.ts';
import type { Question, Reply } from './parent-questions.ts';

/** How long a child may take to end once it was asked to, in ms; it is killed then. */
const STOP_TIMEOUT = 5_000;

/** How children are started. */
export interface ChildOptions {
  /** `dist/compare-child.js` */
  readonly script: string;
  /** Put into its environment, over this process's. */
  readonly env: Readonly<Record<string, string>>;
  /** Called if it ends before it is stopped. */
  readonly onEnd: (error: Error) => void;
  /** Kills it; all who wait for its answers get the signal's reason. */
  readonly signal: AbortSignal;
}

/** A process of the engine: a client, a worker or the delay proxy. It ends with this process, however that ends. */
export class Child {
  /** For messages: `the client of floor direct`. */
  readonly #what: string;
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #asked = 0;
  readonly #signal: AbortSignal;
  readonly #ended: Promise<unknown>;
  #stopping = false;
  #lastWords = 'it said nothing';

  constructor(what: string, { script, env, onEnd, signal }: ChildOptions) {
    this.#what = what;
    this.#signal = signal;
    this.#child = spawn(process.execPath, ['--expose-gc', script], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      detached: true, // Ctrl-C in a terminal is for us; what was measured is told, and all of them end in order
    });
    this.#child.on('message', ({ id, result, error }: Reply) => {
      const question = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) question?.resolve(result as never);
      else question?.reject(new Error(error));
    });
    for (const end of ['disconnect', 'error']) this.#child.on(end, () => this.#end());
    createInterface({ input: this.#child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.#lastWords = line;
    });
    // not `close`: that never comes once we have disconnected
    const said = new Promise((resolve) => this.#child.stderr?.once('close', resolve));
    this.#ended = once(this.#child, 'exit').then(
      () => said,
      (error: Error) => {
        this.#lastWords = error.message; // it could not be started
      },
    );
    const kill = () => this.#child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    void this.#ended.then(() => {
      signal.removeEventListener('abort', kill);
      if (!this.#stopping && !signal.aborted) onEnd(new Error(`${what} ended: ${this.#lastWords}`));
    });
    if (signal.aborted) kill();
  }

  /** @throws (rejects) Error with what went wrong there; the signal's reason */
  async ask<K extends keyof ChildAnswers>(
    name: K,
    input: Parameters<ChildAnswers[K]>[0],
  ): Promise<Awaited<ReturnType<ChildAnswers[K]>>> {
    try {
      return await new Promise<Awaited<ReturnType<ChildAnswers[K]>>>((resolve, reject) => {
        const question: Question = { id: ++this.#asked, name, input };
        this.#open.set(question.id, { resolve, reject });
        if (this.#child.connected) this.#child.send(question, (error) => error && this.#end());
        else this.#end();
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new Error(`${this.#what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  #end(): void {
    for (const { reject } of this.#open.values()) reject(new Error('the process ended'));
    this.#open.clear();
  }

  /** Lets it end in order, by force if it takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.connected) this.#child.disconnect();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT);
    await this.#ended;
    clearTimeout(kill);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
