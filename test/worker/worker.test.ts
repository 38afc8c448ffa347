import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { RpcError } from '../../src/protocol/errors.ts';
import { RpcWorker } from '../../src/worker/worker.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { publishRaw } from '../../test-helpers/raw-amqp.ts';
import {
  deleteAfter,
  disposeAfter,
  openRaw,
  type Raw,
  type Scope,
  startClient,
  startWorker,
  testQueue,
  until,
} from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;

/** A reply queue as the tutorial's clients have one. */
async function replyQueue(raw: Raw) {
  const { queue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  return { replyTo: queue, replies: await raw.consume(queue) };
}

/** A request queue whose rejected requests arrive in the returned inbox. */
async function deadLettered(t: Scope, raw: Raw) {
  const letters = `test.${randomUUID()}`;
  await raw.channel.queueDeclare({ queue: letters, exclusive: true });
  const queue = await testQueue(t, { args: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': letters } });
  return { queue, letters: await raw.consume(letters) };
}

describe('a worker', { concurrency: true }, () => {
  test('echoes the correlation id octet for octet, and nothing else of the request', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { replyTo, replies } = await replyQueue(raw);
    await startWorker(t, echo, { queue });
    const octets = Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, 0x22]); // no UTF-8
    await publishRaw(queue, '1', { correlationId: octets, replyTo: Buffer.from(replyTo) });
    assert.deepEqual(Buffer.from((await replies.next()).correlationId ?? '', 'latin1'), octets);
    await raw.publish(queue, '2', {
      replyTo,
      correlationId: '',
      headers: { a: 1 },
      messageId: 'm',
      appId: 'a',
      priority: 3,
    });
    const empty = await replies.next();
    assert.equal(empty.correlationId, '');
    const { contentType, type, headers, messageId, appId, priority, timestamp, expiration, body } = empty;
    assert.deepEqual(
      { contentType, type, headers, messageId, appId, priority, timestamp, expiration, replyTo: empty.replyTo },
      {
        contentType: 'text/plain',
        type: undefined,
        headers: undefined,
        messageId: undefined,
        appId: undefined,
        priority: undefined,
        timestamp: undefined,
        expiration: undefined,
        replyTo: undefined,
      },
    );
    assert.equal(String(body), 'echo 2');
    await raw.publish(queue, '3', { replyTo });
    assert.equal((await replies.next()).correlationId, undefined);
  });

  test('answers an error as a problem with a code, and keeps what it did not expect to its log', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { replyTo, replies } = await replyQueue(raw);
    const handler = ({ body }: { body: Buffer }) => {
      if (String(body) === 'busy') throw new RpcError('RESOURCE_EXHAUSTED', 'come back later');
      throw new Error('the password is 1234');
    };
    const { events, worker } = await startWorker(t, handler, { queue });
    await raw.publish(queue, 'busy', { replyTo, correlationId: 'x' });
    const busy = await replies.next();
    assert.deepEqual([busy.type, busy.contentType, busy.correlationId], ['error', 'application/problem+json', 'x']);
    assert.deepEqual(JSON.parse(String(busy.body)), {
      title: 'resource exhausted',
      detail: 'come back later',
      correlationId: 'x',
      code: 'RESOURCE_EXHAUSTED',
    });
    await raw.publish(queue, 'bug', { replyTo });
    const bug = await replies.next();
    assert.equal(JSON.parse(String(bug.body)).code, 'INTERNAL');
    assert.doesNotMatch(String(bug.body), /1234/);
    const failed = events.find((event) => event.type === 'handler-failed');
    assert.match(String(failed?.type === 'handler-failed' && failed.error), /1234/);
    assert.deepEqual([worker.stats().answered, worker.stats().refused], [0, 2]);
  });

  test('reports the first error of a handler as a warning where nobody listens for it', async (t) => {
    const queue = await testQueue(t);
    const worker = disposeAfter(t, new RpcWorker(amqpUrl()));
    worker.serve(queue, ({ body }) => {
      throw new Error(`no stock of ${body}`);
    });
    await worker.start();
    const { client } = startClient(t, { queue });
    const warnings: (Error & { code?: string; detail?: string })[] = [];
    const keep = (warning: Error & { code?: string }) => {
      if (warning.code === 'FIB_WORKER_HANDLER') warnings.push(warning);
    };
    process.on('warning', keep);
    t.after(() => process.off('warning', keep));
    for (const article of ['pens\x1b[31m', 'ink']) await assert.rejects(client.call(article), { code: 'INTERNAL' });
    await until(() => warnings.length > 0);
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]?.detail), /^Error: no stock of pens\\u001b\[31m\n {4}at /, 'safe to print');
  });

  test('refuses a request above its size limit without showing it to the function', async (t) => {
    const queue = await testQueue(t);
    let seen = 0;
    await startWorker(t, () => String(++seen), { queue, maxRequestBytes: 64 });
    const { client } = startClient(t, { queue });
    const json = { contentType: 'application/json' };
    await assert.rejects(client.call(JSON.stringify({ n: 'x'.repeat(1_048_576) }), json), {
      code: 'INVALID_ARGUMENT',
      message: /1048584 bytes; the limit is 64/,
    });
    assert.equal(String((await client.call('x'.repeat(64), json)).body), '1');
  });

  test('rejects a request without reply_to, so that a dead-letter policy can catch it', async (t) => {
    const raw = await openRaw(t);
    const { queue, letters } = await deadLettered(t, raw);
    const { worker } = await startWorker(t, echo, { queue });
    await raw.publish(queue, 'nobody to answer');
    assert.equal(String((await letters.next()).body), 'nobody to answer');
    assert.equal(worker.stats().rejected['missing-reply-to'], 1);
  });

  test('writes to no queue but reply queues: not to its own, not to any other unless it is allowed', async (t) => {
    const raw = await openRaw(t);
    const { queue, letters } = await deadLettered(t, raw);
    const [other, allowed] = [await testQueue(t), await testQueue(t)];
    const { worker } = await startWorker(t, echo, { queue, allowReplyTo: [`${allowed.slice(0, -3)}*`] });
    await raw.publish(queue, 'loop', { replyTo: queue });
    await raw.publish(queue, 'deputy', { replyTo: other });
    await raw.publish(queue, 'fine', { replyTo: allowed });
    assert.deepEqual([String((await letters.next()).body), String((await letters.next()).body)], ['loop', 'deputy']);
    assert.equal(String((await (await raw.consume(allowed)).next()).body), 'echo fine');
    assert.equal(worker.stats().rejected['refused-reply-to'], 2);
    assert.equal((await raw.channel.queueDeclare({ queue: other, passive: true })).messageCount, 0);
  });

  test('with prefetch 1, leaves the quick requests to a worker that is free', async (t) => {
    const queue = await testQueue(t);
    let finish = (_: string) => {};
    const slow = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const handler = (name: string) => (request: { body: Buffer }) => (String(request.body) === 'slow' ? slow : name);
    const one = await startWorker(t, handler('one'), { queue });
    const two = await startWorker(t, handler('two'), { queue });
    const { client } = startClient(t, { queue });
    const held = client.call('slow');
    await until(() => one.worker.stats().inFlight + two.worker.stats().inFlight === 1);
    const free = one.worker.stats().inFlight === 0 ? 'one' : 'two';
    const quick = await Promise.all(Array.from({ length: 20 }, () => client.call('quick')));
    assert.deepEqual(new Set(quick.map(({ body }) => String(body))), new Set([free]));
    finish('at last');
    assert.equal(String((await held).body), 'at last');
  });

  test('answers what it has in hand before it goes, and leaves the rest to others', async (t) => {
    const queue = await testQueue(t);
    let finish = (_: string) => {};
    const slow = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const leaving = await startWorker(t, () => slow, { queue });
    const { client } = startClient(t, { queue });
    const held = client.call('1');
    await until(() => leaving.worker.stats().inFlight === 1);
    const closed = leaving.worker.close();
    const staying = await startWorker(t, () => 'the other', { queue });
    assert.equal(String((await client.call('2')).body), 'the other');
    finish('the first');
    assert.equal(String((await held).body), 'the first');
    assert.deepEqual(await closed, { unfinished: 0 });
    assert.deepEqual([leaving.worker.stats().requests, staying.worker.stats().requests], [1, 1]);
  });

  test('gives back what it has not finished when the grace is over', async (t) => {
    const queue = await testQueue(t);
    const leaving = await startWorker(t, () => new Promise(() => {}), { queue });
    const { client } = startClient(t, { queue });
    const call = client.call('1');
    await until(() => leaving.worker.stats().inFlight === 1);
    assert.deepEqual(await leaving.worker.close({ grace: 50 }), { unfinished: 1 });
    const staying = await startWorker(t, (_, { redelivered }) => `redelivered: ${redelivered}`, { queue });
    assert.equal(String((await call).body), 'redelivered: true');
    assert.equal(staying.worker.stats().redelivered, 1);
  });

  test('sends no answer whose channel is gone, reconnects, and answers the request when it comes again', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    let finish = (_: string) => {};
    const slow = new Promise<string>((resolve) => {
      finish = resolve;
    });
    let runs = 0;
    const { worker, events, consuming } = await startWorker(t, () => (runs++ === 0 ? slow : 'second run'), {
      queue,
      urls: proxy.url,
    });
    const { client } = startClient(t, { queue });
    const call = client.call('1');
    await until(() => worker.stats().inFlight === 1);
    proxy.cut();
    await consuming();
    assert.equal(String((await call).body), 'second run');
    finish('first run');
    await until(() => worker.stats().abandoned === 1);
    assert.deepEqual(
      events.map(({ type }) => type).filter((type) => type !== 'answered'),
      ['connected', 'queue', 'consuming', 'disconnected', 'connected', 'queue', 'consuming', 'abandoned'],
    );
    assert.deepEqual(client.stats().discarded, { late: 0, duplicate: 0, unknown: 0 });
  });

  test('takes the queue as it is, and declares one only where there is none', async (t) => {
    const raw = await openRaw(t);
    const found = await testQueue(t, { args: { 'x-max-length': 5 } });
    assert.ok(
      (await startWorker(t, echo, { queue: found })).events.some((e) => e.type === 'queue' && e.how === 'found'),
    );
    const declared = `test.${randomUUID()}`;
    deleteAfter(t, declared);
    const workers = await Promise.all([1, 2, 3].map(() => startWorker(t, echo, { queue: declared })));
    assert.ok(workers.some(({ events }) => events.some((e) => e.type === 'queue' && e.how === 'declared')));
    assert.ok(await raw.channel.queueDeclare({ queue: declared, durable: true }), 'it is durable, or this is a 406');
  });

  test('answers INTERNAL for a function that returns no text, and refuses a reply larger than RabbitMQ takes', async (t) => {
    const queue = await testQueue(t);
    const handler = ({ body }: { body: Buffer }) =>
      String(body) === 'large' ? 'x'.repeat(16 * 1024 * 1024 + 1) : (undefined as unknown as string);
    await startWorker(t, handler, { queue });
    const { client } = startClient(t, { queue });
    await assert.rejects(client.call('nothing'), { code: 'INTERNAL' });
    await assert.rejects(client.call('large'), { code: 'RESOURCE_EXHAUSTED', message: /16777217 bytes/ });
    await assert.rejects(client.call('nothing again'), { code: 'INTERNAL' });
  });

  test('answers what it has in hand when its queue is deleted', async (t) => {
    const raw = await openRaw(t);
    const queue = await testQueue(t);
    let finish = (_: string) => {};
    const slow = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const { worker, consuming } = await startWorker(t, () => slow, { queue });
    const { client } = startClient(t, { queue });
    const call = client.call('1');
    await until(() => worker.stats().inFlight === 1);
    await raw.channel.queueDelete(queue);
    finish('all the same');
    assert.equal(String((await call).body), 'all the same');
    await consuming();
  });

  test('declares its queue again when it is deleted', async (t) => {
    const raw = await openRaw(t);
    const queue = await testQueue(t);
    const { consuming } = await startWorker(t, echo, { queue });
    await raw.channel.queueDelete(queue);
    await consuming();
    const { client } = startClient(t, { queue });
    assert.equal(String((await client.call('1')).body), 'echo 1');
  });
});
