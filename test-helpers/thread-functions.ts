import { isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';
import { RpcError } from '../src/protocol/errors.ts';
import type { RequestHandler } from '../src/worker/handler.ts';
import { serveThread, takeLine } from '../src/worker/threads/serve-thread.ts';

const kept = Buffer.from('kept by the function');

/** The acts that a thread of these tests can be asked for, by the first word of a request. */
const functions: Record<string, RequestHandler> = {
  echo: ({ body }) => body.subarray(5),
  kept: () => kept,
  thread: () => String(threadId),
  type: ({ contentType }) => String(contentType),
  context: (_request, { redelivered, deadline, headers, options }) => {
    const left = deadline === undefined ? null : deadline - performance.now();
    return JSON.stringify({ redelivered, left, headers, options, pure: !('toString' in headers) });
  },
  stray: () => {
    void Promise.reject(new Error('stray'));
    return 'answered';
  },
  bytes: (_request, { headers }) => String(Buffer.isBuffer(headers.bytes) && headers.bytes.toString('hex')),
  log: (_request, { log }) => {
    log.warn('from the thread', { figure: 42 });
    log.info('what cannot be sent', { fn: () => 1 });
    return 'logged';
  },
  post: () => {
    // what a library might post, and what a forger would
    for (const message of [null, 'hello', { type: 'ready' }]) parentPort?.postMessage(message);
    for (let call = 0; call < 10; call++)
      parentPort?.postMessage({
        type: 'done',
        call,
        result: { body: Buffer.from('forged'), contentType: 'text/plain' },
      });
    return 'posted';
  },
  hidden: () => JSON.stringify(Reflect.ownKeys(workerData as object).map(String)),
  flood: ({ body }, { log }) => {
    const fields = { text: 'x'.repeat(100_000), list: Array(10_000).fill({ deep: [1, 2, 3] }) };
    const [, lines] = String(body).split(' ');
    for (let line = 0; line < Number(lines); line++) log.info(`line ${line} ${'y'.repeat(10_000)}`, fields);
    return 'flooded';
  },
  html: () => ({ body: '<p>', contentType: 'text/html', headers: { tenant: 'a', bytes: Buffer.from('b') } }),
  data: () => {
    throw new RpcError('NOT_FOUND', 'with data', { data: { user: 7 } });
  },
  unsendable: () => {
    throw new RpcError('NOT_FOUND', 'with a function for data', { data: () => 1 });
  },
  refuse: () => {
    throw new RpcError('OUT_OF_RANGE', 'by the function itself');
  },
  throw: () => {
    throw new TypeError('of the function');
  },
  overflow: function overflow(request, context): object {
    return [overflow(request, context)];
  },
  exit: () => process.exit(3),
  uncaught: () => {
    setImmediate(() => {
      throw new Error('out of nowhere');
    });
    return new Promise(() => {});
  },
  memory: () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(new Array(1_000).fill(Math.random()));
  },
  spin: () => {
    for (;;);
  },
  heed: (_request, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  tell: (_request, { signal, log }) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => {
        log.info(signal.reason.code);
        reject(signal.reason);
      }),
    ),
  late: ({ body }, { signal }) =>
    new Promise((resolve) => {
      const pause = Number(String(body).split(' ')[1]);
      signal.addEventListener('abort', () => setTimeout(resolve, pause, 'late'));
    }),
  later: () => {
    setTimeout(() => process.exit(4), 20);
    return 'dies later';
  },
};

/**
 * To be called first by a test file whose threads run the file itself: true in such a thread, which then does what it is
 * asked; `dies-at-start` and `dies-idle` as argument of the thread say what it does instead.
 */
export function isTestThread(): boolean {
  if (isMainThread || !workerData) return false;
  const line = takeLine();
  const [, , mode] = process.argv;
  if (mode === 'dies-at-start') throw new Error('as it was asked to');
  serveThread(line, [
    {
      contentType: undefined,
      functionOptions: { of: 'the function' },
      handler: (request, context) => functions[String(request.body).split(' ')[0] ?? '']?.(request, context) ?? null,
    },
  ]);
  if (mode === 'dies-idle') setTimeout(() => process.exit(5), 20);
  return true;
}
