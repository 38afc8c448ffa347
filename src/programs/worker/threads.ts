import type { FunctionModule } from '../../function/function-module.ts';
import { RpcError } from '../../protocol/errors.ts';
import { FunctionRunner } from '../../worker/function-runner.ts';
import { WorkerLessons } from '../../worker/lessons.ts';
import { workerDefaults } from '../../worker/options.ts';
import type { PoolSettings } from '../../worker/threads/call.ts';
import { heapLimit } from '../../worker/threads/heap-limit.ts';
import type { ThreadPool } from '../../worker/threads/thread-pool.ts';

/** The first argument of the worker's file where it is the script of a thread of the pool. */
export const IN_THREAD = '--in-thread';

/**
 * Makes the threads that the function runs in, each with this very file as its script. Most workers have none, and start
 * faster without loading what makes them.
 */
export async function createPool(
  threads: number,
  { argv, ...how }: Pick<PoolSettings, 'maxRun' | 'onEvent'> & { readonly argv: readonly string[] },
): Promise<ThreadPool> {
  const { ThreadPool } = await import('../../worker/threads/thread-pool.ts');
  return new ThreadPool(threads, {
    ...how,
    script: { file: import.meta.filename, argv: [IN_THREAD, ...argv], heapMegabytes: heapLimit(threads) },
    toError: (code, message) => new RpcError(code, message),
  });
}

/** What such a thread does. */
export async function runInThread(
  { handler, contentType = workerDefaults.contentType }: FunctionModule,
  functionOptions: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { serveThread } = await import('../../worker/threads/serve-thread.ts');
  const settings = { contentType, functionOptions, maxRequestBytes: Number.POSITIVE_INFINITY }; // checked before it came here
  serveThread((onEvent) => new FunctionRunner(handler, { ...settings, onEvent }, new WorkerLessons()));
}
