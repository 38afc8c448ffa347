import { randomUUID } from 'node:crypto';
import { answer } from './answer.ts';
import { load } from './package.ts';

/** Connects and opens a channel, as the tutorial does. */
async function connect(url: string) {
  const amqp = await load('amqplib', import('amqplib'));
  const connection = await amqp.connect(url);
  return { connection, channel: await connection.createChannel() };
}

/**
 * One call as in https://www.rabbitmq.com/tutorials/tutorial-six-javascript, rpc_client.js; resolves to its answer. It
 * disconnects with that: the tutorial's waits half a second more.
 */
export async function callOnce(url: string, queue: string): Promise<string> {
  const { connection, channel } = await connect(url);
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true });
  const correlationId = randomUUID();
  const answered = new Promise<string>((resolve) => {
    channel.consume(
      replyTo,
      (message) => {
        if (message?.properties.correlationId === correlationId) resolve(message.content.toString());
      },
      { noAck: true },
    );
  });
  channel.sendToQueue(queue, Buffer.from('30'), { correlationId, replyTo });
  const reply = await answered;
  await connection.close();
  return reply;
}

/**
 * Answers for ever, as the same tutorial's rpc_server.js, but that it takes the queue as it is, and is as quick at Fibonacci
 * numbers as everybody here. Resolves when it consumes.
 */
export async function serve(url: string, queue: string): Promise<void> {
  const { channel } = await connect(url);
  await channel.checkQueue(queue);
  channel.prefetch(1);
  await channel.consume(queue, (message) => {
    if (!message) return;
    const { replyTo, correlationId } = message.properties;
    channel.sendToQueue(replyTo, answer(message.content), { correlationId });
    channel.ack(message);
  });
}
