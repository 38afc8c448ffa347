import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { whyUntrusted } from './trust.ts';

/** The part of our environment that a supervisor needs to find programs, and Docker. It is unmarked, even where we are marked. */
function supervisorEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|HOME|DOCKER_.*)$/.test(name)));
}

/**
 * A folder, and processes marked as belonging to it, that do not outlive this process. A small supervisor process holds a
 * pipe to us; when the pipe ends, because we disposed of the guard or because we died (SIGKILL included), it stops every
 * marked process and removes the folder.
 */
export class Guard implements AsyncDisposable {
  /** The folder, made for this guard, accessible to nobody else. */
  readonly folder: string;
  /** Start a process with this in its environment, and the guard covers it and all its descendants. */
  readonly env: Readonly<Record<string, string>>;
  readonly #supervisor: ChildProcess;

  /**
   * Makes a folder below `parent` (default: the system's temporary folder) and starts its supervisor.
   * @throws an Error if another user may put something else in the folder's place
   */
  static async start(parent = os.tmpdir()): Promise<Guard> {
    const untrusted = whyUntrusted(parent, { shared: true });
    if (untrusted !== undefined) throw new Error(`no temporary folder can be made in ${parent}: ${untrusted}`);
    // all in one go: if we died in between, the folder would stay
    const folder = mkdtempSync(path.join(parent, 'fib-worker-'));
    const program = path.join(folder, 'supervisor.cjs');
    const source = `(${supervise.toString()})(require('node:fs'), require('node:child_process'), __dirname);\n`;
    writeFileSync(program, source);
    // detached: Ctrl-C in a terminal signals the whole foreground group
    const supervisor = spawn(process.execPath, [program], {
      cwd: '/',
      detached: true,
      env: supervisorEnv(),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      await once(supervisor, 'spawn');
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return new Guard(folder, supervisor);
  }

  private constructor(folder: string, supervisor: ChildProcess) {
    this.folder = folder;
    this.env = { FIB_WORKER_GUARD: folder };
    this.#supervisor = supervisor;
    supervisor.stdin?.on('error', () => {}); // the supervisor was killed: dispose() then has nobody to tell
    // a guard that nobody disposes of must not keep its process running
    supervisor.unref();
  }

  /** Has a program run when this guard ends, however that is, after the marked processes. It gets 30 s. */
  atEnd(program: string, ...args: string[]): void {
    appendFileSync(path.join(this.folder, 'at-end'), `${JSON.stringify([program, ...args])}\n`);
  }

  /** Resolves when the marked processes and the folder are gone; the processes get 8 s after SIGTERM. */
  async [Symbol.asyncDispose](): Promise<void> {
    const supervisor = this.#supervisor;
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) return;
    supervisor.ref();
    const exited = once(supervisor, 'exit');
    supervisor.stdin?.end();
    await exited;
  }
}

/**
 * The program of a guard's supervisor process. Its source is written into the guard's folder, so it uses nothing but its
 * parameters: two of Node's modules, and the folder that names the guard.
 */
function supervise(
  fs: typeof import('node:fs'),
  childProcess: typeof import('node:child_process'),
  folder: string,
): void {
  const mark = `FIB_WORKER_GUARD=${folder}`;

  /** Everything that was started with the mark, and its descendants: epmd and the like leave the process group. */
  const marked = (): number[] => {
    if (!fs.existsSync('/proc/self/environ')) {
      const { stdout } = childProcess.spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8' });
      const lines = (stdout ?? '').split('\n').filter((line) => line.split(' ').includes(mark));
      return lines.map((line) => Number.parseInt(line, 10));
    }
    const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    const found = pids.filter((pid) => {
      try {
        // empty for a process that has exited and was not reaped yet
        return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark);
      } catch {
        return false; // gone meanwhile, or another user's
      }
    });
    return found.map(Number);
  };

  const signalAll = (signal: NodeJS.Signals): number => {
    const pids = marked();
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // gone meanwhile
      }
    }
    return pids.length;
  };

  /** The commands to run in the end. */
  const commands = (): string[][] => {
    try {
      const lines = fs.readFileSync(`${folder}/at-end`, 'utf8').split('\n');
      return lines.filter(Boolean).map((line) => JSON.parse(line) as string[]);
    } catch {
      return []; // none
    }
  };

  const finish = async (): Promise<void> => {
    const killAt = Date.now() + 8_000;
    signalAll('SIGTERM');
    // Twice in a row none: a process on its way from fork to exec does not carry the mark yet.
    for (let empty = 0; empty < 2; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const left = Date.now() < killAt ? marked().length : signalAll('SIGKILL');
      empty = left === 0 ? empty + 1 : 0;
    }
    for (const [program = '', ...args] of commands()) {
      childProcess.spawnSync(program, args, { stdio: 'ignore', timeout: 30_000 });
    }
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    process.exit();
  };

  // It ends when the pipe does, not before.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.stdin.on('close', () => void finish()).on('error', () => {});
  process.stdin.resume();
}
