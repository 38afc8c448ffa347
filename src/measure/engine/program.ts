import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processorTimeOf } from './broker-processes.ts';

/** How long a program may take until it says what is waited for, in ms. */
const START_TIMEOUT = 20_000;

/** How long it may take to end once it was asked to, in ms; it is killed then. */
const STOP_TIMEOUT = 5_000;

/** How much of what it wrote is kept, in characters. */
const KEPT = 2_000;

/** A program to be started as a whole. */
export interface ProgramStart {
  /** Default: this Node. */
  readonly file?: string;
  readonly args: readonly string[];
  /** Put into its environment, over this process's; a password belongs here and into no argument, which anybody can read. */
  readonly env: Readonly<Record<string, string>>;
  /** The text that it writes, on either stream, when it is ready or has answered. */
  readonly says: RegExp;
  /** How long it may take until it says so, in ms; default 20 s. */
  readonly within?: number;
  /** Written to its standard input, which then stays open; default: there is no input. */
  readonly input?: string;
  /** Whether nobody reads its standard output. */
  readonly unread?: boolean;
  /** Called if it ends before `stop()`, once it was ready. */
  readonly onEnd?: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** A program that said what was waited for. */
export interface Started extends AsyncDisposable {
  /** From exec until it said so, in ms. */
  readonly took: number;
  /** Resolves to how long it took from exec until it ended by itself, in ms. @throws Error unless it exited with 0 */
  readonly ended: Promise<number>;
  /** The memory that it occupies, in bytes; undefined where the system has no /proc. */
  rss(): number | undefined;
  /** The most memory that it has occupied until now, in bytes; undefined where the system has no /proc. */
  peakRss(): number | undefined;
  /** The processor time that it has used until now, in µs; undefined where the system has no /proc. */
  cpu(): number | undefined;
  /** How much of its standard output waits here for a reader, in bytes. */
  unreadBytes(): number;
  /** Ends it, by force if it takes too long. */
  stop(): Promise<void>;
}

/** Variables of the environment that are meant for other workers, emptied. */
const NO_OPTIONS = { AMQP_URL_FILE: '', MAX_N: '', ALGORITHM: '', ALLOW_REPLY_TO: '', GRACE: '', LOG_REQUESTS: '' };

/**
 * Starts a program and waits until it says that it is ready.
 * @throws Error with what it wrote, if it ends first or takes too long; the signal's reason
 */
export async function startProgram(start: ProgramStart): Promise<Started> {
  const { file = process.execPath, args, env, says, within = START_TIMEOUT, input, unread, onEnd, signal } = start;
  signal.throwIfAborted();
  const began = performance.now();
  const child = spawn(file, args, {
    env: { ...process.env, ...NO_OPTIONS, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true, // Ctrl-C in a terminal is for us
  });
  let wrote = '';
  let failure: string | undefined;
  let isReady = false;
  let stopping = false;
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      failure = error.message; // it could not be started
      resolve();
    });
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('exit', (code, by) => {
      if (code === 0) resolve(performance.now() - began);
      else reject(new Error(`${shown(args)}: it ended with ${code ?? by}; it wrote: ${wrote}`));
    });
  });
  ended.catch(() => {}); // for those who wait for it
  const stop = async () => {
    stopping = true;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
    await closed;
    clearTimeout(kill);
  };
  const ready = new Promise<number>((resolve) => {
    const read = (text: string) => {
      wrote = (wrote + text).slice(-KEPT);
      if (isReady || !says.test(wrote)) return;
      isReady = true;
      resolve(performance.now() - began);
    };
    for (const stream of unread ? [child.stderr] : [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', read);
    }
  });
  child.stdin?.on('error', () => {}); // that it has ended is told
  child.stdin?.write(input ?? '');
  const limit = new AbortController();
  try {
    const took = await Promise.race([
      ready,
      closed.then(() => {
        throw new Error(`${shown(args)}: it ended too early; it wrote: ${failure ?? wrote}`);
      }),
      delay(within, undefined, { signal: AbortSignal.any([signal, limit.signal]) }).then(
        () => {
          throw new Error(`${shown(args)}: not within ${within} ms; it wrote: ${wrote}`);
        },
        () => {
          throw signal.reason;
        },
      ),
    ]);
    void closed.then(() => {
      if (!stopping) onEnd?.(new Error(`${shown(args)} ended early: ${wrote.trim().split('\n').at(-1)}`));
    });
    return {
      took,
      ended,
      rss: () => memory(child.pid, 'VmRSS'),
      peakRss: () => memory(child.pid, 'VmHWM'),
      cpu: () => (child.pid === undefined ? undefined : processorTimeOf([child.pid])),
      unreadBytes: () => child.stdout?.readableLength ?? 0,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    limit.abort();
  }
}

function shown(args: readonly string[]): string {
  return args.join(' ').slice(0, 200);
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function memory(pid: number | undefined, name: 'VmRSS' | 'VmHWM'): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
