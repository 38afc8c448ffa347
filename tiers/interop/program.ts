import { type ChildProcess, spawn } from 'node:child_process';

/** A program and its arguments; `env` is added to the few variables that every program gets. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** How a program ended: its exit code, or the signal that killed it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();
// A test run that ends early leaves no program behind, even where a cleanup hook never came to its turn.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// The runner ends the files still under way with a signal, which alone would skip `exit`.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** Nothing of the caller's environment reaches a program (`PREFETCH`, `MAX_N`, …) but what any program needs. */
function bareEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(kept);
}

/** A child process whose output can be waited for. */
export class Program {
  readonly #child: ChildProcess;
  readonly #shown: string;
  readonly #closed: Promise<Exit>;
  #stdout = '';
  #stderr = '';
  #exit: Exit | undefined;
  #failure: Error | undefined;
  #onChange: (() => void)[] = [];

  constructor({ file, args, env }: Command) {
    this.#shown = [file, ...args].join(' ');
    this.#child = spawn(file, args, { env: { ...bareEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#changed(() => (this.#stdout += text)));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#changed(() => (this.#stderr += text)));
    this.#closed = new Promise((resolve) => {
      const end = (exit: Exit) => {
        running.delete(this.#child);
        this.#changed(() => (this.#exit = exit));
        resolve(exit);
      };
      this.#child.once('error', (error) => {
        this.#failure = error;
        end({ code: null, signal: null }); // it could not even be started
      });
      // `close`, not `exit`: by then everything it wrote has been read
      this.#child.once('close', (code, signal) => end({ code, signal }));
    });
  }

  #changed(change: () => void): void {
    change();
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const wake of waiting) wake();
  }

  /** Its standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Its standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** For assertion messages: the command and all it said. */
  get story(): string {
    return `${this.#failure ?? ''}$ ${this.#shown}\n${this.#stdout}${this.#stderr}`;
  }

  /** Resolves when stdout or stderr matches; rejects, with all it said, when it ends without that. */
  async said(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stdout) && !pattern.test(this.#stderr)) {
      if (this.#exit) throw new Error(`ended without saying ${pattern}: ${this.story}`);
      await new Promise<void>((wake) => this.#onChange.push(wake));
    }
  }

  /** Resolves when it has ended and all its output is read. */
  ended(): Promise<Exit> {
    return this.#closed;
  }

  /** Signals it, if it still runs, and resolves when it has ended. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!this.#exit) this.#child.kill(signal);
    return this.#closed;
  }
}
