import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openProxy } from '../../test-helpers/proxy.ts';
import { field, publishRaw, table } from '../../test-helpers/raw-amqp.ts';
import { addressOnDeadNode, malformedAddresses } from '../../test-helpers/reply-addresses.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;

// Requests that end a consumer below its handler: see DESIGN, "A request can kill below the handler".
describe('a worker that is sent hostile requests', { concurrency: true }, () => {
  test('rejects malformed reply addresses without losing its connection', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { worker, events } = await startWorker(t, echo, { queue });
    for (const replyTo of malformedAddresses) await raw.publish(queue, '1', { replyTo });
    const { client } = startClient(t, { queue });
    assert.equal(String((await client.call('still there')).body), 'echo still there');
    assert.equal(worker.stats().rejected['malformed-reply-to'], malformedAddresses.length);
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
  });

  test('loses its connection at most once to an address on a dead node, and passes it on to nobody', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const one = await startWorker(t, echo, { queue });
    const two = await startWorker(t, echo, { queue });
    await raw.publish(queue, 'deadly', { replyTo: addressOnDeadNode(), correlationId: 'x' });
    const sum = () => {
      const [a, b] = [one.worker.stats(), two.worker.stats()];
      return {
        gone: a.answered + b.answered + a.rejected['caller-gone'] + b.rejected['caller-gone'],
        lost: [...one.events, ...two.events].filter(({ type }) => type === 'disconnected').length,
      };
    };
    // 3.10 closes the connection (541), later versions drop the reply: by then one of the two has dealt with it for good
    await until(async () => {
      const { messageCount, consumerCount } = await raw.channel.queueDeclare({ queue, passive: true });
      return messageCount === 0 && consumerCount === 2 && sum().gone >= 1;
    });
    const { client } = startClient(t, { queue });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => client.call(String(n))));
    assert.equal(answers.length, 10);
    assert.ok(sum().lost <= 1, `${sum().lost} connections were lost`);
    t.diagnostic(`connections lost: ${sum().lost}`);
  });

  test('gets over a whole crowd of callers on a dead node with one reconnect for each worker', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const workers = [await startWorker(t, echo, { queue }), await startWorker(t, echo, { queue })];
    for (let n = 0; n < 20; n++) await raw.publish(queue, 'deadly', { replyTo: addressOnDeadNode(n) });
    const { client } = startClient(t, { queue });
    assert.equal(String((await client.call('behind them')).body), 'echo behind them');
    const lost = workers.flatMap(({ events }) => events).filter(({ type }) => type === 'disconnected').length;
    assert.ok(lost <= workers.length, `${lost} connections were lost`);
  });

  test('answers a redelivered request also if the broker cannot be asked about its caller', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    const holding = await startWorker(t, () => new Promise(() => {}), { queue });
    const { client } = startClient(t, { queue });
    const call = client.call('1');
    await until(() => holding.worker.stats().inFlight === 1);
    const { events } = await startWorker(t, echo, { queue, urls: proxy.url });
    proxy.refuse = true; // as a limit of connections would
    await holding.worker.close({ grace: 0 });
    assert.equal(String((await call).body), 'echo 1');
    assert.equal(events.filter(({ type }) => type === 'probe-failed').length, 3);
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
  });

  test('rejects a redelivered request whose caller is gone, and answers one whose caller is there', async (t) => {
    const queue = await testQueue(t);
    const holding = await startWorker(t, () => new Promise(() => {}), { queue, prefetch: 2 });
    const { client: leaving } = startClient(t, { queue });
    const { client: staying } = startClient(t, { queue });
    const lost = assert.rejects(leaving.call('the caller is gone'), { reason: 'CLOSED' });
    const call = staying.call('I am still here');
    await until(() => holding.worker.stats().inFlight === 2);
    await leaving.close({ grace: 0 });
    await lost;
    await holding.worker.close({ grace: 0 });
    const { worker } = await startWorker(t, echo, { queue });
    assert.equal(String((await call).body), 'echo I am still here');
    await until(() => worker.stats().rejected['caller-gone'] === 1);
    assert.equal(worker.stats().requests, 2);
  });

  test('answers requests whose header table it cannot read', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { queue: replyQueue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyQueue);
    const { events } = await startWorker(t, echo, { queue });
    let deep = field('x', 't', Buffer.from([1]));
    for (let depth = 0; depth < 4_000; depth++) deep = field('x', 'F', table(deep));
    const tables: Record<string, Buffer> = {
      'unknown type L': field('x', 'L', Buffer.alloc(8, 1)),
      'unknown type L in a table': field('y', 'F', table(field('x', 'L', Buffer.alloc(8, 1)))),
      'deeply nested': deep,
      __proto__: field('__proto__', 'F', table(field('polluted', 't', Buffer.from([1])))),
    };
    let sent = 0;
    for (const [name, headers] of Object.entries(tables)) {
      try {
        await publishRaw(queue, name, { headers, replyTo: Buffer.from(replyQueue), contentType: 'application/json' });
        sent++;
      } catch (error) {
        t.diagnostic(`the broker refuses it itself: ${name}: ${error}`);
        continue;
      }
      assert.equal(String((await replies.next()).body), `echo ${name}`);
    }
    assert.ok(sent >= 2, 'the broker let none of them through');
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
    assert.equal('polluted' in {}, false);
  });

  test('answers a request that says its text is something else', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => body.toString('latin1'), { queue });
    const { client } = startClient(t, { queue });
    for (const [contentType, body] of [
      ['application/json', '{"broken'],
      ['application/json', '30'],
      ['text/plain', Buffer.from([0xff, 0x00, 0xfe])],
      ['text/html', ''],
    ] as const) {
      assert.deepEqual(
        (await client.call(body, { contentType })).body,
        Buffer.from(Buffer.from(body).toString('latin1')),
      );
    }
    // our client refuses to say so
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    await raw.publish(queue, '', { contentType: '', replyTo, correlationId: 'empty' });
    const { correlationId, body, type } = await replies.next();
    assert.deepEqual([correlationId, String(body), type], ['empty', '', undefined]);
  });
});
