import type { Channel } from '../../src/amqp/channel.ts';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';

/** Opens a channel, for as long as it is used. */
async function onChannel<T>(use: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await connect(parseAmqpUrl(amqpUrl()));
  try {
    return await use(await connection.openChannel());
  } finally {
    connection.destroy();
  }
}

/** How many consumers a queue has. */
export function consumerCount(queue: string): Promise<number> {
  return onChannel(async (channel) => (await channel.queueDeclare({ queue, passive: true })).consumerCount);
}

/** Deletes a queue; one that isn't there is fine. */
export async function deleteQueue(queue: string): Promise<void> {
  await onChannel((channel) => channel.queueDelete({ queue }));
}

/**
 * Why this broker refuses what the older tutorials declare, a non-durable and non-exclusive queue, in its own words;
 * undefined where it doesn't. RabbitMQ 4.3 refuses by default, yet Debian's build of it permits, so trying beats asking for the version.
 * https://www.rabbitmq.com/docs/deprecated-features-list#transient-non-exclusive-queues
 */
export function transientQueueRefusal(queue: string): Promise<string | undefined> {
  return onChannel(async (channel) => {
    try {
      await channel.queueDeclare({ queue, durable: false });
      await channel.queueDelete({ queue });
      return undefined;
    } catch (error) {
      if (error instanceof Error && /transient_nonexcl_queues/.test(error.message))
        return error.message.split('\n', 1)[0];
      throw error;
    }
  });
}
