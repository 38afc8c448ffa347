import type { ReplyError } from '../../protocol/reply.ts';
import { cut, describeThrown } from '../../protocol/text.ts';
import type { WorkerEvent } from '../events.ts';
import { cancelledByCaller, FunctionRunner, type Outcome, type RunnerSettings } from '../function-runner.ts';
import { boundedCopy, ThreadLogLimit } from './bounds.ts';
import type { FromThread, ThreadReply, ThreadTask, ToThread } from './messages.ts';
import type { ThreadLine } from './thread.ts';

export { takeLine } from './thread.ts';

/** Of an error, in UTF-16 units each: its message, and its stack. */
const MAX_ERROR_TEXT = 8_000;

/** A function that threads run. */
export type ThreadFunction = Pick<RunnerSettings, 'handler' | 'contentType' | 'functionOptions'>;

/**
 * The thread's side: runs what a {@link ThreadPool} sends, one task at a time.
 * @param line from `takeLine()`
 * @param functions in the order in which the pool numbers them
 */
export function serveThread({ port, begun }: ThreadLine, functions: readonly ThreadFunction[]): void {
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  let running: { readonly call: number; readonly runner: FunctionRunner } | undefined;
  const limit = new ThreadLogLimit((event) => send({ type: 'event', call: 0, event }));
  const tell = (call: number, event: WorkerEvent): void => {
    if (event.type === 'handler-failed') {
      const { error, correlationId, traceparent } = event;
      send({ type: 'threw', call, ...describe(error), ids: { correlationId, traceparent } });
    } else if (event.type !== 'log') send({ type: 'event', call, event });
    else if (limit.admits()) send({ type: 'event', call, event: boundedCopy(event) as WorkerEvent });
  };
  const run = async (call: number, task: ThreadTask, timeLeft: number | undefined) => {
    const called = functions[task.function];
    if (!called) throw new Error(`there is no function ${task.function} in this thread`);
    const expires = timeLeft === undefined ? undefined : performance.now() + timeLeft;
    const { buffer, byteOffset, byteLength } = task.body;
    const runner = new FunctionRunner({
      ...called,
      maxRequestBytes: task.maxRequestBytes,
      maxReplyBytes: () => Number.POSITIVE_INFINITY, // the worker looks at that
      tell: (event) => tell(call, event),
    });
    running = { call, runner };
    Atomics.store(begun, 0, call);
    const run = runner.run({ ...task, body: Buffer.from(buffer, byteOffset, byteLength) }, expires);
    const result = resultOf('outcome' in run ? await run.outcome : run);
    // a rejection that nobody caught ends the thread before that, and costs this call, not the next one
    setImmediate(() => sendResult(call, result, send));
  };
  port.on('message', (message: ToThread) => {
    if (message.type === 'run') void run(message.call, message.task, message.timeLeft);
    else if (running?.call === message.call) running.runner.abort(message.cancelled ? cancelledByCaller() : undefined);
  });
  send({ type: 'ready' });
}

/** An outcome as it is sent. Its body is a copy: the function may keep what it returned, and small Buffers are parts of one that many share. */
function resultOf(outcome: Outcome): ThreadReply | ReplyError {
  if (!('body' in outcome)) return outcome;
  const { body, contentType, headers } = outcome;
  return { body: new Uint8Array(body), contentType, headers };
}

function sendResult(
  call: number,
  result: ThreadReply | ReplyError,
  send: (message: FromThread, transfer?: ArrayBuffer[]) => void,
): void {
  if ('body' in result) {
    send({ type: 'done', call, result }, [result.body.buffer]);
    return;
  }
  try {
    send({ type: 'done', call, result });
  } catch {
    const { data: _, ...rest } = result; // data that can't be cloned are no JSON either
    send({ type: 'done', call, result: rest });
  }
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
