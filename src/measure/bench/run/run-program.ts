import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** How long a program may take, in ms. */
const LIMIT = 20_000;

/** A program to be timed. */
export interface Program {
  /** Node's arguments, the script among them. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

function start({ args, env }: Program, stdio: 'stdout' | 'stderr'): ChildProcess {
  return spawn(process.execPath, args, {
    env: { ...process.env, AMQP_URL_FILE: '', LOG: 'json', ...env },
    stdio: ['ignore', stdio === 'stdout' ? 'pipe' : 'ignore', stdio === 'stderr' ? 'pipe' : 'ignore'],
    detached: true, // Ctrl-C in a terminal is for us
  });
}

/** Collects what a program writes, until it writes what is waited for or ends. */
function written(child: ChildProcess, from: 'stdout' | 'stderr', pattern: RegExp, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (why: string) => reject(new Error(`${child.spawnargs.slice(1).join(' ')}: ${why}; it wrote: ${text}`));
    const limit = setTimeout(() => fail(`not within ${LIMIT} ms`), LIMIT);
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const done = () => {
      clearTimeout(limit);
      signal.removeEventListener('abort', onAbort);
    };
    child[from]?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (!pattern.test(text)) return;
      done();
      resolve();
    });
    child.once('error', (error) => fail(error.message));
    child.once('close', () => {
      done();
      fail('it ended too early');
    });
  });
}

/**
 * Runs a program to its end; resolves to how long that took, in ms, from exec to exit.
 * @param prints what it has to write on stdout
 * @throws Error if it writes anything else, or fails
 */
export async function timeToExit(program: Program, prints: RegExp): Promise<number> {
  program.signal.throwIfAborted();
  const began = performance.now();
  const child = start(program, 'stdout');
  const exited = once(child, 'exit').then(([code]) => ({ code, took: performance.now() - began }));
  exited.catch(() => {}); // `written` says why
  try {
    await written(child, 'stdout', prints, program.signal);
    const { code, took } = await exited;
    if (code !== 0) throw new Error(`${program.args.join(' ')}: it ended with ${String(code)}`);
    return took;
  } finally {
    child.kill('SIGKILL');
  }
}

/** A program that runs until it is disposed of, and is killed then. */
export interface Started extends AsyncDisposable {
  /** From exec until it wrote what was waited for, in ms. */
  readonly took: number;
  /** The memory that it occupies, in MB; undefined where the system has no /proc. */
  rss(): number | undefined;
}

/**
 * Starts a program and waits until it says that it is ready.
 * @param says what it writes on stderr then
 * @throws Error with what it wrote, if it ends first
 */
export async function timeToReady(program: Program, says: RegExp): Promise<Started> {
  program.signal.throwIfAborted();
  const began = performance.now();
  const child = start(program, 'stderr');
  const ended = once(child, 'close').catch(() => {});
  const end = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await written(child, 'stderr', says, program.signal);
  } catch (error) {
    await end();
    throw error;
  }
  return { took: performance.now() - began, rss: () => residentMemory(child.pid), [Symbol.asyncDispose]: end };
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function residentMemory(pid: number | undefined): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kilobytes === undefined ? undefined : (Number(kilobytes) * 1024) / 1e6;
  } catch {
    return undefined;
  }
}
