import type { Readable } from 'node:stream';
import { readOptionFile } from '../../cli/option-files.ts';
import type { ClientValues } from './options.ts';

/** The tutorial's default. */
export const DEFAULT_REQUEST = '30';

/** A request of any function. */
export interface BodyRequest {
  readonly body: Buffer;
  readonly contentType: string;
}

/**
 * The request that `--body` or `--body-file` gives; undefined without either.
 * @throws UsageError if the file can't be read
 */
export async function readBodyRequest(
  { body, bodyFile, contentType = 'text/plain' }: ClientValues,
  stdin: () => Readable,
): Promise<BodyRequest | undefined> {
  if (body !== undefined) return { body: Buffer.from(body), contentType };
  if (bodyFile === undefined) return undefined;
  if (bodyFile === '-') return { body: Buffer.concat(await stdin().toArray()), contentType };
  return { body: readOptionFile({ option: '--body-file', file: bodyFile }), contentType };
}

/** The numbers that a command line asks for: each argument, and for `-` each line of `stdin`, as they come. */
export async function* numbersOf(args: readonly string[], stdin: () => Readable): AsyncGenerator<string> {
  if (args.length === 0) yield DEFAULT_REQUEST;
  for (const arg of args) {
    if (arg === '-') yield* await linesOf(stdin());
    else yield arg;
  }
}

async function linesOf(input: Readable): Promise<AsyncIterable<string>> {
  const { createInterface } = await import('node:readline'); // most clients do without, and start faster so
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

/**
 * Runs `task` for each item as it comes, `limit` at a time at most, and hands the results to `output` one by one in the
 * order of the items. A result waits for those before it, and counts until `output` is done with it, so that memory is
 * bounded also where nobody reads.
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  limit: number,
  task: (item: T) => Promise<R>,
  output: (result: R) => Promise<void> | undefined,
): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let unfinished = 0;
  let onRoom = () => {};
  const finish = async (result: Promise<R>, before: Promise<void>): Promise<void> => {
    await before;
    await output(await result);
    unfinished--;
    onRoom();
  };
  for await (const item of items) {
    unfinished++;
    const result = task(item);
    last = finish(result, last);
    if (unfinished < limit) continue;
    const room = new Promise<void>((resolve) => {
      onRoom = resolve;
    });
    await Promise.race([room, last]); // the last one fails if any does
  }
  await last;
}
