// RabbitMQ's JavaScript tutorial 6, `call QUEUE` and `serve QUEUE`, as its rpc_client.js and rpc_server.js do it, but that the
// queue is taken as it is, the client ends with its answer (the tutorial's waits half a second more) and the worker is as
// quick at Fibonacci numbers as ours. npm run bench times them beside client.js and worker.js; not for users.
import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';
import { answer } from '../../bench/answer.ts';
import { load } from '../../bench/package.ts';

const [role, queue = ''] = process.argv.slice(2);

async function call(connection: ChannelModel, channel: Channel): Promise<void> {
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
  process.stdout.write(`${await answered}\n`);
  await connection.close();
}

async function serve(channel: Channel): Promise<void> {
  await channel.checkQueue(queue);
  channel.prefetch(1);
  await channel.consume(queue, (message) => {
    if (!message) return;
    const { replyTo, correlationId } = message.properties;
    channel.sendToQueue(replyTo, answer(message.content), { correlationId });
    channel.ack(message);
  });
  process.stderr.write('consuming\n');
}

async function main(): Promise<void> {
  const amqp = await load('amqplib', import('amqplib'));
  const connection = await amqp.connect(process.env.AMQP_URL ?? '');
  const channel = await connection.createChannel();
  await (role === 'call' ? call(connection, channel) : serve(channel));
}

main().catch((error: unknown) => {
  process.stderr.write(`fib-bench-tutorial: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
