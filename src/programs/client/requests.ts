import type { Readable } from 'node:stream';

/** The requests that a command line asks for: each argument, and for `-` each line of what `input` gives, as they come. */
export async function* requestsOf(args: readonly string[], input: () => Readable): AsyncGenerator<string> {
  for (const arg of args) {
    if (arg === '-') yield* await linesOf(input());
    else yield arg;
  }
}

async function linesOf(input: Readable): Promise<AsyncIterable<string>> {
  const { createInterface } = await import('node:readline'); // most clients do without, and start faster so
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

/**
 * Runs `task` for each item as it comes, `limit` at a time at most, and hands the results to `output` in the order of
 * the items. A result waits for those before it, and counts until it is out, so that memory is bounded.
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  limit: number,
  task: (item: T) => Promise<R>,
  output: (result: R) => void,
): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  const unfinished = new Set<Promise<void>>();
  for await (const item of items) {
    const before = last;
    const result = task(item);
    const done: Promise<void> = (async () => {
      const [value] = await Promise.all([result, before]);
      output(value);
    })().finally(() => unfinished.delete(done));
    last = done;
    unfinished.add(done);
    if (unfinished.size >= limit) await Promise.race(unfinished);
  }
  await last;
}
