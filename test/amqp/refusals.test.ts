import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { explainChannelError } from '../../src/amqp/channel-errors.ts';
import { connect } from '../../src/amqp/dial.ts';
import { inspectQueue, openRequestQueue } from '../../src/amqp/queues.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { userWithChannels } from '../../test-helpers/own-broker.ts';
import {
  openClient,
  openRaw,
  startClient,
  startRefusedWorker,
  startWorker,
  testQueue,
  until,
} from '../../test-helpers/rpc.ts';

describe('what RabbitMQ refuses is told as it is:', { concurrency: true }, () => {
  let broker: Awaited<ReturnType<typeof administeredBroker>>;
  before(async () => {
    broker = await administeredBroker();
  });
  after(() => broker[Symbol.asyncDispose]());

  function deleteLater(t: TestContext, queue: string): void {
    t.after(async () => {
      const raw = await openRaw({ after: () => {} }, broker.url);
      await raw.channel.queueDelete(queue);
      await raw.connection.close();
    });
  }

  test('a virtual host that is down', async () => {
    await broker.ctl('add_vhost', 'down');
    await broker.ctl('set_permissions', '-p', 'down', 'guest', '.*', '.*', '.*');
    await broker.ctl('eval', 'rabbit_vhost_sup_sup:delete_on_all_nodes(<<"down">>).');
    await assert.rejects(connect(parseAmqpUrl(`${broker.url}/down`)), {
      code: 'UNAVAILABLE',
      reason: 'NO_BROKER',
      message: /can't open the virtual host 'down' \(.*vhost 'down' is down\): .*restart_vhost/,
    });
  });

  test('a queue that is another connection’s alone (405)', async (t) => {
    const owner = await openRaw(t, broker.url);
    const { queue } = await owner.channel.queueDeclare({ queue: '', exclusive: true });
    const error = await startRefusedWorker(t, { queue, urls: broker.url });
    assert.equal(error.code, 'FAILED_PRECONDITION');
    assert.equal(error.reason, 'REFUSED');
    assert.match(error.message, /the queue is exclusive to another connection \(.*RESOURCE_LOCKED/);
  });

  test('a method that is not there for such a queue (540, which closes the connection)', async (t) => {
    const { connection, channel } = await openRaw(t, broker.url);
    const lost = new Promise<Error>((resolve) => {
      connection.observer = { onLost: resolve };
    });
    await channel.queueDeclare({ queue: 'a.stream', durable: true, arguments: { 'x-queue-type': 'stream' } });
    deleteLater(t, 'a.stream');
    await assert.rejects(channel.queuePurge({ queue: 'a.stream' }));
    const { code, reason, message } = explainChannelError(await lost);
    assert.deepEqual([code, reason], ['FAILED_PRECONDITION', 'WRONG_QUEUE']);
    assert.match(message, /the queue 'a\.stream' is a stream/);
  });

  test('a name that is reserved', async (t) => {
    const error = await startRefusedWorker(t, { queue: 'amq.mine', urls: broker.url });
    assert.equal(error.code, 'PERMISSION_DENIED');
    assert.match(error.message, /names that begin with amq\. are RabbitMQ's own: take another$/);
    assert.doesNotMatch(error.message, /configure permission/);
  });

  test('a stream is not served', async (t) => {
    const queue = 'b.stream';
    const { channel } = await openRaw(t, broker.url);
    await channel.queueDeclare({ queue, durable: true, arguments: { 'x-queue-type': 'stream' } });
    deleteLater(t, queue);
    const error = await startRefusedWorker(t, { queue, urls: broker.url });
    assert.equal(error.code, 'FAILED_PRECONDITION');
    assert.equal(error.reason, 'WRONG_QUEUE');
    assert.match(error.message, /the queue 'b\.stream' is a stream, .*default queue type/);
  });

  test('nor is one that a virtual host’s default queue type made', async (t) => {
    await broker.ctl('add_vhost', 'streams', '--default-queue-type', 'stream');
    await broker.ctl('set_permissions', '-p', 'streams', 'guest', '.*', '.*', '.*');
    const error = await startRefusedWorker(t, { queue: 'q', urls: `${broker.url}/streams` });
    assert.equal(error.reason, 'WRONG_QUEUE');
    await startWorker(t, () => 'ok', {
      queue: 'other',
      declare: { type: 'classic' },
      urls: `${broker.url}/streams`,
    });
  });

  for (const type of ['classic', 'quorum'] as const) {
    test(`a ${type} queue is served`, async (t) => {
      const queue = await testQueue(t, { url: broker.url, args: { 'x-queue-type': type } });
      await startWorker(t, () => 'ok', { queue, urls: broker.url });
      const { client } = startClient(t, { queue, urls: broker.url });
      assert.equal(String((await client.call('1')).body), 'ok');
    });
  }

  test('a worker that may have one channel declares its queue', async (t) => {
    const url = await userWithChannels(broker, 1);
    for (let n = 1; n <= 20; n++) {
      const queue = `one.channel.${n}`;
      deleteLater(t, queue);
      const { worker, events } = await startWorker(t, () => 'ok', { queue, urls: url });
      const how = events.flatMap((event) => (event.type === 'queue' ? [event.how] : []));
      assert.deepEqual(how, ['declared']);
      await worker.close();
    }
  });

  test('a worker takes one channel to start, and no second one for a moment', async (t) => {
    const queue = await testQueue(t, { url: broker.url });
    const { events } = await startWorker(t, () => 'ok', { queue, urls: await userWithChannels(broker, 1) });
    assert.deepEqual(
      events.map(({ type }) => type),
      ['connected', 'queue', 'consuming'],
    );
  });

  test('no second channel: the next connection declares the queue first', async (t) => {
    const url = parseAmqpUrl(await userWithChannels(broker, 1));
    const queue = { name: 'no.second', durable: true, type: undefined };
    deleteLater(t, queue.name);
    const first = await connect(url);
    const openChannel = first.openChannel.bind(first);
    let opened = 0;
    first.openChannel = async (onClosed) => {
      if (++opened === 2) await openChannel(); // somebody else takes what the first has left
      return openChannel(onClosed);
    };
    const refused = await openRequestQueue(first, queue, () => {}).catch(explainChannelError);
    assert.ok(refused instanceof RpcError);
    assert.deepEqual([refused.code, refused.reason], ['RESOURCE_EXHAUSTED', 'CHANNEL_LIMIT']);
    assert.match(refused.message, /no more channels.*set_user_limits/);
    const second = await connect(url);
    t.after(() => second.close());
    assert.equal((await openRequestQueue(second, queue, () => {})).how, 'declared');
  });

  test('looking at a queue costs those who may have no further channel nothing', async (t) => {
    const url = parseAmqpUrl(await userWithChannels(broker, 1));
    const queue = await testQueue(t, { url: broker.url });
    const connection = await connect(url);
    t.after(() => connection.close());
    const channel = await connection.openChannel();
    await assert.rejects(inspectQueue(url, queue), { reason: 'CHANNEL_LIMIT' });
    assert.equal((await channel.queueDeclare({ queue, passive: true })).consumerCount, 0);
  });

  test('nor does it cost a client its call', async (t) => {
    const url = await userWithChannels(broker, 1);
    const queue = await testQueue(t, { url: broker.url });
    const { client } = openClient(t, { urls: url });
    const answer = client.call(queue, '1', { timeout: 60_000 });
    await until(() => client.stats().inFlight === 1);
    await assert.rejects(client.inspectQueue(queue), { code: 'RESOURCE_EXHAUSTED', reason: 'CHANNEL_LIMIT' });
    await startWorker(t, () => 'ok', { queue, urls: broker.url });
    assert.equal(String((await answer).body), 'ok');
  });

  for (const reply of ['direct', 'exclusive', 'per-request'] as const) {
    test(`one channel is enough for calls (${reply})`, async (t) => {
      const url = await userWithChannels(broker, 1);
      const queue = await testQueue(t, { url: broker.url });
      await startWorker(t, () => 'ok', { queue, urls: broker.url, prefetch: 10 });
      const { client } = startClient(t, { urls: url, queue, reply, retry: true });
      const calls = Array.from({ length: 30 }, () => client.call('1', { timeout: 60_000 }));
      for (const call of calls) assert.equal(String((await call).body), 'ok');
    });
  }

  for (const [what, character] of [
    ['two bytes', 'ü'],
    ['three bytes', '€'],
    ['four bytes', '😀'],
  ] as const) {
    test(`a queue with a long name, of characters of ${what}, is looked for, declared and found`, async (t) => {
      const size = Buffer.byteLength(character);
      const url = parseAmqpUrl(broker.url);
      for (const bytes of [180, 210, 250, 255]) {
        const queue = character.repeat(Math.floor(bytes / size)) + 'x'.repeat(bytes % size);
        deleteLater(t, queue);
        assert.equal(await inspectQueue(url, queue), undefined);
        for (const type of ['classic', 'quorum'] as const) {
          const { worker } = await startWorker(t, () => 'ok', { queue, declare: { type }, urls: broker.url });
          assert.equal((await inspectQueue(url, queue))?.consumerCount, 1);
          await worker.close();
        }
      }
    });
  }
});
