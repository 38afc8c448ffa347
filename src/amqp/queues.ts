import { errorCode, RpcError } from '../protocol/errors.ts';
import type { Channel } from './channel.ts';
import { accessRefused } from './channel-errors.ts';
import { type BrokerConnection, closeChannel } from './connection.ts';

/** The queue types that RabbitMQ lets requests wait in. */
export const queueTypes = ['classic', 'quorum'] as const satisfies readonly QueueType[];

/** A queue type that RabbitMQ lets requests wait in. */
export type QueueType = 'classic' | 'quorum';

/** The request queue to look for, and how to declare it where there is none. */
export interface RequestQueue {
  readonly name: string;
  /** Survives a restart of the broker. RabbitMQ 4.3 and later refuse any other. */
  readonly durable: boolean;
  /** `x-queue-type`; undefined: the default of the virtual host. */
  readonly type: QueueType | undefined;
}

/** What a passive declare tells of a queue. */
export interface QueueStatus {
  /** Messages that wait. */
  readonly messageCount: number;
  /** Consumers, whichever programs they belong to. */
  readonly consumerCount: number;
}

/** How RabbitMQ speaks of a classic queue whose node stopped or died: that, too, is a 404. */
const NODE_DOWN = /' (is down or inaccessible|process is stopped by supervisor)/;

function nodeDownError(name: string, cause: unknown): RpcError {
  const message = `the node of the cluster that holds the queue '${name}' is down: start it again; a quorum queue would go on without it`;
  return new RpcError('UNAVAILABLE', message, { reason: 'NO_QUEUE', cause });
}

/**
 * Asks for a queue without touching it. Resolves to undefined if there is none. RabbitMQ 4.3 answers only a user with some
 * permission for the queue, be it configure, write or read; 3.10 answers everybody.
 * @throws RpcError `UNAVAILABLE`, `NO_QUEUE` if it is there but can't be used, because its node is down
 */
export async function inspectQueue(connection: BrokerConnection, name: string): Promise<QueueStatus | undefined> {
  const channel = await connection.openChannel();
  try {
    return await declarePassively(channel, name);
  } finally {
    void closeChannel(channel); // nobody waits for that
  }
}

/** As {@link inspectQueue}, on a channel that is gone unless it resolves to a status. */
async function declarePassively(channel: Channel, name: string): Promise<QueueStatus | undefined> {
  try {
    const { messageCount, consumerCount } = await channel.queueDeclare({ queue: name, passive: true });
    return { messageCount, consumerCount };
  } catch (error) {
    if (errorCode(error) === 'NOT_FOUND' && !NODE_DOWN.test(String(error))) return undefined;
    if (errorCode(error) === 'NOT_FOUND') throw nodeDownError(name, error);
    if (errorCode(error) === 'ACCESS_REFUSED') {
      throw accessRefused(error, `the user has no permission at all for '${name}'; a worker needs read`);
    }
    throw error;
  }
}

/** The request queue as it was found or made. */
export interface OpenedQueue {
  /** The channel that it was asked for on; nothing else was done on it. */
  readonly channel: Channel;
  readonly how: 'found' | 'declared';
}

/**
 * Takes the queue as it is, whoever declared it and how; declares it only where there is none.
 * @param onClosed told, once, when the channel that this resolves to has ended
 */
export async function openRequestQueue(
  connection: BrokerConnection,
  queue: RequestQueue,
  onClosed: (error: Error | undefined) => void,
): Promise<OpenedQueue> {
  let taken: Channel | undefined;
  const open = async (): Promise<Channel> => {
    const channel: Channel = await connection.openChannel((error) => {
      if (taken && channel === taken) onClosed(error);
    });
    return channel;
  };
  const take = (channel: Channel, how: OpenedQueue['how']): OpenedQueue => {
    taken = channel;
    return { channel, how };
  };
  const first = await open();
  if (await declarePassively(first, queue.name)) return take(first, 'found');
  const second = await open(); // the broker has closed the first
  try {
    await declare(second, queue);
    return take(second, 'declared');
  } catch (error) {
    if (errorCode(error) !== 'PRECONDITION_FAILED') throw error;
    // somebody else was faster, and declared it otherwise: theirs will do
    const third = await open();
    if (await declarePassively(third, queue.name)) return take(third, 'found');
    throw error;
  }
}

async function declare(channel: Channel, { name, durable, type }: RequestQueue): Promise<unknown> {
  try {
    const settings = { queue: name, durable, ...(type ? { arguments: { 'x-queue-type': type } } : {}) };
    return await channel.queueDeclare(settings);
  } catch (error) {
    if (errorCode(error) === 'ACCESS_REFUSED') {
      const advice = `there is no queue '${name}', and to declare it the user needs the configure permission for it`;
      throw accessRefused(error, advice);
    }
    if (errorCode(error) === 'INTERNAL_ERROR' && !durable) {
      const message = `RabbitMQ refuses to declare '${name}' non-durable, as 4.3 and later do: declare it durable`;
      throw new RpcError('FAILED_PRECONDITION', message, { reason: 'REFUSED', cause: error });
    }
    throw error;
  }
}
