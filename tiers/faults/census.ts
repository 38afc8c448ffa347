import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';

/** All that a broker holds at one moment. */
export interface Census {
  readonly connections: number;
  readonly channels: number;
  /** Messages by queue, those that were delivered and not acked included. */
  readonly queues: Readonly<Record<string, number>>;
}

/** The Erlang that lists connections, channels and queues by one run of `rabbitmqctl` in place of three. */
const EVERYTHING = `
  Queues = [io_lib:format("~ts ~b~n", [element(4, proplists:get_value(name, Queue)), proplists:get_value(messages, Queue)])
            || Queue <- rabbit_amqqueue:info_all(<<"/">>, [name, messages])],
  Sizes = [length(rabbit_networking:connections()), length(rabbit_channel:list())],
  io:format("~b ~b~n~ts.~n", Sizes ++ [Queues]).`;

/** Asks the broker what it holds. */
export async function census(broker: PrivateBroker): Promise<Census> {
  const answer = await broker.ctl('eval', EVERYTHING);
  const [sizes = '', ...queues] = answer.slice(0, answer.lastIndexOf('.\n')).trimEnd().split('\n');
  const [connections = Number.NaN, channels = Number.NaN] = sizes.split(' ').map(Number);
  const counts = queues.map((line) => line.split(' ')).map(([name, messages]) => [name, Number(messages)]);
  return { connections, channels, queues: Object.fromEntries(counts) };
}

/** The resources that keep this process running, by kind: sockets, timers, pipes. */
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

/** Lists what is there now and was not before. */
export function grown(before: Readonly<Record<string, number>>, now: Readonly<Record<string, number>>): string[] {
  return Object.entries(now)
    .filter(([kind, count]) => count > (before[kind] ?? 0))
    .map(([kind, count]) => `${kind} ${before[kind] ?? 0} → ${count}`);
}
