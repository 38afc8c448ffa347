import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The state of a TCP socket that listens, in /proc/net/tcp. */
const LISTENS = '0A';

/**
 * The processes of this machine that listen on one of these ports, as far as we may look at them; none where there is no
 * /proc.
 * @see https://man7.org/linux/man-pages/man5/proc_net.5.html
 */
export function listeners(ports: readonly number[]): number[] {
  try {
    const wanted = new Set(ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')));
    const inodes = new Set(
      ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
        readFileSync(file, 'latin1')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local = '', , state]) => state === LISTENS && wanted.has(local.split(':')[1] ?? ''))
          .map((fields) => `socket:[${fields[9]}]`),
      ),
    );
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => filesOf(pid).some((file) => inodes.has(file)))
      .map(Number);
  } catch {
    return [];
  }
}

function filesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // another user's, or gone
  }
}

/** The processor time of all threads of these processes until now, in µs; undefined where it is not told. */
export function processorTimeOf(pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined;
  try {
    const threads = pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((id) => `/proc/${pid}/task/${id}`));
    // its first number: time on the processor, in ns; https://docs.kernel.org/scheduler/sched-stats.html
    return (
      threads.reduce((sum, thread) => sum + Number.parseInt(readFileSync(`${thread}/schedstat`, 'latin1'), 10), 0) /
      1_000
    );
  } catch {
    return undefined;
  }
}
