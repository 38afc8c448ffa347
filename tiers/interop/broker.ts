import { Connection } from 'rabbitmq-client';

/** The broker that the test runner gave; a test without one fails rather than using a broker that merely is there. */
export function brokerUrl(): string {
  const url = process.env.AMQP_URL;
  if (!url) throw new Error('AMQP_URL is not set: run `npm run test:interop`, or name the broker to test against');
  return url;
}

async function connected<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = new Connection(brokerUrl());
  // whatever goes wrong also rejects the method that is under way; without a listener Node would end the test file
  connection.on('error', () => {});
  try {
    return await use(connection);
  } finally {
    connection.unsafeDestroy();
  }
}

/** How many consumers a queue has. */
export function consumerCount(queue: string): Promise<number> {
  return connected(async (connection) => (await connection.queueDeclare({ queue, passive: true })).consumerCount);
}

/** Deletes a queue; one that isn't there is fine. */
export async function deleteQueue(queue: string): Promise<void> {
  await connected((connection) => connection.queueDelete({ queue }));
}

/**
 * Why this broker refuses what the older tutorials declare, a non-durable and non-exclusive queue, in its own words;
 * undefined where it doesn't. RabbitMQ 4.3 refuses by default, yet Debian's build of it permits, so trying beats asking for the version.
 * https://www.rabbitmq.com/docs/deprecated-features-list#transient-non-exclusive-queues
 */
export function transientQueueRefusal(queue: string): Promise<string | undefined> {
  return connected(async (connection) => {
    try {
      await connection.queueDeclare({ queue, durable: false });
      await connection.queueDelete({ queue });
      return undefined;
    } catch (error) {
      if (error instanceof Error && /transient_nonexcl_queues/.test(error.message))
        return error.message.split('\n', 1)[0];
      throw error;
    }
  });
}
