import os from 'node:os';
import { run } from '../src/rabbitmq/run.ts';
import { processStart } from './process-start.ts';

/** The label of what belongs to a process: see {@link ownerLabels}. */
const OWNER = 'fib-worker.owner';

/**
 * Labels for containers, networks and volumes that are to end with this process. If it is killed, {@link removeLeftovers} of a later
 * process removes them.
 */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER]: JSON.stringify([os.hostname(), process.pid, processStart(process.pid)]) };
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
    const [host, pid, start] = JSON.parse(label) as [string, number, string];
    return host === os.hostname() && processStart(pid) !== start;
  } catch {
    return false; // not one of our labels
  }
}
