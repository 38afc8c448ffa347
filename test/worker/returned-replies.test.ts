import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ReturnedMessage } from '../../src/amqp/channel.ts';
import { encodeTable } from '../../src/amqp/field-table.ts';
import { ReturnedReplies } from '../../src/worker/returned-replies.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { method, short } from '../../test-helpers/raw-amqp.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

test('a reply to a queue that is not there yet arrives, whole and once, when the queue is there', async (t) => {
  const queue = await testQueue(t);
  const answer = 'x'.repeat(5_000); // longer than any request that the worker takes
  const allowed = { allowReplyTo: ['replies.*'], maxRequestBytes: 64 };
  const { worker } = await startWorker(t, () => answer, { queue, ...allowed });
  const raw = await openRaw(t);
  const replyTo = `replies.${randomUUID()}`;
  await raw.publish(queue, '30', { replyTo, correlationId: 'one', durable: false });
  await until(() => worker.stats().answered === 1);
  await raw.channel.queueDeclare({ queue: replyTo, exclusive: true });
  const inbox = await raw.consume(replyTo);
  const { body, correlationId, contentType } = await inbox.next();
  assert.deepEqual([String(body), correlationId, contentType], [answer, 'one', 'text/plain']);
  await raw.publish(queue, '30', { replyTo, correlationId: 'two', durable: false });
  assert.equal((await inbox.next()).correlationId, 'two', 'and nothing came between');
});

test('a reply that goes out again has the headers that it had, octet for octet', async (t) => {
  const { channel, publish } = await openRaw(t);
  const returned: ReturnedMessage[] = [];
  channel.on('basic.return', (reply) => returned.push(reply));
  new ReturnedReplies(channel, () => false);
  const headers = { date: new Date(1e12), long: 2n ** 53n + 1n, whole: 5n }; // RabbitMQ 4.3 sorts them by name
  await publish(`replies.${randomUUID()}`, 'answer', { mandatory: true, headers });
  await until(() => returned.length === 2);
  for (const { headerTable } of returned) assert.deepEqual(headerTable, encodeTable(headers));
});

test('a reply that comes back while the broker takes no messages goes out again when it does', async (t) => {
  const queue = await testQueue(t);
  const proxy = await openProxy(t);
  const handler = () => {
    proxy.say(method(0, 10, 60, short('low on memory'))); // the worker reads it when its reply is out
    return 'answer';
  };
  const { worker, events } = await startWorker(t, handler, { queue, urls: proxy.url, allowReplyTo: ['replies.*'] });
  const raw = await openRaw(t);
  const replyTo = `replies.${randomUUID()}`;
  await raw.publish(queue, '30', { replyTo, durable: false });
  await until(() => worker.stats().answered === 1 && events.some(({ type }) => type === 'blocked'));
  await sleep(200); // by then it has come back, and its pause is over
  await raw.channel.queueDeclare({ queue: replyTo, exclusive: true });
  proxy.say(method(0, 10, 61));
  const inbox = await raw.consume(replyTo);
  assert.equal(String((await inbox.next()).body), 'answer');
});

describe('a reply that comes back when its worker is about to go', { concurrency: true }, () => {
  // a slow one is answered when the broker has long confirmed that no further request comes
  for (const [why, { maxRequests, close, pause, latency = 0 }] of [
    ['it was the last one that it may take', { maxRequests: 1, pause: 0 }],
    ['it was the last one that it may take, a slow one', { maxRequests: 1, pause: 200 }],
    ['it is told to close before it answers', { close: 'before', pause: 0 }],
    ['it is told to close before it answers, slowly', { close: 'before', pause: 200 }],
    ['it is told to close when it has just answered', { close: 'after', pause: 0 }],
    // the reply goes out again while the broker is asked if all are back
    ['it is told to close when it has just answered, over a slow network', { close: 'after', pause: 0, latency: 3 }],
  ] as [string, { maxRequests?: number; close?: 'before' | 'after'; pause: number; latency?: number }][])
    test(`goes out again all the same: ${why}`, async (t) => {
      const raw = await openRaw(t);
      const proxy = await openProxy(t);
      proxy.slow({ delay: latency });
      const attempt = async () => {
        const queue = await testQueue(t);
        const options = { queue, urls: proxy.url, allowReplyTo: ['replies.*'], ...(maxRequests && { maxRequests }) };
        const handler = async () => {
          if (close === 'before') void worker.close();
          await sleep(pause);
          if (close === 'after') setImmediate(() => worker.close());
          return 'answer';
        };
        const { worker, events } = await startWorker(t, handler, options);
        const replyTo = `replies.${randomUUID()}`;
        const asked = performance.now();
        await raw.publish(queue, '30', { replyTo, durable: false });
        await until(() => worker.stats().answered === 1);
        await sleep(100); // by then it has come back
        await raw.channel.queueDeclare({ queue: replyTo, exclusive: true });
        const tooSlow = performance.now() - asked > 1_500; // the worker leaves after two seconds at the latest
        if (maxRequests) await until(() => events.some(({ type }) => type === 'max-requests'));
        await worker.close();
        return tooSlow ? undefined : replyTo;
      };
      let replyTo = await attempt();
      while (replyTo === undefined) replyTo = await attempt();
      const inbox = await raw.consume(replyTo);
      assert.equal(String((await inbox.next()).body), 'answer');
    });
});

// that they come back a bounded number of times takes as long as the pauses between, and is in the faults tier
describe('replies that nobody can take', () => {
  test('are forgotten, with their queues, also if there is no room to keep them', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const published: unknown[] = [];
    const channel = Object.assign(new EventEmitter(), {
      active: true,
      publish: (sent: unknown) => published.push(sent),
    });
    new ReturnedReplies(channel as unknown as Channel, () => false);
    for (let n = 0; n < 1_000; n++)
      channel.emit('basic.return', { routingKey: `gone.${n}`, body: { length: 64 * 1024 * 1024 } });
    t.mock.timers.tick(60_000);
    t.mock.timers.reset();
    channel.emit('basic.return', { routingKey: 'there.soon', body: Buffer.from('answer') });
    await until(() => published.length === 1);
  });

  test('do not keep the calls of others waiting', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { worker } = await startWorker(t, ({ body }) => `${body}`, { queue, prefetch: 100 });
    const { client } = startClient(t, { queue, timeout: 20_000 });
    const replyTo = `amq.gen-${randomUUID()}`;
    for (let n = 0; n < 3_000; n++)
      await raw.publish(queue, `${n}`, { replyTo, correlationId: `${n}`, durable: false });
    for (let n = 0; n < 50; n++) assert.equal(String((await client.call(`${n}`)).body), `${n}`);
    await until(() => worker.stats().answered === 3_050);
    assert.deepEqual(await worker.close(), { unfinished: 0 });
  });
});
