import { spawn } from 'node:child_process';
import readline from 'node:readline';
import type { GivenDelay } from './delay-proxy.ts';
import type { Endpoint } from './loopback.ts';

/** How long the process may take until it listens, or ends, in ms. */
const LIMIT = 10_000;

/** A {@link DelayProxy} in a process of its own, so that its timers don't wait for this one's work. Disposing stops it. */
export interface DelayProcess extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Ends it. Resolves to what it really gave, or undefined if it did not say; may be called again. */
  stop(): Promise<GivenDelay | undefined>;
}

/**
 * Starts `dist/compare-proxy.js` and waits until it listens. It ends with this process, however that ends.
 * @param options.rtt in ms
 * @param options.onEnd called with an error if it ends before `stop()`
 * @throws Error with what it said last; the signal's reason
 */
export async function startDelayProcess(options: {
  readonly script: string;
  readonly to: Endpoint;
  readonly rtt: number;
  readonly onEnd: (error: Error) => void;
  readonly signal: AbortSignal;
}): Promise<DelayProcess> {
  const { script, to, rtt, onEnd, signal } = options;
  signal.throwIfAborted();
  const child = spawn(process.execPath, [script, '--to', `${to.hostname}:${to.port}`, '--rtt', String(rtt)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // Ctrl-C in a terminal is for us; what goes through the proxy then ends in order
  });
  let lastWords = 'it said nothing';
  let given: GivenDelay | undefined;
  let stopping = false;
  child.stdin.on('error', () => {}); // it ended before we did
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      lastWords = error.message; // it could not be started
      resolve();
    });
    child.once('close', () => resolve());
  });
  const stop = async () => {
    stopping = true;
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), LIMIT);
    await ended;
    clearTimeout(kill);
    return given;
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT)]);
  const listening = new Promise<number>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the proxy for --rtt ${why}: ${lastWords}`));
    limit.addEventListener('abort', () => (signal.aborted ? reject(signal.reason) : fail('does not listen')), {
      once: true,
    });
    void ended.then(() => fail('ended before it listened'));
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      lastWords = line;
    });
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as { readonly port?: number; readonly given?: GivenDelay };
      if (said.port !== undefined) resolve(said.port);
      given = said.given;
    });
  });
  let port: number;
  try {
    port = await listening;
  } catch (error) {
    await stop();
    throw error;
  }
  void ended.then(() => {
    if (!stopping) onEnd(new Error(`the proxy for --rtt ended early: ${lastWords}`));
  });
  return { port, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}
