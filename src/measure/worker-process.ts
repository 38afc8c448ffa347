import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { ChildQuestions } from './parent-questions.ts';
import type { Usage } from './usage.ts';

/** How long the worker may take until it consumes, in ms. */
const START_TIMEOUT = 20_000;

/** How long the worker may take to drain and exit, in ms; it is killed then. */
const STOP_TIMEOUT = 5_000;

/** What a worker says it did, when it stops. */
export interface WorkerTotals {
  readonly answered: number;
  readonly refused: number;
}

/** A worker in a process of its own. Disposing of it stops it. */
export interface WorkerProcess extends AsyncDisposable {
  /** Drains it and waits for its end. Resolves to its totals, or undefined if it told none; may be called again. */
  stop(): Promise<WorkerTotals | undefined>;
  /** What it uses; `dist/compare-worker.js` alone tells. */
  usage(options: { readonly collect: boolean }): Promise<Usage>;
}

/** What `dist/compare-worker.js` can be asked. */
export type WorkerAnswers = {
  readonly usage: (options: { readonly collect: boolean }) => Usage;
};

/** The worker's options are its flags, or defaults: what the environment says of them is for other workers. */
const NO_OPTIONS = { AMQP_URL_FILE: '', MAX_N: '', ALGORITHM: '', ALLOW_REPLY_TO: '', GRACE: '', LOG_REQUESTS: '' };

/**
 * Starts a worker and waits until it says that it consumes: `{"event":"consuming"}`, a JSON line on stderr. On SIGTERM it
 * is to say `{"event":"stopped","answered":N,"refused":N}` and exit. `dist/worker.js` with `--log json` does so, and
 * `dist/compare-worker.js`.
 * @param options.script the program's file
 * @param options.flags its arguments, the queue's name among them
 * @param options.nodeFlags Node's own; default: none
 * @param options.url its `AMQP_URL`
 * @param options.env put into its environment, over this process's
 * @param options.onEnd called with an error if it ends before `stop()`
 * @throws Error with what the worker said last; the signal's reason
 */
export async function startWorkerProcess(options: {
  readonly script: string;
  readonly flags: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onEnd: (error: Error) => void;
  readonly signal: AbortSignal;
}): Promise<WorkerProcess> {
  const { script, flags, nodeFlags = [], url, env, onEnd, signal } = options;
  const worker = spawn(process.execPath, [...nodeFlags, script, ...flags], {
    env: { ...process.env, ...NO_OPTIONS, ...env, AMQP_URL: url }, // no flag: anybody can read those, and the password
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true, // Ctrl-C in a terminal is for us; we then stop the worker
  });
  const questions = new ChildQuestions<WorkerAnswers>(worker);
  let lastWords = 'it said nothing';
  let totals: WorkerTotals | undefined;
  let stopping = false;
  const ended = new Promise<void>((resolve) => {
    worker.once('error', (error) => {
      lastWords = error.message; // it could not be started
      resolve();
    });
    worker.once('close', () => resolve());
  });
  const stop = async () => {
    stopping = true;
    worker.kill('SIGTERM');
    const kill = setTimeout(() => worker.kill('SIGKILL'), STOP_TIMEOUT);
    await ended;
    clearTimeout(kill);
    return totals;
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT)]);
  const consuming = new Promise<void>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the worker ${why}: ${lastWords}`));
    const onLimit = () => (signal.aborted ? reject(signal.reason) : fail('does not consume'));
    if (limit.aborted) onLimit();
    else limit.addEventListener('abort', onLimit, { once: true });
    void ended.then(() => fail('ended before it consumed'));
    readline.createInterface({ input: worker.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      const { event, detail, answered, refused } = parseRecord(line);
      lastWords = typeof detail === 'string' ? detail : line;
      if (event === 'consuming') resolve();
      if (event === 'stopped') totals = { answered: Number(answered), refused: Number(refused) };
    });
  });
  try {
    await consuming;
  } catch (error) {
    await stop();
    throw error;
  }
  void ended.then(() => {
    if (!stopping) onEnd(new Error(`the worker ended early: ${lastWords}`));
  });
  return {
    stop,
    usage: (what) => questions.ask('usage', what),
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

/** A line of the worker's log; nothing if it is no record, such as what Node says of a crash. */
function parseRecord(line: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
