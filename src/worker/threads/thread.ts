import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import type { FromThread, ToThread } from './messages.ts';

/** The name by which a new thread finds its line, until it has taken it. */
const LINE = 'fib-worker:line';

/** A thread's line to the worker. */
export interface ThreadLine {
  readonly port: MessagePort;
  /** Shared with the worker: the number of the last call that the thread has begun, which it writes here before it begins. */
  readonly begun: Int32Array;
}

/**
 * The thread's end of its line. Nobody listens on `parentPort`, where any function or library can post. To be
 * taken before any of the function's code is loaded: it is there once.
 */
export function takeLine(): ThreadLine {
  const data = workerData as { [LINE]?: ThreadLine } | null;
  const line = data?.[LINE];
  if (!data || !line) throw new Error('this is no thread of a worker, or its line was taken already');
  delete data[LINE];
  return line;
}

/** The script that threads are made from. */
export interface ThreadScript {
  /** The file that calls `serveThread`. */
  readonly file: string;
  /** Its command line. */
  readonly argv: readonly string[];
  /** The heap that it may fill, in MiB. */
  readonly heapMegabytes: number;
}

/** Why a thread ended without having been told to. */
export interface ThreadEnd {
  readonly outOfMemory: boolean;
  /** The error that nobody caught in the thread, or one that says that it called `process.exit`. */
  readonly error: Error;
}

/** Is told of a thread's life. */
export interface ThreadListener {
  onMessage(message: FromThread): void;
  /** Called once, when a message came that no thread of ours sends. */
  onMisfit(what: string): void;
  /** Called once, when nothing of it is left; `end` is undefined after {@link Thread.end}. */
  onEnd(end: ThreadEnd | undefined): void;
}

/** One worker thread. */
export class Thread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #begun = new Int32Array(new SharedArrayBuffer(4));
  #ending = false;

  constructor({ file, argv, heapMegabytes }: ThreadScript, listener: ThreadListener) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(file, {
      argv: [...argv],
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
      workerData: { [LINE]: { port: port2, begun: this.#begun } },
      transferList: [port2],
    });
    let misfits = 0;
    const onMisfit = (what: string) => {
      if (misfits++ === 0) listener.onMisfit(what);
    };
    const onMessage = (message: unknown) => {
      // what it still said while it was being ended: nobody may take it for free now
      if (this.#ending) return;
      if (isFromThread(message)) listener.onMessage(message);
      else onMisfit('something that is no message of a thread');
    };
    let error: unknown;
    port1.on('message', onMessage);
    this.#worker.on('message', () => onMisfit('something on parentPort, where nobody listens'));
    this.#worker.on('messageerror', () => onMisfit('something on parentPort that can not be read'));
    port1.on('messageerror', () => onMisfit('something that can not be read'));
    this.#worker.on('error', (thrown) => {
      error = thrown;
    });
    this.#worker.on('exit', (code) => {
      for (let last = receiveMessageOnPort(port1); last; last = receiveMessageOnPort(port1)) onMessage(last.message);
      port1.close();
      listener.onEnd(this.#ending ? undefined : describeEnd(error, code));
    });
  }

  /** Whether it has begun this call; the calls of a thread have rising numbers. */
  hasBegun(call: number): boolean {
    return Atomics.load(this.#begun, 0) === (call | 0); // as 32 bits hold it
  }

  /** Sends a message; what is in `transfer` is gone from here. */
  send(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Ends it, even if it is busy. A thread that blocks in native code ends when that returns. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }
}

function isFromThread(message: unknown): message is FromThread {
  if (typeof message !== 'object' || message === null) return false;
  const { type, call, result } = message as Record<string, unknown>;
  if (type === 'done') return typeof call === 'number' && typeof result === 'object' && result !== null;
  return type === 'ready' || type === 'event' || type === 'threw';
}

function describeEnd(error: unknown, code: number): ThreadEnd {
  if (error === undefined) {
    return { outOfMemory: false, error: new Error(`the thread ended itself (process.exit, code ${code})`) };
  }
  const thrown =
    error instanceof Error ? error : new Error(`the thread ended with what nobody caught: ${String(error)}`);
  return { outOfMemory: 'code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY', error: thrown };
}
