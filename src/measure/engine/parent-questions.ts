/** The questions to a child process, by name: plain data in, plain data out, over Node's IPC channel. */
export type Answers = Readonly<Record<string, (input: never) => unknown>>;

/** A question as it goes to a child. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

/** Its result, or why there is none. */
export interface Reply {
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
