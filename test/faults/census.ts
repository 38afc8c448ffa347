import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateBroker } from '../../src/broker/broker.ts';

/** What a broker holds at one moment. */
export interface Census {
  readonly connections: number;
  readonly channels: number;
  /** Messages by queue, those that were delivered and not acked included. */
  readonly queues: Readonly<Record<string, number>>;
}

/** Asks the broker what it holds, by `rabbitmqctl`. */
export async function census(broker: PrivateBroker): Promise<Census> {
  const list = async (what: string, ...columns: string[]) => {
    const lines = (await broker.ctl('--silent', '--no-table-headers', what, ...columns)).split('\n');
    return lines.filter(Boolean).map((line) => line.split('\t'));
  };
  const [connections, channels, queues] = await Promise.all([
    list('list_connections', 'pid'),
    list('list_channels', 'pid'),
    list('list_queues', 'name', 'messages'),
  ]);
  const counts = queues.map(([name, messages]) => [name, Number(messages)]);
  return { connections: connections.length, channels: channels.length, queues: Object.fromEntries(counts) };
}

/** What keeps this process running, by kind: sockets, timers, pipes. */
export function openResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Asks `findings` until there are none, `limit` ms at most, and gives those that stayed. */
export async function remaining(
  findings: () => string[] | Promise<string[]>,
  limit = 30_000,
): Promise<readonly string[]> {
  for (const giveUpAt = performance.now() + limit; ; await sleep(100)) {
    const found = await findings();
    if (found.length === 0 || performance.now() > giveUpAt) return found;
  }
}

/** What is there now and was not before. */
export function grown(before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): string[] {
  return Object.entries(now)
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${kind} ${before[kind] ?? 0} → ${count}`);
}
