import { inspect } from 'node:util';
import { parentPort } from 'node:worker_threads';
import type { WorkerEvent } from '../rpc/worker-events.ts';
import type { FromThread, ThreadFailure, ThreadTask, ToThread } from './messages.ts';

/** What a thread does. */
export interface ThreadService {
  /** The reply's octets, or what the caller is told instead. `deadline` as `performance.now()` counts. Never rejects. */
  run(task: ThreadTask, deadline: number | undefined): Promise<Uint8Array | ThreadFailure>;
  /** Aborts the signal of what runs. */
  abort(): void;
}

/**
 * The thread's side: runs what {@link ThreadPool} sends, one task at a time.
 * @param createService gets where to tell the events of what it runs
 */
export function serveThread(createService: (onEvent: (event: WorkerEvent) => void) => ThreadService): void {
  if (!parentPort) throw new Error('serveThread: this is the main thread');
  const port = parentPort;
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const service = createService((event) => tell(event, send));
  port.on('message', async (message: ToThread) => {
    if (message.type === 'abort') return service.abort();
    const { task, timeLeft } = message;
    const { body, ...rest } = task;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
    const deadline = timeLeft === undefined ? undefined : performance.now() + timeLeft;
    const result = await service.run({ ...rest, body: bytes }, deadline);
    if (!(result instanceof Uint8Array)) {
      return send({ type: 'done', result: { code: result.code, message: result.message } });
    }
    // a copy: the function may keep what it returned, and small Buffers are parts of one that many share
    const reply = new Uint8Array(result);
    send({ type: 'done', result: reply }, [reply.buffer]);
  });
  send({ type: 'ready' });
}

/** Some values can't be sent to another thread, functions above all; a log line never fails for that. */
function tell(event: WorkerEvent, send: (message: FromThread) => void): void {
  if (event.type === 'handler-failed') {
    const { error } = event;
    const { name, message, stack } = error instanceof Error ? error : new Error(inspect(error));
    send({ type: 'threw', name: String(name), message: String(message), stack: stack === undefined ? stack : `${stack}` });
    return;
  }
  try {
    send({ type: 'event', event });
  } catch {
    if (event.type !== 'log') return;
    const fields = Object.entries(event.fields ?? {}).map(([name, value]) => [name, inspect(value)]);
    send({ type: 'event', event: { ...event, fields: Object.fromEntries(fields) } });
  }
}
