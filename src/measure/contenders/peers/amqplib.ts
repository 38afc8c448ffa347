import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';
import { parseAmqpUrl } from '../../../amqp/url.ts';
import { CALL_TIMEOUT, type Implementation, type Target } from '../implementation.ts';
import { load, named } from '../package.ts';
import { PeerCaller, type PeerClient } from './peer-caller.ts';

/** A connection with a channel, as in the tutorial. */
async function open({ url, tls }: Target, onLost: (error: Error) => void): Promise<[ChannelModel, Channel]> {
  const amqp = await load('amqplib', import('amqplib'));
  const { hostname, port, username, password, vhost, tls: isTls } = parseAmqpUrl(url);
  const place = { protocol: isTls ? 'amqps' : 'amqp', hostname, port, username, password, vhost };
  const connection = await amqp.connect(place, { ...tls, noDelay: true, timeout: CALL_TIMEOUT });
  connection.on('error', onLost);
  connection.on('close', () => onLost(new Error('the connection was closed')));
  const channel = await connection.createChannel();
  channel.on('error', onLost);
  return [connection, channel];
}

/** https://www.rabbitmq.com/tutorials/tutorial-six-javascript: rpc_client.js, for more than one call. */
async function connect(target: Target, onLost: (error: Error) => void): Promise<PeerClient> {
  const [connection, channel] = await open(target, onLost);
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true });
  const waiting = new Map<string, (reply: Uint8Array) => void>();
  let discarded = 0;
  const onReply = (correlationId: string, content: Buffer) => {
    const resolve = waiting.get(correlationId);
    waiting.delete(correlationId);
    if (resolve) resolve(content);
    else discarded++;
  };
  await channel.consume(
    replyTo,
    (message) => {
      if (message) onReply(message.properties.correlationId, message.content);
      else onLost(new Error('the reply queue was deleted'));
    },
    { noAck: true },
  );
  return {
    call: (request) =>
      new Promise((resolve) => {
        const correlationId = randomUUID();
        waiting.set(correlationId, resolve);
        channel.sendToQueue(target.queue, Buffer.from(request), { correlationId, replyTo });
      }),
    discarded: () => discarded,
    close: () => connection.close(),
  };
}

/** The same tutorial's rpc_server.js. */
const serve: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  let consuming = false;
  let lost: Error | undefined;
  const lose = (error: Error) => {
    lost ??= error;
    if (consuming) onEnd(error);
    consuming = false;
    connection?.close().catch(() => {}); // if it is still there
  };
  let connection: ChannelModel | undefined;
  const [opened, channel] = await open(target, lose);
  connection = opened;
  channel.prefetch(prefetch);
  const { consumerTag } = await channel.consume(target.queue, (message) => {
    try {
      if (!message) throw new Error('the queue was deleted');
      const { replyTo, correlationId } = message.properties;
      channel.sendToQueue(replyTo, answer(message.content), { correlationId });
      channel.ack(message);
    } catch (error) {
      lose(error as Error);
    }
  });
  if (lost) throw lost; // by the first request
  consuming = true;
  return {
    async close() {
      if (!consuming) return;
      consuming = false;
      await channel.cancel(consumerTag);
      await channel.close(); // after its acks
      await opened.close();
    },
  };
};

/** The most used library, as the tutorial uses it. */
export const amqplib: Implementation = {
  name: 'amqplib',
  detail:
    `${named('amqplib')} as in RabbitMQ's JavaScript tutorial 6: a queue per client, a UUID per call; prefetch and TCP_NODELAY ` +
    'set; a request for a queue that does not exist gets no error',
  designs: ['exclusive'],
  open: (_design, target) => new PeerCaller((onLost) => connect(target, onLost)),
  serve,
};
