import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { type RequestContext, RpcWorker, type WorkerEvent } from '../../src/worker/worker.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { deleteAfter, openRaw, startClient, testQueue, until } from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;

describe('a worker that serves several queues', { concurrency: true }, () => {
  test('consumes all of them over one connection once it is started, each by its own handler and options', async (t) => {
    const [one, two] = [await testQueue(t), await testQueue(t)];
    const worker = new RpcWorker(amqpUrl());
    t.after(() => worker.close({ grace: 0 }));
    const events: WorkerEvent[] = [];
    worker.on('*', (event) => events.push(event));
    worker.serve(one, () => 'one').serve(two, (request) => ({ two: request.json() as number }), { prefetch: 5 });
    await worker.start();
    const consuming = events.filter((event) => event.type === 'consuming');
    assert.deepEqual(
      new Map(consuming.map(({ queue, prefetch }) => [queue, prefetch])),
      new Map([
        [one, 1],
        [two, 5],
      ]),
    );
    assert.equal(events.filter(({ type }) => type === 'connected').length, 1);
    const [first, second] = [startClient(t, { queue: one }).client, startClient(t, { queue: two }).client];
    assert.equal(String((await first.call('1')).body), 'one');
    const reply = await second.call('2');
    assert.deepEqual([String(reply.body), reply.contentType], ['{"two":2}', 'application/json']);
    assert.equal(worker.stats().answered, 2);
  });

  test('goes on with the others when the channel of one is lost, and takes that one up again', async (t) => {
    const [one, two] = [await testQueue(t), await testQueue(t)];
    const worker = new RpcWorker(amqpUrl());
    t.after(() => worker.close({ grace: 0 }));
    const events: WorkerEvent[] = [];
    worker.on('*', (event) => events.push(event));
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    worker.serve(one, echo).serve(two, () => gate.then(() => 'two'));
    await worker.start();
    const held = startClient(t, { queue: two }).client.call('');
    await until(() => worker.stats().inFlight === 1);
    const raw = await openRaw(t);
    await raw.channel.queueDelete(one);
    await until(() => events.some((event) => event.type === 'disconnected' && event.queue === one));
    go();
    assert.equal(String((await held).body), 'two');
    await until(() => events.filter((event) => event.type === 'consuming' && event.queue === one).length === 2);
    assert.equal(String((await startClient(t, { queue: one }).client.call('1')).body), 'echo 1');
    assert.equal(events.filter(({ type }) => type === 'connected').length, 1);
    assert.equal(worker.stats().abandoned, 0);
    await raw.channel.queueDelete(one);
  });

  test('never writes a reply to any of them', async (t) => {
    const [one, two] = [await testQueue(t), await testQueue(t)];
    const worker = new RpcWorker(amqpUrl());
    t.after(() => worker.close({ grace: 0 }));
    worker.serve(one, echo, { allowReplyTo: ['*'] }).serve(two, echo, { allowReplyTo: ['*'] });
    await worker.start();
    const raw = await openRaw(t);
    await raw.publish(one, 'ping', { replyTo: two });
    await raw.publish(two, 'pong', { replyTo: one });
    await until(() => worker.stats().rejected['refused-reply-to'] === 2);
    assert.equal(worker.stats().answered, 0);
  });

  test('consumes none of them any more once it is closed, not even one that it was about to', async (t) => {
    const one = await testQueue(t);
    const late = `test.${randomUUID()}`; // is to be declared, and that takes longer
    deleteAfter(t, late);
    const worker = new RpcWorker(amqpUrl());
    const consumed: string[] = [];
    worker.on('consuming', ({ queue }) => consumed.push(queue));
    let closed: Promise<{ unfinished: number }> | undefined;
    let end = () => {};
    const hold = () => {
      closed = worker.close({ grace: 3_600_000 });
      return new Promise<string>((resolve) => (end = () => resolve('done')));
    };
    const call = startClient(t, { queue: one }).client.call('');
    const { channel } = await openRaw(t);
    await until(async () => (await channel.queueDeclare({ queue: one, passive: true })).messageCount === 1);
    worker.serve(one, hold).serve(late, echo);
    worker.start().catch(() => {});
    await until(() => closed !== undefined && consumed.includes(late));
    await until(async () => (await channel.queueDeclare({ queue: late, passive: true })).consumerCount === 0);
    end();
    assert.equal((await call).text(), 'done');
    assert.deepEqual(await closed, { unfinished: 0 });
  });

  test('drains them all when it is closed', async (t) => {
    const [one, two] = [await testQueue(t), await testQueue(t)];
    const worker = new RpcWorker({ urls: amqpUrl() });
    t.after(() => worker.close({ grace: 0 }));
    const slow = async ({ body }: { body: Buffer }) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return `slow ${body}`;
    };
    await worker.serve(one, slow).serve(two, slow).start();
    const calls = [one, two].map((queue) => startClient(t, { queue }).client.call('1'));
    await until(() => worker.stats().inFlight === 2);
    assert.deepEqual(await worker.close(), { unfinished: 0 });
    for (const call of calls) assert.equal(String((await call).body), 'slow 1');
    assert.equal(worker.stats().abandoned, 0);
  });
});

describe('a worker’s life', { concurrency: true }, () => {
  test('has no second serve() for a queue, none after start(), and no start() without a queue', async (t) => {
    const queue = await testQueue(t);
    const worker = new RpcWorker(amqpUrl());
    t.after(() => worker.close({ grace: 0 }));
    worker.serve(queue, echo);
    assert.throws(() => worker.serve(queue, echo), /serves that queue already/);
    assert.equal(worker.start(), worker.start());
    assert.throws(() => worker.serve('another', echo), /the worker is started/);
    await worker.start();
    await assert.rejects(new RpcWorker(amqpUrl()).start(), /serves no queue/);
  });

  test('ends before it began if it is closed while it can not connect, also if nobody waits for start()', async () => {
    const worker = new RpcWorker('amqp://guest:guest@127.0.0.1:1');
    const retried = new Promise((resolve) => worker.once('retrying', resolve));
    worker.serve('q', echo);
    void worker.start();
    await retried;
    assert.deepEqual(await worker.close(), { unfinished: 0 });
    await assert.rejects(worker.start(), { code: 'CANCELLED', reason: 'CLOSED' });
    const never = new RpcWorker();
    await never.close();
    assert.throws(() => never.serve('q', echo), /the worker is closed/);
    await assert.rejects(never.start(), { code: 'CANCELLED', reason: 'CLOSED' });
  });

  test('leaves a function its own settings where an option is undefined', async (t) => {
    const queue = await testQueue(t);
    const handler = (_: unknown, { options }: RequestContext) => options;
    const served = { queue, handler, prefetch: 20, maxRequestBytes: 10, functionOptions: { unit: 'kg' } };
    const worker = new RpcWorker(amqpUrl());
    t.after(() => worker.close({ grace: 0 }));
    const prefetches: number[] = [];
    worker.on('consuming', ({ prefetch }) => prefetches.push(prefetch));
    worker.serve(served, { prefetch: undefined, maxRequestBytes: undefined, functionOptions: undefined });
    await worker.start();
    assert.deepEqual(prefetches, [20]);
    const { client } = startClient(t, { queue });
    assert.equal((await client.call('1')).text(), '{"unit":"kg"}');
    await assert.rejects(client.call('x'.repeat(11)), /the limit is 10/);
  });

  test('has options that are checked, their types as well', async () => {
    const serve = (options: object) => () => new RpcWorker().serve('q', echo, options);
    const wrong: readonly (readonly [() => unknown, RegExp])[] = [
      [() => new RpcWorker(5 as unknown as string), /^options: expected an object, got 5/],
      [() => new RpcWorker({ url: 'amqp://h' } as object), /^options: expected options among .*got 'url'/],
      [() => new RpcWorker({ urls: 5 as unknown as string }), /^urls: .*got 5/],
      [() => new RpcWorker({ tls: true as unknown as object }), /^tls: .*got true/],
      [() => new RpcWorker({ tls: { cert: 'no PEM', key: 'nor this' } }), /^tls: .*can be read/],
      [() => new RpcWorker({ urls: ['amqp://a', 'amqp://b'], tls: { servername: 'c' } }), /^tls: .*write amqps:/],
      [() => new RpcWorker({ connectionName: 5 as unknown as string }), /^connectionName: .*got 5/],
      [() => new RpcWorker().serve(5 as unknown as string, echo), /^queue: .*got 5/],
      [() => new RpcWorker().serve('q', 'echo' as unknown as () => string), /^handler: .*got 'echo'/],
      [serve({ prefetch: '5' }), /^prefetch: .*got '5'/],
      [serve({ prefech: 5 }), /^options: .*got 'prefech'/],
      [serve({ maxRun: Number.POSITIVE_INFINITY }), /^maxRun: .*got Infinity/],
      [serve({ maxRun: 2 ** 31 }), /^maxRun: .*got 2147483648/],
      [serve({ maxRequestBytes: 1.5 }), /^maxRequestBytes: .*got 1.5/],
      [serve({ checkCaller: 'no' }), /^checkCaller: .*got 'no'/],
      [serve({ contentType: 5 }), /^contentType: .*got 5/],
      [serve({ declare: { durable: 'yes' } }), /^declare\.durable: .*got 'yes'/],
      [serve({ declare: { kind: 'quorum' } }), /^declare: .*got 'kind'/],
      [serve({ allowReplyTo: 'replies.*' }), /^allowReplyTo: .*got 'replies\.\*'/],
      [serve({ functionOptions: 5 }), /^functionOptions: .*got 5/],
      [serve({ maxOverruns: 0 }), /^maxOverruns: .*got 0/],
      [serve(5 as unknown as object), /^options: .*got 5/],
      [serve(true as unknown as object), /^options: .*got true/],
      [serve([]), /^options: .*got \[\]/],
    ];
    for (const [make, message] of wrong) assert.throws(make, { name: 'TypeError', message });
    new RpcWorker({ urls: ['amqp://a', 'amqps://b'], tls: { servername: 'c' } });
    for (const grace of [Number.POSITIVE_INFINITY, Number.NaN, -1, '5'] as number[])
      await assert.rejects(new RpcWorker().close({ grace }), { name: 'TypeError', message: /^grace: expected milli/ });
    for (const options of [5, { grase: 5 }])
      await assert.rejects(new RpcWorker().close(options as object), { name: 'TypeError', message: /^options: / });
  });
});
