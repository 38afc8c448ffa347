import { existsSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * When a process started, in ticks since boot, so that another one of the same id is not taken for it; '' where there is no
 * /proc to tell, and undefined when it is gone.
 */
export function processStart(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) return isRunning(pid) ? '' : undefined;
  try {
    // proc_pid_stat(5): fields 3 and 22; the second, the name in brackets, may hold anything
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return fields[0] === 'Z' ? undefined : fields[19]; // Z: it has ended, and nobody has asked how
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether the process that ran this test file had ended before the file began to look: its parent is then whoever takes in
 * orphans, mostly process 1, and no Node. (In a container `node --test` itself may be process 1.)
 */
export function isOrphan(): boolean {
  if (!process.env.NODE_TEST_CONTEXT) return false; // started by itself
  if (!existsSync('/proc/self/exe')) return process.ppid === 1;
  try {
    if (process.ppid === 1) return !/\0--test(-|\0|$)/.test(readFileSync('/proc/1/cmdline', 'latin1'));
    return readlinkSync(`/proc/${process.ppid}/exe`) !== readlinkSync('/proc/self/exe');
  } catch {
    return process.ppid === 1; // another user's, or one that can't be looked at
  }
}
