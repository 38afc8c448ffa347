import { readFileSync } from 'node:fs';
import os from 'node:os';
import { run } from '../src/rabbitmq/run.ts';

/** The label of what belongs to a process: see {@link ownerLabels}. */
const OWNER = 'fib-worker.owner';

/**
 * Labels for containers, networks and volumes that are to end with this process. If it is killed, {@link removeLeftovers} of a later
 * process removes them.
 */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER]: JSON.stringify([os.hostname(), process.pid, startOf(process.pid)]) };
}

/** Removes containers, networks and volumes whose process on this machine is gone; gives the containers' ids. */
export async function removeLeftovers(): Promise<string[]> {
  const containers = await leftOver(
    'container',
    'ls',
    '--all',
    '--no-trunc',
    '--format',
    `{{.ID}} {{.Label "${OWNER}"}}`,
  );
  // somebody else may be removing the same: what is gone in the end counts
  for (const id of containers) await docker('rm', '--force', '--volumes', id).catch(() => {});
  for (const kind of ['network', 'volume']) {
    const name = kind === 'volume' ? 'Name' : 'ID';
    for (const one of await leftOver(kind, 'ls', '--format', `{{.${name}}} {{.Label "${OWNER}"}}`))
      await docker(kind, 'rm', one).catch(() => {});
  }
  return containers;
}

/** The ids of those that a docker command lists, each with its label. */
async function leftOver(...list: string[]): Promise<string[]> {
  const lines = (await docker(...list, '--filter', `label=${OWNER}`)).split('\n').filter(Boolean);
  return lines.filter((line) => isLeftOver(line.slice(line.indexOf(' ') + 1))).map((line) => line.split(' ')[0] ?? '');
}

function docker(...args: string[]): Promise<string> {
  return run('docker', args, { env: process.env });
}

function isLeftOver(label: string): boolean {
  try {
    const [host, pid, start] = JSON.parse(label) as [string, number, string | undefined];
    return host === os.hostname() && !(isRunning(pid) && startOf(pid) === start);
  } catch {
    return false; // not one of our labels
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since boot, so that another one of the same id is not taken for it; '' where there is no /proc. */
function startOf(pid: number): string {
  try {
    // proc_pid_stat(5): field 22; the second, the name in brackets, may hold anything
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
