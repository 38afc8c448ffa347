import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Delivery, MessageProperties } from '../../src/amqp/channel.ts';
import { type CallOptions, RpcClient } from '../../src/client/client.ts';
import type { FunctionContract } from '../../src/protocol/contract.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { frame, int, method, short } from '../../test-helpers/raw-amqp.ts';
import { openClient, openRaw, type Scope, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

/** A queue whose requests the test answers itself. */
async function answered(t: Scope) {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const requests = await raw.consume(queue);
  const answer = (
    { replyTo = '', correlationId }: Delivery,
    body: string | Buffer,
    properties: MessageProperties = {},
  ) => raw.publish(replyTo, body, { correlationId, ...properties });
  return { queue, requests, answer };
}

describe('a call', { concurrency: true }, () => {
  test('goes to any queue, over one connection', async (t) => {
    const proxy = await openProxy(t);
    const { client } = openClient(t, { urls: proxy.url });
    const queues = await Promise.all([1, 2, 3].map(() => testQueue(t)));
    for (const queue of queues) await startWorker(t, ({ body }) => `${queue} ${body}`, { queue });
    const replies = await Promise.all(queues.map((queue) => client.call(queue, 'x')));
    assert.deepEqual(
      replies.map((reply) => reply.text()),
      queues.map((queue) => `${queue} x`),
    );
    assert.equal(proxy.connections, 1);
  });

  test('is sent with an id that is its message id as well, and with headers and priority if given', async (t) => {
    const { queue, requests, answer } = await answered(t);
    const { client } = openClient(t);
    const headers = { tenant: 'a', n: 5, deep: { list: [true, null] } };
    const calls = [client.call(queue, '1'), client.call(queue, '2', { headers, priority: 7, contentType: 'a/b' })];
    const [plain, rich] = [await requests.next(), await requests.next()];
    for (const { correlationId, messageId, deliveryMode, contentType } of [plain, rich])
      assert.deepEqual([messageId, deliveryMode, contentType === ''], [correlationId, 1, false]);
    assert.deepEqual([plain.priority, plain.contentType], [undefined, 'text/plain']);
    assert.deepEqual({ ...plain.headers }, { 'rpc-cancel': true });
    assert.deepEqual(JSON.parse(JSON.stringify(rich.headers)), { ...headers, 'rpc-cancel': true });
    assert.deepEqual([rich.priority, rich.contentType], [7, 'a/b']);
    assert.ok(Number(plain.expiration) > 29_000 && Number(plain.expiration) <= 30_000, plain.expiration);
    for (const request of [plain, rich]) await answer(request, 'ok');
    await Promise.all(calls);
  });

  test("has an id that tells nothing of the next one's: who read a request can't answer another", async (t) => {
    const { queue, requests, answer } = await answered(t);
    const { client } = openClient(t);
    const calls = [client.call(queue, '1'), client.call(queue, '2')];
    const [first, second] = [await requests.next(), await requests.next()];
    const [, tag, number] = /^(.{11})(\d+)$/.exec(first.correlationId ?? '') ?? [];
    const guesses = [`${tag}${Number(number) + 1}`, first.correlationId?.replace(/.$/, '2')];
    for (const correlationId of guesses) await answer(first, 'forged', { correlationId });
    await answer(second, 'true');
    await answer(first, 'true');
    for (const call of calls) assert.equal((await call).text(), 'true');
    assert.equal(client.stats().discarded.unknown, guesses.length);
  });

  test('has the bytes that it was made with, even if they change later', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => `${body.length} of ${body[0]} ${body.every((octet) => octet === body[0])}`, {
      queue,
    });
    const { client } = openClient(t);
    for (const size of [16, 300_000]) {
      const body = new Uint8Array(size);
      const calls = [1, 2, 3, 4, 5].map((n) => client.call(queue, body.fill(n)));
      body.fill(9);
      const replies = await Promise.all(calls);
      assert.deepEqual(
        replies.map((reply) => reply.text()),
        [1, 2, 3, 4, 5].map((n) => `${size} of ${n} true`),
      );
    }
  });

  test('with a wrong option rejects with a TypeError that names it and the value, and sends nothing', async (t) => {
    const { queue, requests } = await answered(t);
    const { client } = openClient(t);
    const cases: [object, RegExp][] = [
      [{ timeout: '5000' }, /^timeout: .*got '5000'/],
      [{ timeout: Number.NaN }, /^timeout: .*got NaN/],
      [{ timeot: 5 }, /^options: .*got 'timeot'/],
      [{ signal: new AbortController() }, /^signal: .*got AbortController/],
      [{ priority: 256 }, /^priority: .*got 256/],
      [{ headers: [] }, /^headers: .*got \[\]/],
      [{ headers: { 'x-death': 1 } }, /^headers: .*"x-death".*reserved/],
      [{ headers: { CC: ['other.queue'] } }, /^headers: .*"CC".*reserved/],
      [{ headers: { f: () => 1 } }, /^headers\.f: /],
      [{ contentType: 5 }, /^contentType: .*got 5/],
    ];
    for (const [options, message] of cases)
      await assert.rejects(client.call(queue, '', options as CallOptions), { name: 'TypeError', message });
    const wrongCalls: [unknown, unknown, RegExp][] = [
      ['', '1', /^queue: .*0 bytes/],
      [5, '1', /^queue: .*got 5/],
      [queue, 5, /^body: .*got 5/],
      [queue, undefined, /^body: .*got undefined/],
      [queue, { a: 1 }, /^body: .*got { a: 1 }; callJson\(\) sends values$/],
    ];
    for (const [to, body, message] of wrongCalls)
      await assert.rejects(client.call(to as string, body as string), { name: 'TypeError', message });
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const wrongValues: [unknown, RegExp][] = [
      [undefined, /^value: .*got undefined$/],
      [5n, /^value: expected a JSON value, got 5n: .*BigInt$/],
      [cycle, /^value: expected a JSON value, got <ref.*circular structure.*$/],
    ];
    for (const [value, message] of wrongValues)
      await assert.rejects(client.callJson(queue, value), { name: 'TypeError', message });
    for (const options of [5, null])
      await assert.rejects(client.callJson(queue, 1, options as unknown as CallOptions), {
        name: 'TypeError',
        message: `options: expected an object, got ${options}`,
      });
    assert.throws(() => client.function(undefined as unknown as FunctionContract), {
      name: 'TypeError',
      message: 'function: expected an object, got undefined',
    });
    const wrongClosings: [unknown, RegExp][] = [
      [{ grace: '1' }, /^grace: .*got '1'/],
      [{ grase: 1 }, /^options: expected options among grace, got 'grase'/],
      [5, /^options: expected an object, got 5/],
    ];
    for (const [options, message] of wrongClosings)
      assert.throws(() => client.close(options as { grace: number }), { name: 'TypeError', message });
    assert.equal(requests.received.length, 0);
  });

  test('by callJson sends a value and gets one', async (t) => {
    const queue = await testQueue(t);
    const double = (request: { json(): unknown }) => ({ doubled: 2 * Number(request.json()) });
    await startWorker(t, double, { queue, contentType: 'application/json' });
    const { client } = openClient(t);
    assert.deepEqual(await client.callJson(queue, 21), { doubled: 42 });
  });

  test('that fails here says why in one word', async (t) => {
    const { queue } = await answered(t);
    const { client } = openClient(t, { maxInFlight: 1, maxWaiting: 1, maxRequestBytes: 10 });
    const none = new RpcClient('amqp://localhost:1');
    t.after(() => none.close());
    const reasons: (string | undefined)[] = [];
    const failed = async (call: Promise<unknown>) => {
      const error = await call.catch((thrown) => thrown);
      assert.ok(error instanceof RpcError, String(error));
      reasons.push(error.reason);
    };
    await failed(client.call(queue, 'x'.repeat(11)));
    await failed(client.call(queue, 'ä'.repeat(6)));
    await failed(none.call(queue, '1'));
    await failed(client.call(`${queue}.none`, '1'));
    const held = [client.call(queue, '1', { timeout: 200 }), client.call(queue, '2', { timeout: 60_000 })];
    await failed(client.call(queue, '3'));
    const [first = Promise.resolve(), second = Promise.resolve()] = held;
    await failed(first);
    const closed = failed(second);
    await client.close({ grace: 0 });
    await closed;
    await failed(client.call(queue, '1'));
    assert.deepEqual(reasons, [
      'TOO_LARGE',
      'TOO_LARGE',
      'NO_BROKER',
      'NO_QUEUE',
      'TOO_MANY_CALLS',
      'TIMEOUT',
      'CLOSED',
      'CLOSED',
    ]);
  });

  test('that nobody answers is told what it may be', async (t) => {
    const { queue } = await answered(t);
    const { client } = openClient(t);
    await client.connect(); // so that it is sent
    await assert.rejects(client.call(queue, '1', { timeout: 50 }), {
      code: 'DEADLINE_EXCEEDED',
      message: /within 50 ms: does a worker serve it\? .*queue full .*call its own queue/,
    });
  });

  test('that waits for a broker to come back is told why that did not', async (t) => {
    const { queue } = await answered(t);
    const proxy = await openProxy(t);
    const { client } = openClient(t, { urls: proxy.url, retry: true });
    await client.connect();
    proxy.refuse = true;
    proxy.cut();
    await assert.rejects(client.call(queue, '1', { timeout: 1_000 }), (error: RpcError) => {
      assert.deepEqual([error.code, error.reason], ['DEADLINE_EXCEEDED', 'NO_BROKER']);
      assert.match(error.message, /there was no connection to RabbitMQ: .*127\.0\.0\.1/);
      assert.ok(error.cause instanceof RpcError);
      return true;
    });
  });
});

describe('a reply', { concurrency: true }, () => {
  test('has headers, a content type and a content encoding, of which the body is freed', async (t) => {
    const { queue, requests, answer } = await answered(t);
    const { client } = openClient(t);
    const text = '{"it":"is"}';
    const encodings: [string, Buffer][] = [
      ['gzip', gzipSync(text)],
      ['deflate', deflateSync(text)],
      ['deflate', deflateRawSync(text)],
      ['br', brotliCompressSync(text)],
    ];
    for (const [contentEncoding, body] of encodings) {
      const call = client.call(queue, '1');
      await answer(await requests.next(), body, { contentEncoding, contentType: 'text/plain', headers: { a: 'b' } });
      const reply = await call;
      assert.deepEqual([reply.contentEncoding, reply.contentType], [contentEncoding, 'text/plain']);
      assert.deepEqual([{ ...reply.headers }, reply.body.equals(body)], [{ a: 'b' }, true]);
      assert.deepEqual([reply.text(), reply.json(), String(reply.bytes())], [text, { it: 'is' }, text]);
    }
    const call = client.call(queue, '1');
    await answer(await requests.next(), 'plain');
    assert.deepEqual([(await call).headers, (await call).contentEncoding], [{}, undefined]);
  });

  test('that can not be read is an error that says why, and its octets are there all the same', async (t) => {
    const { queue, requests, answer } = await answered(t);
    const { client } = openClient(t);
    const bomb = gzipSync(Buffer.alloc(17 * 1024 * 1024));
    const cases: [string | Buffer, MessageProperties, Partial<RpcError> | RegExp][] = [
      ['x', { contentEncoding: 'zstd' }, { code: 'UNIMPLEMENTED', reason: 'UNSUPPORTED_ENCODING' }],
      ['x', { contentEncoding: 'gzip' }, { code: 'DATA_LOSS', reason: 'UNREADABLE' }],
      [bomb, { contentEncoding: 'gzip' }, { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_LARGE' }],
      [Buffer.from([0xff]), {}, { code: 'DATA_LOSS', reason: 'UNREADABLE' }],
      [Buffer.from('005377c0050302a10161', 'hex'), { type: 'amqp-1.0' }, /AMQP 1\.0/],
    ];
    for (const [body, properties, error] of cases) {
      const call = client.call(queue, '1');
      await answer(await requests.next(), body, properties);
      const reply = await call;
      assert.throws(() => reply.text(), error);
      assert.ok(reply.body.equals(Buffer.from(body)));
    }
    const call = client.callJson(queue, 1);
    await answer(await requests.next(), 'no JSON');
    await assert.rejects(call, { code: 'DATA_LOSS', reason: 'UNREADABLE', message: /is not JSON/ });
  });

  test('that is a value of AMQP 1.0 is what that says', async (t) => {
    const { queue, requests, answer } = await answered(t);
    const { client } = openClient(t);
    for (const [section, text] of [
      ['005377a106383332303430', '832040'],
      ['00537780000000000000002a', '42'],
    ] as const) {
      const call = client.call(queue, '1');
      await answer(await requests.next(), Buffer.from(section, 'hex'), { type: 'amqp-1.0' });
      assert.equal((await call).text(), text);
    }
  });
});

describe('a client', () => {
  test('connects beforehand when it is asked to, or says why not', async (t) => {
    const proxy = await openProxy(t);
    const { client, events } = openClient(t, { urls: proxy.url });
    await Promise.all([client.connect(), client.connect()]);
    await client.connect();
    assert.deepEqual(
      events.map(({ type }) => type),
      ['connected'],
    );
    const { client: late } = openClient(t, { urls: proxy.url });
    proxy.hold();
    await assert.rejects(late.connect({ timeout: 100 }), { code: 'DEADLINE_EXCEEDED', reason: 'NO_BROKER' });
    await assert.rejects(late.connect({ signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
    proxy.open();
    await late.connect();
    const { client: refused } = openClient(t, { urls: 'amqp://127.0.0.1:1' });
    await assert.rejects(refused.connect(), { code: 'UNAVAILABLE', reason: 'NO_BROKER' });
    await refused.close();
    await assert.rejects(refused.connect(), { code: 'CANCELLED', reason: 'CLOSED' });
  });

  test('whose connection is lost while the broker takes no messages connects anew for the calls that wait', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => `echo ${body}`, { queue });
    const proxy = await openProxy(t);
    const { client, events } = openClient(t, { urls: proxy.url });
    await client.connect();
    proxy.say(method(0, 10, 60, short('low on memory')));
    await until(() => events.some(({ type }) => type === 'blocked'));
    const call = client.call(queue, '1');
    assert.deepEqual([client.stats().waiting, client.stats().inFlight], [1, 0]);
    proxy.cut();
    assert.equal((await call).text(), 'echo 1');
  });

  test('that is closed while it connects, or between two attempts, says so', async (t) => {
    const proxy = await openProxy(t);
    const { client, events } = openClient(t, { urls: proxy.url, retry: true });
    await client.connect();
    proxy.refuse = true;
    proxy.cut();
    await until(() => events.some(({ type }) => type === 'disconnected'));
    const before = proxy.connections;
    const connecting = client.connect();
    await until(() => proxy.connections >= before + 3); // by now the pauses are long
    await sleep(50);
    const closing = client.close();
    await assert.rejects(connecting, { code: 'CANCELLED', reason: 'CLOSED' });
    await closing;
  });

  test('keeps the process running until it is closed, unless it is told not to', async (t) => {
    const held = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
    const queue = await testQueue(t);
    const before = held('TCPSocketWrap');
    const { client } = openClient(t);
    await client.connect();
    const [sockets, timers] = [held('TCPSocketWrap'), held('Timeout')];
    assert.equal(sockets, before + 1);
    assert.equal(client.unref(), client);
    assert.deepEqual([held('TCPSocketWrap'), held('Timeout')], [before, timers - 1], 'the socket and its heartbeats');
    client.ref();
    assert.deepEqual([held('TCPSocketWrap'), held('Timeout')], [sockets, timers]);
    client.unref();
    const call = client.call(queue, '1', { timeout: 300 });
    assert.equal(held('Timeout'), timers, 'for as long as the call takes');
    await assert.rejects(call, { reason: 'TIMEOUT' });
  });

  test('that was told so before it connected keeps no process running either', async (t) => {
    const held = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = held();
    await openClient(t).client.unref().connect();
    assert.equal(held(), before);
  });

  test('tells its events to each listener, and one that throws harms no call', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, () => 'ok', { queue });
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const { client, events } = openClient(t);
    client.on('connected', () => {
      throw new Error('no good');
    });
    const urls: string[] = [];
    client.on('connected', ({ url }) => urls.push(url));
    assert.equal((await client.call(queue, '1')).text(), 'ok');
    assert.equal(urls.length, 1);
    assert.deepEqual(events, [{ type: 'connected', url: urls[0] }]);
    assert.match(String(await warned), /a listener of 'connected' threw/);
  });

  test('that looks at a queue, and is closed meanwhile, does not wait for the answer', async (t) => {
    const queue = await testQueue(t);
    for (const [classId, methodId] of [
      [10, 11], // connection.start-ok
      [50, 10], // queue.declare
    ] as const) {
      const proxy = await openProxy(t);
      const { client } = openClient(t, { urls: proxy.url });
      await client.connect();
      const silent = proxy.holdUpFrom(classId, methodId);
      const asked = assert.rejects(client.inspectQueue(queue), { code: 'CANCELLED', reason: 'CLOSED' });
      await silent;
      await client.close();
      await asked;
    }
  });

  test('that could not look at a queue looks again', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    const { client } = openClient(t, { urls: proxy.url });
    await client.connect();
    proxy.refuse = true;
    await assert.rejects(client.inspectQueue(queue), { code: 'UNAVAILABLE' });
    proxy.refuse = false;
    assert.deepEqual(await client.inspectQueue(queue), { messageCount: 0, consumerCount: 0 });
  });

  test('whose reply consumer is cancelled says so, and looks at whose it is', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    let release = () => {};
    const gate = new Promise<string>((resolve) => {
      release = () => resolve('ok');
    });
    const { worker } = await startWorker(t, () => gate, { queue, prefetch: 10 });
    const { client, events } = openClient(t, { urls: proxy.url });
    const cancel = (tag: string) => proxy.say(method(1, 60, 30, short(tag), int(1, 1)));
    const call = client.call(queue, '1');
    await until(() => worker.stats().inFlight === 1);
    cancel("somebody's");
    proxy.say(frame(8, 0, Buffer.alloc(0)));
    const lost = client.call(queue, '2');
    await until(() => worker.stats().inFlight === 2);
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
    cancel('replies');
    for (const one of [call, lost])
      await assert.rejects(one, {
        reason: 'CONNECTION_LOST',
        message: /cancelled the consumer of the reply queue 'amq\.rabbitmq\.reply-to'/,
      });
    release();
    assert.equal((await client.call(queue, '3')).text(), 'ok');
  });

  test('takes a URL, several, or options', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, () => 'ok', { queue });
    for (const options of [amqpUrl(), [amqpUrl()], { urls: amqpUrl() }]) {
      const client = new RpcClient(options);
      t.after(() => client.close());
      assert.equal((await client.call(queue, '1')).text(), 'ok');
    }
  });
});
