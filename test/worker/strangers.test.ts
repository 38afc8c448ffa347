// Things that callers, queues and brokers do unasked.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import fibonacci from '../../src/fibonacci.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { field, int, long, method, short } from '../../test-helpers/raw-amqp.ts';
import { RawPublisher } from '../../test-helpers/raw-publisher.ts';
import { deleteAfter, openRaw, type Raw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;

async function replyQueue(raw: Raw) {
  const { queue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  return { replyTo: queue, replies: await raw.consume(queue) };
}

describe('a request that was delivered before', { concurrency: true }, () => {
  test('is rejected if its caller is gone, also one with a reply queue of its own', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const caller = await openRaw(t);
    const { replyTo } = await replyQueue(caller);
    const ran: string[] = [];
    const first = await startWorker(t, () => new Promise(() => {}), { queue });
    await raw.publish(queue, 'poison', { replyTo, durable: false });
    await until(() => first.worker.stats().inFlight === 1);
    await caller.connection.close();
    await first.worker.close({ grace: 0 }); // as if it had died of it
    const { worker } = await startWorker(t, ({ body }) => ran.push(String(body)), { queue });
    await until(() => worker.stats().rejected['caller-gone'] === 1);
    assert.deepEqual(ran, []);
    assert.equal(worker.stats().redelivered, 1);
  });

  test('is answered if its caller is there', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { replyTo, replies } = await replyQueue(raw);
    const first = await startWorker(t, () => new Promise(() => {}), { queue });
    await raw.publish(queue, 'again', { replyTo, durable: false });
    await until(() => first.worker.stats().inFlight === 1);
    await first.worker.close({ grace: 0 });
    await startWorker(t, echo, { queue });
    assert.equal(String((await replies.next()).body), 'echo again');
  });
});

describe('dead letters that come back to their queue', { concurrency: true }, () => {
  for (const type of ['classic', 'quorum'])
    for (const way of ['at once', 'by way of a queue that holds them up'])
      test(`end when the queue has rejected them often enough, are counted and told: ${type}, ${way}`, async (t) => {
        const queue = `test.${randomUUID()}`;
        const raw = await openRaw(t);
        const pause = `${queue}.pause`;
        const back = { 'x-dead-letter-exchange': '', 'x-expires': 300_000, 'x-queue-type': type };
        await raw.channel.queueDeclare({
          queue,
          durable: true,
          arguments: { ...back, 'x-dead-letter-routing-key': way === 'at once' ? queue : pause },
        });
        deleteAfter(t, queue);
        if (way !== 'at once') {
          const held = { ...back, 'x-queue-type': 'classic', 'x-dead-letter-routing-key': queue, 'x-message-ttl': 20 };
          await raw.channel.queueDeclare({ queue: pause, durable: true, arguments: held });
          deleteAfter(t, pause);
        }
        const { worker, events } = await startWorker(t, echo, { queue, maxDeliveries: 4 });
        for (const sent of [1, 2]) {
          await raw.publish(queue, 'nobody to answer', { durable: true });
          await until(() => worker.stats().deadLetterCycles === sent);
        }
        await delay(200);
        const { requests, rejected, deadLetterCycles } = worker.stats();
        assert.deepEqual([requests, rejected['missing-reply-to'], deadLetterCycles], [10, 8, 2]);
        assert.deepEqual(
          events
            .filter((event) => event.type === 'dead-letter-cycle')
            .map((event) => [event.queue, event.reason, event.times]),
          Array(2).fill([queue, 'missing-reply-to', 4]),
        );
        const { messageCount } = await raw.channel.queueDeclare({ queue, passive: true });
        assert.equal(messageCount, 0);
      });
});

test('a consumer that the broker cancels is started again, and nobody says that the queue was deleted', async (t) => {
  const { version } = await identify(parseAmqpUrl(amqpUrl()));
  if (/^(3|4\.[0-2])\./.test(version)) return t.skip('before 4.3 RabbitMQ looks once a minute at most');
  const queue = `test.${randomUUID()}`;
  const raw = await openRaw(t);
  // 4.3 heeds this within a second
  const args = { 'x-queue-type': 'quorum', 'x-consumer-timeout': 1_000, 'x-expires': 300_000 };
  await raw.channel.queueDeclare({ queue, durable: true, arguments: args });
  deleteAfter(t, queue);
  let tell = () => {};
  const cancelled = new Promise<void>((resolve) => (tell = resolve));
  const handler = async ({ body }: { body: Buffer }, { redelivered }: { redelivered: boolean }) => {
    if (String(body) === 'slow' && !redelivered) await cancelled;
    return `echo ${body}`;
  };
  const { worker, events } = await startWorker(t, handler, { queue });
  const { client } = startClient(t, { queue });
  const slow = client.call('slow', { timeout: 600_000 });
  await until(() => events.some(({ type }) => type === 'disconnected'));
  tell();
  const lost = events.find((event) => event.type === 'disconnected');
  assert.ok(lost);
  assert.equal(lost.queue, queue);
  assert.ok(['CONSUMER_CANCELLED', 'REFUSED'].includes(String(lost.error.reason)), String(lost.error.reason));
  assert.doesNotMatch(String(lost.error.message), /deleted|undefined/);
  await until(() => events.filter(({ type }) => type === 'consuming').length >= 2);
  assert.equal(String((await slow).body), 'echo slow');
  assert.equal(String((await client.call('next')).body), 'echo next');
  assert.ok(worker.stats().requests >= 2);
});

test('a queue whose node is down was not deleted, and nobody says so', async (t) => {
  const queue = await testQueue(t);
  const proxy = await openProxy(t);
  const { events } = await startWorker(t, () => '', { queue, urls: proxy.url });
  const asked = proxy.holdUpFrom(50, 10); // whether the queue is there
  proxy.say(method(1, 60, 30, short('requests'), int(1, 1)));
  await asked;
  const text = `NOT_FOUND - queue '${queue}' in vhost '/' process is stopped by supervisor`;
  proxy.say(method(1, 20, 40, int(2, 404), short(text), int(2, 50), int(2, 10)));
  await until(() => events.some(({ type }) => type === 'disconnected'));
  const { error } = events.find((event) => event.type === 'disconnected') ?? assert.fail();
  assert.deepEqual([error.code, error.reason], ['UNAVAILABLE', 'NO_QUEUE']);
  assert.match(error.message, /^the node of the cluster that holds the queue '.*' is down/);
});

describe('callers of AMQP 1.0', { concurrency: true }, () => {
  test('get their message id, or an id that fits into no property, back as correlation id', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { replyTo, replies } = await replyQueue(raw);
    await startWorker(t, () => ({ body: 'ok', headers: { own: 1 } }), { queue });
    const binary = Buffer.from([0, 255, 1]);
    const long = 'x'.repeat(300);
    const cases = [
      [{ messageId: 'm' }, 'm', undefined],
      [{ messageId: 'm', correlationId: 'c' }, 'c', undefined],
      [{ messageId: 'm', correlationId: '' }, '', undefined],
      [{ messageId: 'm', headers: { 'x-correlation-id': binary } }, undefined, binary],
      [{ headers: { 'x-message-id': long } }, undefined, long],
      [{ headers: { 'x-message-id': binary } }, undefined, binary],
      [{}, undefined, undefined],
    ] as const;
    for (const [properties, correlationId, header] of cases) {
      await raw.publish(queue, '', { replyTo, ...properties });
      const reply = await replies.next();
      assert.deepEqual(
        [reply.correlationId, reply.headers?.['x-correlation-id'], reply.headers?.own],
        [correlationId, header, 1],
      );
    }
  });

  test('and those that compress are understood by the function that is served by default', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { replyTo, replies } = await replyQueue(raw);
    const functionOptions = { maxN: 1_000, algorithm: 'doubling' };
    await startWorker(t, fibonacci as typeof echo, { queue, functionOptions, maxRequestBytes: 64 });
    const bodies = [
      ['005377a1023330', { type: 'amqp-1.0' }],
      ['005377541e', { type: 'amqp-1.0' }],
      [gzipSync('30').toString('hex'), { contentEncoding: 'gzip' }],
      ['3330', { contentEncoding: 'utf-8' }],
    ] as const;
    for (const [hex, properties] of bodies) {
      await raw.publish(queue, Buffer.from(hex, 'hex'), { replyTo, ...properties });
      assert.equal(String((await replies.next()).body), '832040', hex);
    }
    const refused = [
      ['00537740', { type: 'amqp-1.0' }, 'UNIMPLEMENTED', /AMQP 1\.0/],
      ['3330', { contentEncoding: 'zstd' }, 'UNIMPLEMENTED', /"zstd"/],
      [
        gzipSync('1'.repeat(1_000_000)).subarray(0, 64).toString('hex'),
        { contentEncoding: 'gzip' },
        'INVALID_ARGUMENT',
        /gzip/,
      ],
      [
        gzipSync('1'.repeat(20_000)).toString('hex'),
        { contentEncoding: 'gzip' },
        'INVALID_ARGUMENT',
        /more than 64 bytes|the limit is 64/,
      ],
    ] as const;
    for (const [hex, properties, code, detail] of refused) {
      await raw.publish(queue, Buffer.from(hex, 'hex'), { replyTo, ...properties });
      const problem = JSON.parse(String((await replies.next()).body));
      assert.equal(problem.code, code);
      assert.match(problem.detail, detail);
    }
  });
});

test('reply queues that libraries name are written to by default', async (t) => {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const { worker } = await startWorker(t, echo, { queue });
  const hex = randomUUID().replaceAll('-', '');
  for (const replyTo of [randomUUID(), `replies:${randomUUID()}`, `amq_0x${hex}`, `thesis.rpc.${hex}`]) {
    await raw.channel.queueDeclare({ queue: replyTo, exclusive: true });
    await raw.publish(queue, replyTo, { replyTo });
    assert.equal(String((await (await raw.consume(replyTo)).next()).body), `echo ${replyTo}`);
  }
  const known = `orders.${randomUUID()}`;
  await raw.channel.queueDeclare({ queue: known, exclusive: true });
  await raw.publish(queue, 'deputy', { replyTo: known });
  await until(() => worker.stats().rejected['refused-reply-to'] === 1);
});

test('an id that leaves no room for a reply is left out of it, and its request holds no place', async (t) => {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const { replyTo, replies } = await replyQueue(raw);
  await startWorker(t, echo, { queue });
  const publisher = new RawPublisher();
  t.after(() => publisher.close());
  const headers = field('x-correlation-id', 'S', long(Buffer.alloc(129_000, 'x')));
  const properties = { replyTo: Buffer.from(replyTo), headers };
  assert.equal(await publisher.publish(queue, { body: Buffer.from('long'), properties }), undefined);
  await raw.publish(queue, 'next', { replyTo });
  assert.equal(JSON.parse(String((await replies.next()).body)).code, 'INTERNAL');
  assert.equal(String((await replies.next()).body), 'echo next');
});
