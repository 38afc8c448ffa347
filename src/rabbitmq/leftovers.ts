import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Engine } from './engine.ts';

/** The label of what belongs to a process: see {@link ownerLabels}. */
const OWNER = 'fib-worker.owner';

/**
 * Labels for containers, networks and volumes that are to end with this process. If it is killed, and testcontainers' own Ryuk is
 * switched off or can't be had, {@link removeLeftovers} of a later process removes them.
 */
export function ownerLabels(): Readonly<Record<string, string>> {
  return { [OWNER]: JSON.stringify([os.hostname(), process.pid, startOf(process.pid)]) };
}

/** Removes containers, networks and volumes whose process on this machine is gone; gives the containers' ids. */
export async function removeLeftovers({ container: { dockerode } }: Engine): Promise<string[]> {
  const filters = { label: [OWNER] };
  const containers = (await dockerode.listContainers({ all: true, filters })).filter(isLeftOver);
  // somebody else may be removing the same: what is gone in the end counts
  for (const { Id } of containers) await dockerode.getContainer(Id).remove({ force: true, v: true }).catch(ignoreGone);
  const networks = (await dockerode.listNetworks({ filters })).filter(isLeftOver);
  for (const { Id } of networks) await dockerode.getNetwork(Id).remove().catch(ignoreGone);
  const { Volumes } = await dockerode.listVolumes({ filters });
  for (const { Name } of (Volumes ?? []).filter(isLeftOver)) await dockerode.getVolume(Name).remove().catch(ignoreGone);
  return containers.map(({ Id }) => Id);
}

function isLeftOver({ Labels }: { Labels?: Record<string, string> | undefined }): boolean {
  try {
    const [host, pid, start] = JSON.parse(Labels?.[OWNER] ?? '') as [string, number, string | undefined];
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

/** 404: it is gone; 409: somebody else is removing it. */
function ignoreGone(error: { statusCode?: number }): void {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
}
