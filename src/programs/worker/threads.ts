import { heapLimit } from '../../worker/threads/heap-limit.ts';
import type { ThreadFunction } from '../../worker/threads/serve-thread.ts';
import type { ThreadLine } from '../../worker/threads/thread.ts';
import type { PoolSettings, ThreadPool } from '../../worker/threads/thread-pool.ts';

/** The first argument of the worker's file where it is the script of a thread of the pool. */
export const IN_THREAD = '--in-thread';

/**
 * Makes the threads that the functions run in, each with the worker's own file as its script. Most workers have none, and start
 * faster without loading what makes them.
 */
export async function createPool(
  threads: number,
  {
    script,
    argv,
    ...how
  }: Omit<PoolSettings, 'script'> & { readonly script: string; readonly argv: readonly string[] },
): Promise<ThreadPool> {
  const { ThreadPool } = await import('../../worker/threads/thread-pool.ts');
  return new ThreadPool(threads, {
    ...how,
    script: { file: script, argv: [IN_THREAD, ...argv], heapMegabytes: heapLimit(threads) },
  });
}

/** The line of such a thread to the worker: to be taken before the functions are loaded, which must not see it. */
export async function takeLine(): Promise<ThreadLine> {
  const { takeLine } = await import('../../worker/threads/serve-thread.ts');
  return takeLine();
}

/** Serves the functions in such a thread. */
export async function serveInThread(line: ThreadLine, functions: readonly ThreadFunction[]): Promise<void> {
  const { serveThread } = await import('../../worker/threads/serve-thread.ts');
  serveThread(line, functions);
}
