import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { replyDesigns } from '../../src/client/designs/index.ts';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { isRpcError, type RpcError } from '../../src/protocol/errors.ts';
import { DIRECT_REPLY_TO } from '../../src/protocol/reply-address.ts';
import type { RequestHandler } from '../../src/worker/worker.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openRaw, type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const HOUR = 3_600_000;

/** A function that waits for its signal, and tells what became of it. */
function waiting() {
  const seen: string[] = [];
  const handler: RequestHandler = async ({ body }, { signal }) => {
    const name = String(body);
    seen.push(`${name} began`);
    await delay(HOUR, undefined, { signal }).catch(() => {});
    seen.push(`${name}: ${isRpcError(signal.reason) ? signal.reason.code : signal.reason}`);
    return 'nobody waits for that';
  };
  return { seen, handler };
}

/** A caller that speaks by hand, over Direct Reply-To. */
async function rawCaller(t: Scope, queue: string) {
  const raw = await openRaw(t);
  const inbox = await raw.consume(DIRECT_REPLY_TO);
  return {
    inbox,
    request: (body: string, correlationId: string, headers: Record<string, unknown> = { 'rpc-cancel': true }) =>
      raw.publish(queue, body, { replyTo: DIRECT_REPLY_TO, correlationId, messageId: correlationId, headers }),
    say: (address: string, type: string, correlationId?: string) => raw.publish(address, '', { type, correlationId }),
  };
}

describe('a call that is given up stops its function, and is not answered', { concurrency: true }, () => {
  for (const reply of Object.keys(replyDesigns) as (keyof typeof replyDesigns)[]) {
    test(`when it is aborted or its client closes (--reply ${reply})`, async (t) => {
      const queue = await testQueue(t);
      const { seen, handler } = waiting();
      const { worker, events } = await startWorker(t, handler, { queue, prefetch: 2, startedAfter: 1 });
      const { client, events: ofClient } = startClient(t, { queue, reply, timeout: HOUR });
      const control = new AbortController();
      const calls = [client.call('aborted', { signal: control.signal }), client.call('closed')];
      const settled = Promise.allSettled(calls);
      await until(() => ofClient.filter(({ type }) => type === 'started').length === 2);
      control.abort(new Error('enough'));
      await until(() => worker.stats().cancelled === 1);
      await client.close({ grace: 0 });
      await until(() => worker.stats().cancelled === 2);
      assert.deepEqual(
        (await settled).map((one) => one.status === 'rejected' && (one.reason.code ?? one.reason.message)),
        ['enough', 'CANCELLED'],
      );
      assert.deepEqual(seen.slice(2), ['aborted: CANCELLED', 'closed: CANCELLED']);
      const { answered, refused, inFlight, strayCancels, overrun } = worker.stats();
      assert.deepEqual([answered, refused, inFlight, strayCancels, overrun], [0, 0, 0, 0, 0]);
      assert.equal(events.filter(({ type }) => type === 'cancelled').length, 2);
      assert.deepEqual(client.stats().discarded, { late: 0, duplicate: 0, unknown: 0 });
    });
  }

  test('when it times out, though its worker has reckoned with more time', async (t) => {
    const queue = await testQueue(t);
    const { seen, handler } = waiting();
    const { client, events } = startClient(t, { queue, timeout: 2_000 });
    const call = client.call('x'); // the worker counts from the delivery
    await until(() => events.length > 0);
    await delay(500);
    const { worker } = await startWorker(t, handler, { queue });
    await assert.rejects(call, (error: RpcError) => {
      const told = events.some(({ type }) => type === 'started'); // on a slow machine after it
      assert.equal(error.code, 'DEADLINE_EXCEEDED');
      assert.match(error.message, told ? /: a worker began it, .*give it more time/ : /: does a worker serve it/);
      return true;
    });
    await until(() => worker.stats().cancelled === 1);
    assert.deepEqual(seen, ['x began', 'x: CANCELLED']);
  });

  test('also if it was given up before its worker said that it began', async (t) => {
    const queue = await testQueue(t);
    const { seen, handler } = waiting();
    const { worker } = await startWorker(t, handler, { queue, startedAfter: 300 });
    for (const reply of ['direct', 'exclusive'] as const) {
      const { client } = startClient(t, { queue, reply, timeout: HOUR });
      const control = new AbortController();
      const call = client.call(reply, { signal: control.signal });
      await until(() => seen.includes(`${reply} began`));
      control.abort();
      await assert.rejects(call, { name: 'AbortError' });
      await until(() => seen.includes(`${reply}: CANCELLED`));
      assert.deepEqual(client.stats().discarded, { late: 0, duplicate: 0, unknown: 0 });
    }
    await until(() => worker.stats().cancelled === 2);
  });

  test('and keeps its place until its function ends, so that prefetch bounds the functions that run', async (t) => {
    const queue = await testQueue(t);
    let end: (() => void) | undefined;
    let aborted = false;
    const handler: RequestHandler = ({ body }, { signal }) => {
      if (String(body) === 'quick') return 'quick';
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise((resolve) => (end = () => resolve('')));
    };
    const { worker } = await startWorker(t, handler, { queue });
    const { client } = startClient(t, { queue, timeout: HOUR });
    const control = new AbortController();
    const call = client.call('slow', { signal: control.signal });
    await until(() => end !== undefined);
    control.abort();
    await assert.rejects(call);
    await until(() => aborted);
    const next = client.call('quick');
    assert.deepEqual([worker.stats().cancelled, worker.stats().requests], [0, 1]);
    end?.();
    assert.equal((await next).text(), 'quick');
    const { cancelled, overrun } = worker.stats();
    assert.deepEqual([cancelled, overrun], [1, 0]);
  });

  test('and frees its place at its time limit even if the function goes on, which counts as an overrun', async (t) => {
    const queue = await testQueue(t);
    let end: (() => void) | undefined;
    const handler: RequestHandler = () => new Promise((resolve) => (end = () => resolve('')));
    const { worker } = await startWorker(t, handler, { queue, startedAfter: 1 });
    const { client } = startClient(t, { queue, timeout: 2_000 });
    await assert.rejects(client.call('slow'), { code: 'DEADLINE_EXCEEDED' });
    await until(() => worker.stats().overrunning === 1 && worker.stats().inFlight === 0);
    end?.();
    await until(() => worker.stats().overrunning === 0);
  });

  test('while the worker drains', async (t) => {
    const queue = await testQueue(t);
    const { seen, handler } = waiting();
    const { worker } = await startWorker(t, handler, { queue, startedAfter: 1 });
    const { client } = startClient(t, { queue, timeout: HOUR });
    const control = new AbortController();
    const call = client.call('x', { signal: control.signal });
    await until(() => seen.length === 1);
    const closed = worker.close({ grace: HOUR });
    control.abort();
    await assert.rejects(call);
    assert.deepEqual(await closed, { unfinished: 0 });
    assert.equal(worker.stats().cancelled, 1);
  });
});

describe('a caller is told that its request began', { concurrency: true }, () => {
  test('only if it asks, and not of what is answered soon', async (t) => {
    const queue = await testQueue(t);
    const handler: RequestHandler = async ({ body }) => {
      await delay(Number(body));
      return 'done';
    };
    await startWorker(t, handler, { queue, prefetch: 10, startedAfter: 400 });
    const { inbox, request } = await rawCaller(t, queue);
    await request('1', 'quick');
    assert.deepEqual(await kinds(1), ['quick: reply']);
    await request('1000', 'asks not', {});
    await request('1000', 'asks otherwise', { 'rpc-cancel': 'true' });
    assert.deepEqual(await kinds(2), ['asks not: reply', 'asks otherwise: reply']);
    await request('1000', 'asks');
    assert.deepEqual(await kinds(2), ['asks: started', 'asks: reply']);

    async function kinds(count: number): Promise<string[]> {
      const messages = [];
      while (messages.length < count) messages.push(await inbox.next());
      return messages.map(({ correlationId, type = 'reply' }) => `${correlationId}: ${type}`);
    }
  });

  test('never, where the worker is told so', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, () => delay(500, 'done'), { queue, startedAfter: 0 });
    const { inbox, request } = await rawCaller(t, queue);
    await request('', 'a');
    assert.equal(String((await inbox.next()).body), 'done');
    assert.equal(inbox.received.length, 1);
  });
});

test('a broker that has no Direct Reply-To for the worker is asked once, at the price of one channel', async (t) => {
  const relay = net.createServer((near) => {
    const { hostname, port } = new URL(amqpUrl());
    const far = net.connect(Number(port), hostname);
    const replace = (chunk: Buffer) =>
      Buffer.from(chunk.toString('latin1').replaceAll(DIRECT_REPLY_TO, DIRECT_REPLY_TO.toUpperCase()), 'latin1');
    near.on('data', (chunk) => far.write(replace(chunk))).on('close', () => far.destroy());
    far.on('data', (chunk) => near.write(chunk)).on('close', () => near.destroy());
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  const url = new URL(amqpUrl());
  url.host = `127.0.0.1:${await listenOnLoopback(relay)}`;
  t.after(() => relay.close());
  const queue = await testQueue(t);
  const { worker } = await startWorker(t, () => delay(300, 'done'), { queue, urls: url.href, startedAfter: 1 });
  const { client } = startClient(t, { queue, reply: 'exclusive' });
  for (let call = 0; call < 3; call++) assert.equal((await client.call('')).text(), 'done');
  assert.equal(worker.stats().redelivered, 1);
});

test('cancels that are foreign, unknown or repeated are counted, and do nothing', async (t) => {
  const queue = await testQueue(t);
  const { seen, handler } = waiting();
  const { worker, events } = await startWorker(t, handler, { queue, prefetch: 2, startedAfter: 1 });
  const { inbox, request, say } = await rawCaller(t, queue);
  await request('one', 'id 1');
  await request('two', 'id 2');
  const { type, replyTo: address = '', correlationId } = await inbox.next();
  assert.deepEqual([type, correlationId], ['started', 'id 1']);
  await inbox.next();
  await say(address, 'cancel', 'id 3');
  await say(address, 'cancel');
  await say(address, 'error', 'id 1');
  await say(address, 'cancel', 'id 1');
  await say(address, 'cancel', 'id 1');
  await until(() => worker.stats().strayCancels === 4);
  await until(() => worker.stats().cancelled === 1);
  assert.deepEqual(seen, ['one began', 'two began', 'one: CANCELLED']);
  assert.deepEqual(
    events.filter((event) => event.type === 'stray-cancel').map(({ count }) => count),
    [1, 2, 3, 4],
  );
  await say(address, 'cancel', 'id 2');
  await until(() => worker.stats().cancelled === 2);
  assert.equal(inbox.received.length, 2, 'neither was answered');
});

test('who has the header from somebody else, or an id that another request has, is told nothing', async (t) => {
  const queue = await testQueue(t);
  const { seen, handler } = waiting();
  const { worker } = await startWorker(t, handler, { queue, prefetch: 3, startedAfter: 1 });
  const { inbox, request, say } = await rawCaller(t, queue);
  const raw = await openRaw(t);
  const others = await raw.consume(DIRECT_REPLY_TO);
  const headers = { 'rpc-cancel': true };
  await raw.publish(queue, 'passed on', { replyTo: DIRECT_REPLY_TO, correlationId: 'a', messageId: 'b', headers });
  await until(() => seen.length === 1);
  await request('first', 'one name');
  await request('second', 'one name');
  const { replyTo: address = '' } = await inbox.next();
  await until(() => seen.length === 3);
  await say(address, 'cancel', 'one name');
  await say(address, 'cancel', 'one name');
  await until(() => worker.stats().strayCancels === 1);
  assert.deepEqual(seen.slice(3), ['first: CANCELLED']);
  assert.deepEqual([inbox.received.length, others.received.length], [1, 0]);
});

test('a client sends nothing to an address that no broker gave, and counts what says that an unknown call began', async (t) => {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const requests = await raw.consume(queue);
  const { queue: victim } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const { client } = startClient(t, { queue, timeout: HOUR });
  const control = new AbortController();
  const call = client.call('', { signal: control.signal });
  const { replyTo = '', correlationId = '', headers } = await requests.next();
  assert.equal(headers?.['rpc-cancel'], true);
  await raw.publish(replyTo, '', { type: 'started', correlationId: `${correlationId}1`, replyTo });
  await until(() => client.stats().discarded.unknown === 1);
  await raw.publish(replyTo, '', { type: 'started', correlationId, replyTo: victim });
  await raw.publish(replyTo, 'done', { type: 'started', correlationId, replyTo: victim });
  assert.equal((await call).text(), 'done', 'it is a reply, of a type that the function chose');
  const { messageCount } = await raw.channel.queueDeclare({ queue: victim, passive: true });
  assert.equal(messageCount, 0);
});
