import { errorCode, RpcError } from '../protocol/errors.ts';
import type { Channel, Delivery } from './channel.ts';
import { accessRefused, explainChannelError } from './channel-errors.ts';
import type { BrokerConnection } from './connection.ts';
import { type ConnectOptions, connect } from './dial.ts';
import type { AmqpUrl } from './url.ts';

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

/** The state of a queue, as a passive declare tells it. */
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
 * permission for the queue, be it configure, write or read; 3.10 answers everybody. It asks on a connection of its own: the
 * answer to a question can be that the channel is closed, or the connection, as where the user may have no further channel.
 * @throws RpcError `UNAVAILABLE`, `NO_QUEUE` if it is there but can't be used, because its node is down; the signal's reason
 */
export async function inspectQueue(
  url: AmqpUrl,
  name: string,
  options: ConnectOptions = {},
): Promise<QueueStatus | undefined> {
  const connection = await connect(url, options);
  const giveUp = () => connection.destroy();
  options.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    return await declarePassively(await connection.openChannel(), name);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isUnspeakable(error, name, url.vhost)) return undefined;
    throw explainChannelError(error);
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
    void connection.close(); // nobody waits for that
  }
}

/**
 * Whether RabbitMQ 4.x closed the connection (541) because it could not say that there is no such queue: it cuts that sentence
 * after 255 bytes, even inside a character.
 */
function isUnspeakable(error: unknown, name: string, vhost: string): boolean {
  const named = name + vhost;
  const bytes = Buffer.byteLength(named);
  return errorCode(error) === 'INTERNAL_ERROR' && bytes > 200 && bytes > named.length;
}

/** Declares a queue passively, see {@link inspectQueue}, on a channel that is gone unless it resolves to a status. */
export async function declarePassively(channel: Channel, name: string): Promise<QueueStatus | undefined> {
  try {
    const { messageCount, consumerCount } = await channel.queueDeclare({ queue: name, passive: true });
    return { messageCount, consumerCount };
  } catch (error) {
    if (errorCode(error) === 'NOT_FOUND' && !NODE_DOWN.test(String(error))) return undefined;
    if (errorCode(error) === 'NOT_FOUND') throw nodeDownError(name, error);
    if (errorCode(error) === 'ACCESS_REFUSED') {
      throw accessRefused(
        error,
        `the user has no permission at all for '${name}'; a worker needs read (rabbitmqctl set_permissions)`,
      );
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
 * Queues that were missing, and could not be declared because a channel or the connection was lost. The broker closes the channel
 * on which a queue is found missing. A user who may have one channel only may open the next too soon after that, which costs the
 * connection. So the next connection declares these queues first.
 */
const missing = new WeakSet<RequestQueue>();

/**
 * Uses the queue as it is, no matter who declared it and how; declares it only where there is none. Opens one channel after the
 * other, never two at once.
 * @param queue the same object whenever it is the same queue
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
  // each resolves to undefined, with its channel lost, if the other is worth a try
  const find = async () => {
    const channel = await open();
    try {
      return (await declarePassively(channel, queue.name)) && take(channel, 'found');
    } catch (error) {
      if (isUnspeakable(error, queue.name, connection.url.vhost)) missing.add(queue);
      throw error;
    }
  };
  const make = async () => {
    missing.add(queue); // until the channel is open
    const channel = await open();
    missing.delete(queue);
    const refusal = await declare(channel, queue);
    return refusal ?? take(channel, 'declared');
  };

  if (missing.has(queue)) {
    const made = await make();
    if (!(made instanceof Error)) return made;
    const found = await find();
    if (found) return found;
    throw made;
  }
  const found = await find();
  if (found) return found;
  const made = await make();
  if (!(made instanceof Error)) return made;
  // somebody else may have been faster, and have declared it otherwise: theirs will do
  const theirs = made.code === 'PERMISSION_DENIED' ? undefined : await find();
  if (theirs) return theirs;
  throw made;
}

/**
 * Declares the queue. Resolves to an error if it is there and other than we would have it, or the user may not.
 * @throws RpcError if it can't be declared at all
 */
async function declare(channel: Channel, { name, durable, type }: RequestQueue): Promise<RpcError | undefined> {
  try {
    const settings = { queue: name, durable, ...(type ? { arguments: { 'x-queue-type': type } } : {}) };
    await channel.queueDeclare(settings);
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'PRECONDITION_FAILED') return explainChannelError(error);
    if (code === 'ACCESS_REFUSED') {
      const advice = /reserved prefix/.test(String(error))
        ? `there is no queue '${name}', and names that begin with amq. are RabbitMQ's own: take another`
        : `there is no queue '${name}', and to declare it the user needs the configure permission for it (rabbitmqctl set_permissions)`;
      return accessRefused(error, advice);
    }
    if (code === 'INTERNAL_ERROR' && /transient_nonexcl_queues/.test(String(error))) {
      const message = `RabbitMQ refuses to declare '${name}' non-durable, as 4.3 and later do: declare it durable`;
      throw new RpcError('FAILED_PRECONDITION', message, { reason: 'REFUSED', cause: error });
    }
    throw error;
  }
}

/**
 * Arguments of a consumer that streams alone refuse (406); to other queues they say what is so without them. A stream can't hold
 * requests, for it keeps each message and gives it to everybody, but it is found and declared like any other queue.
 * @see https://www.rabbitmq.com/docs/consumer-priority
 */
const REFUSED_BY_STREAMS = { 'x-priority': 0 } as const;

/** The tag of the consumer of requests: it can be cancelled as soon as it is asked for. Unique in its channel. */
export const REQUESTS = 'requests';

/**
 * Consumes requests, to be acked, from a queue that is no stream.
 * @throws the broker's error; {@link explainChannelError} says what it means, `WRONG_QUEUE` for a stream
 */
export async function consumeRequests(
  channel: Channel,
  queue: string,
  onRequest: (message: Delivery) => void,
): Promise<void> {
  const consumer = { queue, consumerTag: REQUESTS, arguments: REFUSED_BY_STREAMS };
  await channel.basicConsume(consumer, onRequest);
}
