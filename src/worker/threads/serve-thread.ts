import { inspect } from 'node:util';
import { parentPort } from 'node:worker_threads';
import type { WorkerEvent } from '../events.ts';
import type { FromThread, ThreadFailure, ThreadTask, ToThread } from './messages.ts';

/** Runs the function once. */
export interface ThreadRunner {
  /** The reply's octets, or what the caller is told instead. `deadline` as `performance.now()` counts. Never rejects. */
  run(
    task: ThreadTask & { readonly body: Buffer },
    deadline: number | undefined,
  ): Uint8Array | ThreadFailure | Promise<Uint8Array | ThreadFailure>;
  /** Aborts the signal of what runs. */
  abort(): void;
}

/**
 * The thread's side: runs what {@link ThreadPool} sends, one task at a time.
 * @param createRunner is called for each task; gets where to tell the events of what it runs
 */
export function serveThread(createRunner: (onEvent: (event: WorkerEvent) => void) => ThreadRunner): void {
  if (!parentPort) throw new Error('serveThread: this is the main thread');
  const port = parentPort;
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const onEvent = (event: WorkerEvent) => tell(event, send);
  let runner: ThreadRunner | undefined;
  const run = async (task: ThreadTask, timeLeft: number | undefined): Promise<void> => {
    const deadline = timeLeft === undefined ? undefined : performance.now() + timeLeft;
    const { buffer, byteOffset, byteLength } = task.body;
    runner = createRunner(onEvent);
    const result = await runner.run({ ...task, body: Buffer.from(buffer, byteOffset, byteLength) }, deadline);
    if (result instanceof Uint8Array) {
      // a copy: the function may keep what it returned, and small Buffers are parts of one that many share
      const reply = new Uint8Array(result);
      send({ type: 'done', result: reply }, [reply.buffer]);
    } else send({ type: 'done', result: { code: result.code, message: result.message } });
  };
  port.on('message', (message: ToThread) => {
    if (message.type === 'abort') runner?.abort();
    else void run(message.task, message.timeLeft);
  });
  send({ type: 'ready' });
}

/** Some values can't be sent to another thread, functions above all; a log line never fails for that. */
function tell(event: WorkerEvent, send: (message: FromThread) => void): void {
  if (event.type === 'handler-failed') {
    const { error } = event;
    const { name, message, stack } = error instanceof Error ? error : new Error(inspect(error));
    send({
      type: 'threw',
      name: String(name),
      message: String(message),
      stack: stack === undefined ? stack : `${stack}`,
    });
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
