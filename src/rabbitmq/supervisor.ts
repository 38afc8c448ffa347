/**
 * What a guard's supervisor process runs. Its source is written into the guard's folder, so it uses nothing but its
 * parameters: two of Node's modules, and the folder that names the guard.
 */
export function supervise(
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

  /** What is to be run in the end, a command a line. */
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
