import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ChildAnswers } from './child-side.ts';
import { ChildQuestions } from './parent-questions.ts';

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
  readonly #questions: ChildQuestions<ChildAnswers>;
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
    this.#questions = new ChildQuestions(this.#child);
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
      return await this.#questions.ask(name, input);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new Error(`${this.#what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
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
