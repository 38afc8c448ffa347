import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../src/amqp/channel.ts';
import type { RpcClient, RpcClientOptions, RpcReply } from '../../src/client/client.ts';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { openClient, openRaw, type Scope, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

/** A queue whose requests are taken, and never answered. */
async function silentQueue(t: Scope) {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const { received } = await raw.consume(queue);
  return { queue, received, raw };
}

/** Connects, makes N calls and gives how they end, counted. */
async function makeCalls(
  t: Scope,
  queue: string,
  options: RpcClientOptions,
  count: number,
  signalOf: (n: number) => AbortSignal | undefined = () => undefined,
) {
  const { client } = openClient(t, { maxWaiting: 1_000_000, ...options });
  await client.connect();
  const ended: Record<string, number> = {};
  const calls = Array.from({ length: count }, (_, n) =>
    client.call(queue, '1', { signal: signalOf(n) }).then(
      () => 'answered',
      ({ code, name, reason }) => (typeof code === 'string' ? `${code} ${reason}` : name),
    ),
  ).map(async (call) => {
    const how = await call;
    ended[how] = (ended[how] ?? 0) + 1;
  });
  return { client, ended, settled: Promise.all(calls) };
}

/** Waits until the requests of as many calls as may be in flight are there; the queues of `per-request` take their time. */
async function underWay(client: RpcClient, received: readonly unknown[], maxInFlight: number): Promise<void> {
  assert.equal(client.stats().inFlight, maxInFlight);
  await until(() => received.length === maxInFlight);
}

/** Makes N calls at once, anew if this machine was too slow to send them all in their time; gives their requests and ends. */
async function sentInTime(client: RpcClient, queue: string, received: Delivery[], count: number) {
  await client.connect();
  for (let batch = 0; ; batch++) {
    const outcomes = Promise.allSettled(Array.from({ length: count }, () => client.call(queue, String(batch))));
    let over = false;
    void outcomes.then(() => (over = true));
    const sent = () => received.filter(({ body }) => String(body) === String(batch));
    await until(() => over || sent().length === count);
    if (!over) return { requests: sent(), outcomes };
  }
}

for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
  // the faults tier makes as many with each design
  const many = reply === 'direct' ? 20_000 : 5_000;
  // the others wait; a broker takes its time for 1,000 queues
  const maxInFlight = reply === 'per-request' ? 200 : 1_000;
  describe(`many calls with ${reply} replies`, () => {
    test(`${many} that time out end no process`, async (t) => {
      const { queue, received } = await silentQueue(t);
      const { client, ended, settled } = await makeCalls(t, queue, { reply, maxInFlight, timeout: 1_000 }, many);
      await settled;
      assert.equal(
        Object.values(ended).reduce((sum, count) => sum + count),
        many,
      );
      assert.deepEqual(Object.keys(ended), ['DEADLINE_EXCEEDED TIMEOUT']);
      assert.deepEqual(client.stats(), { waiting: 0, inFlight: 0, discarded: client.stats().discarded });
      // how many found a place before their time was over is a matter of this machine
      assert.deepEqual(
        received.filter(({ expiration }) => !(Number(expiration) > 0)),
        [],
        'sent when their time was over',
      );
    });

    test(`${many} that one signal aborts share a listener, and none is sent in the place of another`, async (t) => {
      const { queue, received } = await silentQueue(t);
      const given = new AbortController();
      const { client, ended, settled } = await makeCalls(t, queue, { reply, maxInFlight }, many, () => given.signal);
      assert.equal(getEventListeners(given.signal, 'abort').length, 1);
      await underWay(client, received, maxInFlight);
      given.abort();
      assert.deepEqual([client.stats().inFlight, client.stats().waiting], [0, 0]);
      await settled;
      assert.deepEqual(ended, { AbortError: many });
      assert.equal(getEventListeners(given.signal, 'abort').length, 0);
      await delay(100);
      assert.equal(received.length, maxInFlight, 'none of those that waited was sent');
    });

    test(`${many} that are aborted one after the other: none of those that wait is sent`, async (t) => {
      const { queue, received } = await silentQueue(t);
      const given = Array.from({ length: many }, () => new AbortController());
      const { client, ended, settled } = await makeCalls(
        t,
        queue,
        { reply, maxInFlight },
        given.length,
        (n) => given[n]?.signal,
      );
      await underWay(client, received, maxInFlight);
      for (const controller of given) controller.abort();
      await settled;
      assert.deepEqual(ended, { AbortError: many });
      await delay(100);
      assert.equal(received.length, maxInFlight);
    });

    test(`${many} of a client that is closed, or loses its connection, end at once`, async (t) => {
      const { queue, received } = await silentQueue(t);
      const closed = await makeCalls(t, queue, { reply, maxInFlight }, many);
      await underWay(closed.client, received, maxInFlight);
      await closed.client.close({ grace: 0 });
      await closed.settled;
      assert.deepEqual(closed.ended, { 'CANCELLED CLOSED': many });

      const proxy = await openProxy(t);
      received.length = 0;
      const lost = await makeCalls(t, queue, { reply, maxInFlight, urls: proxy.url }, many);
      await underWay(lost.client, received, maxInFlight);
      proxy.refuse = true;
      proxy.cut();
      await lost.settled;
      // those in flight; those that waited find no broker any more
      assert.deepEqual(lost.ended, {
        'UNAVAILABLE CONNECTION_LOST': maxInFlight,
        'UNAVAILABLE NO_BROKER': many - maxInFlight,
      });
    });
  });
}

describe('many calls', () => {
  test('that share a signal with calls of every kind of end leave it alone afterwards', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => String(body), { queue, prefetch: 100 });
    const { client } = openClient(t);
    const given = new AbortController();
    const answers: Promise<RpcReply>[] = [];
    for (let n = 0; n < 5_000; n++) answers.push(client.call(queue, String(n), { signal: given.signal }));
    assert.equal(getEventListeners(given.signal, 'abort').length, 1);
    for (const [n, { body }] of (await Promise.all(answers)).entries()) assert.equal(String(body), String(n));
    assert.equal(getEventListeners(given.signal, 'abort').length, 0);
    await assert.rejects(client.call(`${queue}.none`, '1', { signal: given.signal }), { reason: 'NO_QUEUE' });
    assert.equal(getEventListeners(given.signal, 'abort').length, 0);
  });

  test('that are answered while the event loop is held are not given up for that', async (t) => {
    const queue = await testQueue(t);
    const { client } = openClient(t, { timeout: 1_000 });
    const raw = await openRaw(t);
    const { received } = await raw.consume(queue);
    const { requests, outcomes } = await sentInTime(client, queue, received, 1_000);
    // the replies are on their way, and nobody reads them until the time of all calls is up
    for (const { replyTo = '', correlationId, body } of requests)
      raw.channel.publish({ routingKey: replyTo, correlationId }, body);
    await new Promise(setImmediate);
    const held = performance.now();
    while (performance.now() - held < 1_500);
    const answered = (await outcomes).filter(({ status }) => status === 'fulfilled');
    assert.equal(answered.length, 1_000);
    assert.equal(client.stats().discarded.late, 0);
  });

  test('still time out when the event loop was held and no reply is there', async (t) => {
    const { queue, received } = await silentQueue(t);
    const { client } = openClient(t, { timeout: 500 });
    const { outcomes } = await sentInTime(client, queue, received, 100);
    const held = performance.now();
    while (performance.now() - held < 700);
    for (const outcome of await outcomes)
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'DEADLINE_EXCEEDED');
  });
});

describe('a client whose requests nobody reads', () => {
  test('keeps no more of them than the connection may hold, says why, and goes on when they are read', async (t) => {
    const proxy = await openProxy(t);
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => String(body.length), { queue });
    const { client } = openClient(t, { urls: proxy.url, maxInFlight: 10, maxWaiting: 1_000 });
    await client.connect();
    const body = Buffer.alloc(2 ** 20);
    proxy.holdUp();
    const failures: string[] = [];
    for (let round = 0; round < 30; round++) {
      const calls = Array.from({ length: 10 }, () => client.call(queue, body, { timeout: 30 }));
      for (const call of await Promise.allSettled(calls))
        if (call.status === 'rejected') failures.push(String(call.reason.message));
    }
    assert.equal(failures.length, 300);
    const unsent = failures.filter((message) => /is too slow for what was sent before it/.test(message));
    assert.ok(unsent.length > 200, `${unsent.length} of 300 MiB were not sent`);
    proxy.open();
    assert.equal((await client.call(queue, body, { timeout: 120_000 })).text(), String(2 ** 20));
  });
});
