import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { clearMemoryAlarm, setMemoryAlarm } from '../../test-helpers/memory-alarm.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { openClient, openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

// A node of this file's own: its memory alarm blocks all who publish, and its limits are low.
let broker: PrivateBroker;
before(async () => {
  broker = await startTestBroker({ config: ['frame_max = 8192', 'channel_max = 20', 'max_message_size = 200000'] });
});
after(() => broker[Symbol.asyncDispose]());

describe('with a RabbitMQ that takes no passwords, or is low on memory', () => {
  test('a client is told which log-ins it takes where passwords are none of them', async (t) => {
    const allow = (...mechanisms: string[]) =>
      broker.ctl('eval', `application:set_env(rabbit, auth_mechanisms, [${mechanisms.map((name) => `'${name}'`)}]).`);
    t.after(() => allow('PLAIN', 'AMQPLAIN'));
    await allow('AMQPLAIN', 'RABBIT-CR-DEMO');
    await assert.rejects(connect(parseAmqpUrl(broker.url)), {
      code: 'UNAUTHENTICATED',
      reason: 'ACCESS_REFUSED',
      message: /does not take a user and password \(PLAIN\), only .*AMQPLAIN.*\(auth_mechanisms\)/,
    });
  });

  test('a client hands over nothing while it is blocked, and never what timed out meanwhile', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    const seen: string[] = [];
    const handler = ({ body }: { body: Buffer }) => {
      seen.push(String(body));
      return 'ok';
    };
    await startWorker(t, handler, { queue, urls: url });
    const { client, events } = startClient(t, { queue, urls: url });
    await client.call('before');
    await setMemoryAlarm(broker);
    // the broker tells a connection that it is blocked once it publishes
    const blocked = () => events.some(({ type }) => type === 'blocked');
    let noticed: Promise<unknown> = Promise.resolve();
    await until(async () => {
      noticed = client.call('the one that finds out', { timeout: 60_000 });
      await Promise.race([noticed, until(blocked)]);
      return blocked();
    });
    await assert.rejects(client.call('never sent', { timeout: 100 }), {
      code: 'DEADLINE_EXCEEDED',
      message: /blocks publishers/,
    });
    const patient = client.call('patient', { timeout: 60_000 });
    assert.ok(client.stats().waiting >= 1);
    await clearMemoryAlarm(broker);
    assert.equal(String((await patient).body), 'ok');
    await noticed;
    assert.ok(seen.includes('patient'));
    assert.ok(!seen.includes('never sent'));
  });

  test('a call that went out just before publishers were blocked says so when nobody answers it', async (t) => {
    const { url } = broker;
    t.after(() => clearMemoryAlarm(broker));
    const queue = await testQueue(t, { url });
    const { client, events } = openClient(t, { urls: url });
    await client.connect();
    await setMemoryAlarm(broker);
    const call = client.call(queue, 'x', { timeout: 2_000 });
    const rejected = assert.rejects(call, {
      code: 'DEADLINE_EXCEEDED',
      reason: 'TIMEOUT',
      message: /within 2 s: RabbitMQ blocks publishers .* may not have read the request/,
    });
    await until(() => events.some(({ type }) => type === 'blocked'));
    await rejected;
  });

  test('a worker holds its replies and takes no new work until it is unblocked', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    const release = new Map<string, () => void>();
    const handler = ({ body }: { body: Buffer }) =>
      new Promise<string>((resolve) => release.set(String(body), () => resolve(`did ${body}`)));
    const { worker, events } = await startWorker(t, handler, { queue, urls: url, prefetch: 10 });
    const raw = await openRaw(t, url);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    for (const body of ['1', '2']) await raw.publish(queue, body, { replyTo });
    await until(() => release.size === 2);
    await setMemoryAlarm(broker);
    release.get('1')?.(); // its reply is what makes the broker say so
    await until(() => events.some(({ type }) => type === 'blocked'));
    release.get('2')?.();
    // a connection is blocked after its first header frame, so that a message without a body still gets through
    await raw.publish(queue, '', { replyTo, expiration: '1000' });
    await until(() => worker.stats().requests === 3);
    const arrived = performance.now();
    await until(() => performance.now() - arrived > 1_000);
    assert.equal(release.has(''), false, 'no new work');
    assert.equal(worker.stats().answered, 1);
    await clearMemoryAlarm(broker);
    const bodies = [await replies.next(), await replies.next(), await replies.next()].map(({ body }) => String(body));
    assert.deepEqual(bodies.slice(0, 2).sort(), ['did 1', 'did 2']);
    assert.equal(JSON.parse(bodies[2] ?? '').code, 'DEADLINE_EXCEEDED', 'it waited past its expiration');
  });
});

describe('with a RabbitMQ that allows little', { concurrency: true }, () => {
  test('calls with a queue each take turns on the few channels there may be', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    await startWorker(t, ({ body }) => `echo ${body}`, { queue, urls: url, prefetch: 100 });
    const { client } = startClient(t, { queue, urls: url, reply: 'per-request', retry: true });
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const answers = await Promise.all(numbers.map((n) => client.call(String(n))));
    assert.deepEqual(
      answers.map(({ body }) => String(body)),
      numbers.map((n) => `echo ${n}`),
    );
  });

  test('calls that are given up do not stand in the way of those that come after', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    await startWorker(t, () => 'ok', { queue, urls: url });
    const { client } = startClient(t, { queue, urls: url, reply: 'per-request' });
    const given = new AbortController();
    const calls = Array.from({ length: 500 }, () => client.call('1', { signal: AbortSignal.any([given.signal]) }));
    given.abort(new Error('given up'));
    for (const call of calls) await assert.rejects(call, /given up/);
    assert.equal(String((await client.call('2')).body), 'ok');
  });

  test('a reply larger than the broker takes costs one reconnect, and then its caller is told', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    const { events } = await startWorker(t, ({ body }) => 'x'.repeat(Number(body)), { queue, urls: url });
    const { client } = startClient(t, { queue, urls: url });
    await assert.rejects(client.call('300000'), { code: 'RESOURCE_EXHAUSTED', message: /at most 200000/ });
    assert.equal((await client.call('200000')).body.length, 200_000);
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 1);
  });

  test('a call whose headers are longer than a frame is refused, and the others go on', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    await startWorker(t, () => 'ok', { queue, urls: url });
    const { client, events } = startClient(t, { queue, urls: url, retry: true });
    const refused = client.call('1', { headers: { long: 'x'.repeat(10_000) } });
    const other = client.call('2');
    await assert.rejects(refused, {
      code: 'INVALID_ARGUMENT',
      reason: 'TOO_LARGE',
      message: /headers have 10\d+ octets/,
    });
    assert.equal(String((await other).body), 'ok');
    assert.deepEqual(
      events.map(({ type }) => type),
      ['connected'],
    );
  });

  for (const reply of ['direct', 'exclusive', 'per-request'] as const) {
    test(`a request larger than the broker takes is refused, and fails no other call that may be made again (${reply})`, async (t) => {
      const { url } = broker;
      const queue = await testQueue(t, { url });
      const release: (() => void)[] = [];
      const handler = () => new Promise<string>((resolve) => release.push(() => resolve('ok')));
      const { worker } = await startWorker(t, handler, { queue, urls: url, prefetch: 10 });
      const { client, events } = startClient(t, { queue, urls: url, reply, retry: true });
      const others = [client.call('1'), client.call('2')];
      await until(() => worker.stats().inFlight === 2);
      const refused = { code: 'INVALID_ARGUMENT', message: /300000 bytes; the limit is 200000/ };
      await assert.rejects(client.call('x'.repeat(300_000)), refused);
      const before = events.filter(({ type }) => type === 'disconnected').length;
      await assert.rejects(client.call('x'.repeat(300_000)), refused);
      assert.equal(events.filter(({ type }) => type === 'disconnected').length, before, 'it has learned');
      let answered = false;
      const all = Promise.all(others).then(() => {
        answered = true;
      });
      await until(() => {
        for (const one of release.splice(0)) one();
        return answered;
      });
      await all;
    });
  }

  test('without retry, the other calls are told that their channel is lost', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    const { worker } = await startWorker(t, () => new Promise(() => {}), { queue, urls: url, prefetch: 10 });
    const { client } = startClient(t, { queue, urls: url });
    const other = assert.rejects(client.call('1'), { code: 'UNAVAILABLE', reason: 'CONNECTION_LOST' });
    await until(() => worker.stats().inFlight === 1);
    await assert.rejects(client.call('x'.repeat(300_000)), { code: 'INVALID_ARGUMENT' });
    await other;
  });

  test('those that wait are refused with the first, and cost no channel each', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    await startWorker(t, () => 'ok', { queue, urls: url });
    const { client, events } = startClient(t, { queue, urls: url, maxInFlight: 1 });
    const tooLong = Array.from({ length: 3 }, () => client.call('x'.repeat(300_000)));
    const fits = client.call('1');
    for (const call of tooLong) await assert.rejects(call, { code: 'INVALID_ARGUMENT', message: /200/ });
    assert.equal(String((await fits).body), 'ok');
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 1);
  });

  test('long requests and replies pass in frames smaller than those we ask for', async (t) => {
    const { url } = broker;
    const queue = await testQueue(t, { url });
    await startWorker(t, ({ body }) => body.toString('latin1'), { queue, urls: url });
    const { client } = startClient(t, { queue, urls: url });
    for (const bytes of [8_184, 8_185, 100_000]) {
      assert.equal((await client.call('x'.repeat(bytes))).body.length, bytes);
    }
  });
});
