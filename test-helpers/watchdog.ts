// Every test file imports this first. It keeps a run from hanging: when the file ends, however it ends, all that its tests
// left running ends as well; and a file that shows no sign of life for long is ended, with all of that, and said to be. Signs
// of life are tests that begin and end, and what programs under test write: there is no limit on how long a file may take.
import { spawn } from 'node:child_process';
import { afterEach, beforeEach } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { isOrphan } from './process-start.ts';

/** Set in all that a test file starts: by this, what is left of a file is found. */
export const MARK = 'FIB_WORKER_TEST_FILE';

let tell: (line: string) => void = () => {};

/** Says that something goes on. */
export function signOfLife(): void {
  tell('');
}

type Named = Parameters<NonNullable<Parameters<typeof beforeEach>[0]>>[0];
const nameOf = (t: Named) => ('fullName' in t ? t.fullName : t.name);

// not in what a test file started, even if that runs the file itself
if (isMainThread && process.env[MARK] === undefined) {
  const name = `${process.pid}-${Date.now()}`;
  process.env[MARK] = name;
  const watcher = spawn(
    process.execPath,
    [
      new URL('watchdog-process.mjs', import.meta.url).pathname,
      `${MARK}=${name}`,
      String(process.pid),
      process.argv[1] ?? '',
    ],
    {
      detached: true, // Ctrl-C in a terminal is for everybody in the foreground
      env: { SILENCE: process.env.FIB_WORKER_TEST_SILENCE },
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  watcher.unref();
  watcher.stdin.on('error', () => {});
  (watcher.stdin as typeof watcher.stdin & { unref(): void }).unref();
  let last = 0;
  tell = (line) => {
    if (!line && Date.now() - last < 1_000) return;
    last = Date.now();
    watcher.stdin.write(`${line}\n`);
  };
  beforeEach((t) => tell(`+${nameOf(t)}`));
  afterEach((t) => tell(`-${nameOf(t)}`));
  // without the process that runs the files nobody hears of this one, and what the run shares would be kept for nobody
  if (isOrphan()) {
    console.error(`✖ ${process.argv[1]}: the process that ran this file has ended, and so does the file`);
    process.kill(process.pid, 'SIGKILL');
  }
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGKILL'), 1_000).unref();
}
