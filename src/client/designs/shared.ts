import type { Channel } from '../../amqp/channel.ts';
import { DIRECT_REPLY_TO } from '../../protocol/reply-address.ts';
import { replyQueueCancelled } from '../errors.ts';
import type { Design, DesignHost } from './index.ts';

/** With no-wait the consumer names itself; the name need only be unique in its channel. */
const CONSUMER_TAG = 'replies';

/**
 * Direct Reply-To: no queue at all. The broker puts the channel's own address in place of the pseudo-queue's name, and
 * hands the worker's reply straight to the channel.
 * @see https://www.rabbitmq.com/docs/direct-reply-to
 */
export function openDirect(host: DesignHost): Promise<Design> {
  return open(host, async () => DIRECT_REPLY_TO);
}

/**
 * The tutorial's design: one callback queue per client, named by the broker, exclusive to the connection. It is also
 * auto-delete, so that it ends with its consumer even where the connection lives on.
 * @see https://www.rabbitmq.com/tutorials/tutorial-six-javascript
 */
export function openExclusive(host: DesignHost): Promise<Design> {
  return open(host, async (channel) => {
    const { queue } = await channel.queueDeclare({ queue: '', exclusive: true, autoDelete: true });
    return queue;
  });
}

/**
 * One channel and one reply consumer for all calls: requests go out on the channel that their replies come in on, so
 * when it dies every pending call has lost its reply.
 * @param queueFor the queue to consume replies from, declared on the channel if need be
 */
async function open(host: DesignHost, queueFor: (channel: Channel) => Promise<string>): Promise<Design> {
  const channel = await host.openChannel((error) => host.onLost(error));
  channel.on('basic.return', (message) => host.onReturn(message));
  const queue = await queueFor(channel);
  channel.on('basic.cancel', (consumerTag) => {
    if (consumerTag === CONSUMER_TAG) host.onLost(replyQueueCancelled(queue));
  });
  // no-ack: Direct Reply-To requires it, and a reply is of no use to anybody else. No-wait: the broker takes a channel's
  // methods in order, so the first request may follow at once; a refusal closes the channel, and `host` is told.
  const consumer = { queue, noAck: true, nowait: true, consumerTag: CONSUMER_TAG };
  await channel.basicConsume(consumer, (message) => host.onReply(message, channel));
  return { send: (call) => host.publish(call, channel, queue), idle: () => Promise.resolve() };
}
