import type { Channel } from '../../amqp/channel.ts';
import type { ReplyHost, ReplyLease, ReplyRoute } from './reply-route.ts';

/** With no-wait the consumer names itself; the name need only be unique in its channel. */
const CONSUMER_TAG = 'replies';

/**
 * One channel and one reply consumer for all calls: requests go out on the channel that their replies come in on, so
 * when it dies every pending call has lost its reply.
 * @param queueFor the queue to consume replies from, declared on the channel if need be
 */
export async function openSharedRoute(
  host: ReplyHost,
  queueFor: (channel: Channel) => Promise<string>,
): Promise<ReplyRoute> {
  const channel = await host.openChannel((error) => host.onLost(error));
  channel.on('basic.return', (message) => host.onReturn(message));
  // the broker cancels a consumer whose queue was deleted: https://www.rabbitmq.com/docs/consumer-cancel
  channel.on('basic.cancel', () => host.onLost(new Error('the reply queue was deleted')));
  const queue = await queueFor(channel);
  // no-ack: Direct Reply-To requires it, and a reply is of no use to anybody else. No-wait: the broker takes a channel's
  // methods in order, so the first request may follow at once; a refusal closes the channel, and `host` is told.
  const consumer = { queue, noAck: true, nowait: true, consumerTag: CONSUMER_TAG };
  await channel.basicConsume(consumer, (message) => host.onReply(message));
  const lease: ReplyLease = { channel, replyTo: queue, release() {} };
  return { lease, idle: () => Promise.resolve() };
}
