import { Worker } from 'node:worker_threads';
import type { FromThread, ToThread } from './messages.ts';

/** What threads are made from. */
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
  /** What nobody caught in the thread, or that it called `process.exit`. */
  readonly error: Error;
}

/** Who hears of a thread. */
export interface ThreadListener {
  onMessage(message: FromThread): void;
  /** Once, when nothing of it is left; undefined after {@link Thread.end}. */
  onEnd(end: ThreadEnd | undefined): void;
}

/** One worker thread. */
export class Thread {
  readonly #worker: Worker;
  #ending = false;

  constructor({ file, argv, heapMegabytes }: ThreadScript, listener: ThreadListener) {
    this.#worker = new Worker(file, {
      argv: [...argv],
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    });
    let error: unknown;
    this.#worker.on('message', (message: FromThread) => {
      // what it still said while it was being ended: nobody may take it for free now
      if (!this.#ending) listener.onMessage(message);
    });
    this.#worker.on('error', (thrown) => {
      error = thrown;
    });
    this.#worker.on('exit', (code) => listener.onEnd(this.#ending ? undefined : describeEnd(error, code)));
  }

  /** Sends a message; what is in `transfer` is gone from here. */
  send(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Ends it, whatever it does. What blocks in native code is only ended when that returns. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }
}

function describeEnd(error: unknown, code: number): ThreadEnd {
  if (error === undefined) {
    return { outOfMemory: false, error: new Error(`the thread ended itself (process.exit, code ${code})`) };
  }
  const thrown =
    error instanceof Error ? error : new Error(`the thread ended with what nobody caught: ${String(error)}`);
  return { outOfMemory: 'code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY', error: thrown };
}
