import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why processes can't be looked at here, for a test's `skip`; false where they can. */
export const noProcesses = existsSync('/proc/self/environ') ? false : 'needs /proc, to look for processes';

/** The processes that a guard's folder marks, each as its command line. */
export function processesOf(folder: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (!environment.split('\0').includes(`FIB_WORKER_GUARD=${folder}`)) continue;
      found.push(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '));
    } catch {
      // gone meanwhile, or another user's
    }
  }
  return found;
}

/** How long a condition may take to hold, in ms: no test depends on it, it only ends a hopeless wait. */
const HOPELESS = 240_000;

/** Waits until a condition holds, however slow the machine; a wait without hope fails, naming it. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + HOPELESS; !(await holds()); await sleep(50))
    if (Date.now() > giveUpAt) throw new Error(`not within ${HOPELESS / 1_000} s: ${what}`);
}
