import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { supervise } from './supervisor.ts';
import { whyUntrusted } from './trust.ts';

/** What a supervisor needs of our environment: to find programs, and Docker. Unmarked, even where we are marked ourselves. */
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
