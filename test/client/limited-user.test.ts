import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { addUsers, userWithChannels } from '../../test-helpers/own-broker.ts';
import { runClient } from '../../test-helpers/programs.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { openClient, openRaw, startWorker, testQueue } from '../../test-helpers/rpc.ts';

describe('a client', { concurrency: true }, () => {
  let broker: Awaited<ReturnType<typeof administeredBroker>>;
  before(async () => {
    broker = await administeredBroker();
  });
  after(() => broker[Symbol.asyncDispose]());

  for (const channels of [1, 3]) {
    test(`with a queue for each call takes turns where its user may have ${channels} channels`, async (t) => {
      const queue = await testQueue(t, { url: broker.url });
      const { worker } = await startWorker(t, ({ body }) => `echo ${body}`, { queue, urls: broker.url, prefetch: 50 });
      const { client, events } = openClient(t, {
        urls: await userWithChannels(broker, channels),
        reply: 'per-request',
      });
      const numbers = Array.from({ length: 50 }, (_, n) => String(n));
      const replies = await Promise.all(numbers.map((n) => client.call(queue, n)));
      assert.deepEqual(
        replies.map((reply) => reply.text()),
        numbers.map((n) => `echo ${n}`),
      );
      assert.equal(worker.stats().requests, numbers.length, 'each was sent once');
      const lost = events.filter(({ type }) => type === 'disconnected').length;
      // RabbitMQ counts channels with a delay: it may have let one too many be
      assert.ok(lost <= 3, `it learned the limit from ${lost} lost connections`);
    });
  }

  test('with a queue for each call that outgrows the channels of its user loses the calls in flight, once', async (t) => {
    const queue = await testQueue(t, { url: broker.url });
    const raw = await openRaw(t, broker.url);
    const requests = await raw.consume(queue);
    const url = await userWithChannels(broker, 3);
    // rabbitmqctl may take its time while they wait
    const { client, events } = openClient(t, { urls: url, reply: 'per-request', timeout: 90_000 });
    const lost = ['1', '2', '3'].map((n) => client.call(queue, n));
    const settled = Promise.allSettled(lost);
    for (const _ of lost) await requests.next();
    await broker.ctl('set_user_limits', new URL(url).username, '{"max-channels": 1}');

    const outgrown = client.call(queue, '4');
    for (const call of await settled) {
      assert.ok(call.status === 'rejected');
      assert.deepEqual([call.reason.code, call.reason.reason], ['UNAVAILABLE', 'CONNECTION_LOST']);
    }
    const answerNext = async () => {
      const { replyTo = '', correlationId, body } = await requests.next();
      await raw.publish(replyTo, `echo ${body}`, { correlationId });
    };
    await answerNext();
    assert.equal((await outgrown).text(), 'echo 4', 'it was not sent before');

    const before = events.filter(({ type }) => type === 'disconnected').length;
    const turns = Promise.all(['5', '6', '7'].map((n) => client.call(queue, n)));
    for (let n = 5; n <= 7; n++) await answerNext();
    assert.deepEqual(
      (await turns).map((reply) => reply.text()),
      ['echo 5', 'echo 6', 'echo 7'],
    );
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, before, 'one channel serves all');
  });

  for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
    test(`with ${reply} replies that looks at a queue and may not loses no call, and does not look again`, async (t) => {
      const queue = await testQueue(t, { url: broker.url });
      const raw = await openRaw(t, broker.url);
      const requests = await raw.consume(queue);
      const proxy = await openProxy(t, await userWithChannels(broker, 1));
      const { client, events } = openClient(t, { urls: proxy.url, reply });
      const call = client.call(queue, '1');
      const { replyTo = '', correlationId } = await requests.next();
      const refused = { code: 'RESOURCE_EXHAUSTED', reason: 'CHANNEL_LIMIT' };
      await assert.rejects(client.inspectQueue(queue), refused);
      const before = proxy.connections;
      await assert.rejects(client.inspectQueue(queue), refused);
      assert.equal(proxy.connections, before, 'it did not ask again');
      await raw.publish(replyTo, 'answer', { correlationId });
      assert.equal((await call).text(), 'answer');
      assert.deepEqual(
        events.map(({ type }) => type),
        ['connected'],
      );
    });
  }

  test('of the command line looks whether anybody consumes the queue, and loses no call by that', async (t) => {
    const queue = await testQueue(t, { url: broker.url });
    const url = await userWithChannels(broker, 1);
    const { worker } = await startWorker(t, () => delay(2_500, '5'), { queue, urls: broker.url });
    const { code, stdout } = await runClient(t, ['--url', url, '--queue', queue, '--quiet', '--timeout', '60s', '5']);
    assert.deepEqual([code, stdout], [0, '5\n']);
    assert.equal(worker.stats().requests, 1);
  });

  test('of the command line whose user may have one connection looks once, not again and again', async (t) => {
    const queue = await testQueue(t, { url: broker.url });
    const name = `limited.${randomUUID()}`;
    await addUsers(broker, [{ name, limits: { 'max-connections': 1 } }]);
    const url = new URL(broker.url);
    [url.username, url.password] = [name, 'secret'];
    const proxy = await openProxy(t, url.href);
    const args = ['--url', proxy.url, '--queue', queue, '--quiet', '--timeout', '4s', '5'];
    assert.equal((await runClient(t, args)).code, 4);
    assert.equal(proxy.connections, 2);
  });
});
