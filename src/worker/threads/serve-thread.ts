import { describeThrown } from '../../protocol/reply.ts';
import type { WorkerEvent } from '../events.ts';
import { FunctionRunner, type Outcome, type RunnerSettings } from '../function-runner.ts';
import { boundedCopy, cut, ThreadLogLimit } from './bounds.ts';
import type { FromThread, ThreadTask, ToThread } from './messages.ts';
import type { ThreadLine } from './thread.ts';

export { takeLine } from './thread.ts';

/** Of an error, in UTF-16 units each: its message, and its stack. */
const MAX_ERROR_TEXT = 8_000;

/** What a thread's function is run by. */
export type ThreadSettings = Pick<RunnerSettings, 'handler' | 'contentType' | 'functionOptions'>;

/**
 * The thread's side: runs what a {@link ThreadPool} sends, one task at a time.
 * @param line from `takeLine()`
 */
export function serveThread({ port, begun }: ThreadLine, settings: ThreadSettings): void {
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  let running: { readonly call: number; readonly runner: FunctionRunner } | undefined;
  const limit = new ThreadLogLimit((event) => send({ type: 'event', call: 0, event }));
  const tell = (call: number, event: WorkerEvent): void => {
    if (event.type === 'handler-failed') send({ type: 'threw', call, ...describe(event.error) });
    else if (event.type !== 'log') send({ type: 'event', call, event });
    else if (limit.admits()) send({ type: 'event', call, event: boundedCopy(event) as WorkerEvent });
  };
  const run = async (call: number, task: ThreadTask, timeLeft: number | undefined, maxRequestBytes: number) => {
    const expires = timeLeft === undefined ? undefined : performance.now() + timeLeft;
    const { buffer, byteOffset, byteLength } = task.body;
    const runner = new FunctionRunner({
      ...settings,
      maxRequestBytes,
      maxReplyBytes: () => Number.POSITIVE_INFINITY, // the worker looks at that
      tell: (event) => tell(call, event),
    });
    running = { call, runner };
    Atomics.store(begun, 0, call);
    const outcome = await runner.run({ ...task, body: Buffer.from(buffer, byteOffset, byteLength) }, expires);
    // a rejection that nobody caught ends the thread before that, and costs this call, not the next one
    setImmediate(() => sendOutcome(call, outcome, send));
  };
  port.on('message', (message: ToThread) => {
    if (message.type === 'run') void run(message.call, message.task, message.timeLeft, message.maxRequestBytes);
    else if (running?.call === message.call) running.runner.abort();
  });
  send({ type: 'ready' });
}

function sendOutcome(
  call: number,
  outcome: Outcome,
  send: (message: FromThread, transfer?: ArrayBuffer[]) => void,
): void {
  if (!('body' in outcome)) {
    const { code, message, data } = outcome;
    try {
      send({ type: 'done', call, result: { code, message, data } });
    } catch {
      send({ type: 'done', call, result: { code, message } }); // data that can't be cloned are no JSON either
    }
    return;
  }
  // a copy: the function may keep what it returned, and small Buffers are parts of one that many share
  const body = new Uint8Array(outcome.body);
  send({ type: 'done', call, result: { ...outcome, body } }, [body.buffer]);
}

/** Describes a thrown value for a log. */
function describe(error: unknown): { name: string; message: string; stack: string } {
  const text = (read: () => unknown): string => {
    try {
      return cut(String(read()), MAX_ERROR_TEXT);
    } catch {
      return '';
    }
  };
  const message = cut(describeThrown(error), MAX_ERROR_TEXT);
  if (!(typeof error === 'object' && error !== null)) return { name: 'Error', message, stack: '' };
  const { name, stack } = { name: () => (error as Error).name ?? 'Error', stack: () => (error as Error).stack ?? '' };
  return { name: text(name), message, stack: text(stack) };
}
