import type { ChildProcess } from 'node:child_process';

/** What a child process can be asked, by name: plain data in, plain data out, over Node's IPC channel. */
export type Answers = Readonly<Record<string, (input: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

/** Its result, or why there is none. */
interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Answers what the parent process asks, from now on; does nothing if there is no channel to it. */
export function answerParent(answers: Answers): void {
  process.on('message', async ({ id, name, input }: Question) => {
    let reply: Reply;
    try {
      reply = { id, result: await answers[name]?.(input as never) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    if (process.connected) process.send?.(reply);
  });
}

/** Asks a child process that was started with an IPC channel and answers with {@link answerParent}. */
export class ChildQuestions<A extends Answers> {
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #asked = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ id, result, error }: Reply) => {
      const question = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) question?.resolve(result as never);
      else question?.reject(new Error(error));
    });
    child.on('disconnect', () => this.#end());
    child.on('error', () => this.#end());
  }

  /** @throws Error (rejects) with what the child threw; if it ends first, that it ended */
  ask<K extends keyof A & string>(name: K, input: Parameters<A[K]>[0]): Promise<Awaited<ReturnType<A[K]>>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#open.set(id, { resolve, reject });
      const question: Question = { id, name, input };
      if (this.#child.connected) this.#child.send(question, (error) => error && this.#end());
      else this.#end();
    });
  }

  #end(): void {
    for (const { reject } of this.#open.values()) reject(new Error('the process ended'));
    this.#open.clear();
  }
}
