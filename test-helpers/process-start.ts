import { existsSync, readFileSync } from 'node:fs';

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
