import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError, type RpcErrorCode } from '../../src/protocol/errors.ts';
import type { RequestContext } from '../../src/worker/worker.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

describe('a function that goes on past its deadline', { concurrency: true }, () => {
  test('keeps no other call waiting: its caller is answered, its place is free, and it is counted until it ends', async (t) => {
    const queue = await testQueue(t);
    const endings: (() => void)[] = [];
    const handler = ({ body }: { body: Buffer }) =>
      String(body) === 'quick' ? 'quick' : new Promise<string>((resolve) => endings.push(() => resolve('late')));
    const { worker, events } = await startWorker(t, handler, { queue, prefetch: 2 });
    const { client } = startClient(t, { queue });
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    for (const running of [1, 2]) {
      await raw.publish(queue, 'for ever', { replyTo, expiration: '200' });
      assert.equal(JSON.parse(String((await replies.next()).body)).code, 'DEADLINE_EXCEEDED');
      assert.equal(String((await client.call('quick')).body), 'quick');
      const { overrun, overrunning, inFlight } = worker.stats();
      assert.deepEqual([overrun, overrunning, inFlight], [running, running, 0]);
    }
    for (const end of endings) end();
    await until(() => worker.stats().overrunning === 0);
    assert.deepEqual(
      events
        .filter((event) => event.type === 'overrun' || event.type === 'overrun-ended')
        .map((event) => [event.type, event.queue, event.running, event.limit]),
      [
        ['overrun', queue, 1, 2],
        ['overrun', queue, 2, 2],
        ['overrun-ended', queue, 1, 2],
        ['overrun-ended', queue, 0, 2],
      ],
    );
    assert.equal(replies.received.length, 2, 'what came late went nowhere');
    assert.deepEqual([worker.stats().answered, worker.stats().refused], [2, 2]);
  });

  test('is bounded by the worker’s own limit as well, for callers that have none', async (t) => {
    const queue = await testQueue(t);
    const seen: unknown[] = [];
    const handler = (_: unknown, { signal, deadline }: { signal: AbortSignal; deadline: number | undefined }) => {
      seen.push(deadline !== undefined && deadline < performance.now() + 301);
      return delay(60_000, 'never', { signal });
    };
    const { worker } = await startWorker(t, handler, { queue, maxRun: 300 });
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    for (const expiration of [undefined, '50000']) {
      await raw.publish(queue, '', { replyTo, ...(expiration && { expiration }) });
      const { code, detail } = JSON.parse(String((await replies.next()).body));
      assert.deepEqual(
        [code, detail],
        ['DEADLINE_EXCEEDED', "the request took longer than 300 ms, the worker's limit"],
      );
    }
    assert.deepEqual(seen, [true, true]);
    assert.equal(worker.stats().overrun, 0, 'a function that heeds its signal is none');
  });

  test('and then fails, is told in the log, and costs nothing else', async (t) => {
    const queue = await testQueue(t);
    let fail = (_: Error) => {};
    const handler = ({ body }: { body: Buffer }) =>
      String(body) === 'quick' ? 'quick' : new Promise<string>((_, reject) => (fail = reject));
    const { worker, events } = await startWorker(t, handler, { queue });
    const { client } = startClient(t, { queue });
    await client.call('quick'); // connects
    do await assert.rejects(client.call('slow', { timeout: 200 }), { code: 'DEADLINE_EXCEEDED' });
    while (worker.stats().requests === 1); // on a slow machine it may never have been sent
    await until(() => worker.stats().overrunning === 1);
    fail(new Error('too late'));
    await until(() => worker.stats().overrunning === 0);
    assert.deepEqual(
      events.filter((event) => event.type === 'handler-failed').map(({ error }) => String(error)),
      ['Error: too late'],
    );
    assert.equal(String((await client.call('quick')).body), 'quick');
  });
});

test('a request with the expiration 0 has no deadline: it is delivered at once or not at all', async (t) => {
  const queue = await testQueue(t);
  const deadlines: unknown[] = [];
  const handler = (_: unknown, { deadline }: { deadline: number | undefined }) => {
    deadlines.push(deadline);
    return delay(20, 'answered');
  };
  // two places: the next request may come between a reply and its ack, and would find nobody
  await startWorker(t, handler, { queue, prefetch: 2 });
  const raw = await openRaw(t);
  const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const replies = await raw.consume(replyTo);
  for (let n = 0; n < 3; n++) {
    await raw.publish(queue, '', { replyTo, expiration: '0' });
    assert.equal(String((await replies.next()).body), 'answered');
  }
  assert.deepEqual(deadlines, [undefined, undefined, undefined]);
});

test('a wrong value that a function throws or returns costs that call alone', async (t) => {
  const trap = () => {
    throw new Error('a trap');
  };
  const traps = { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap };
  const changed = (how: object) => Object.assign(new RpcError('NOT_FOUND', 'x'), how);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const thrown: Readonly<Record<string, unknown>> = {
    'code 404': changed({ code: 404 }),
    'no code': changed({ code: undefined }),
    'another code': changed({ code: 'E_FOO' as RpcErrorCode }),
    'no message': changed({ message: undefined }),
    'a bigint for a message': changed({ message: 10n }),
    'a proxy': new Proxy({}, traps),
    'a proxy of an error': new Proxy(new RpcError('NOT_FOUND', 'x'), traps),
    'a getter that throws': Object.defineProperty(changed({}), 'code', { get: trap }),
  };
  const returned: Readonly<Record<string, unknown>> = {
    'a proxy back': new Proxy({}, traps),
    'a then that throws': Object.defineProperty({}, 'then', { get: trap }),
    'a then that calls back twice': {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tried
      then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
        reject(new Error('first'));
        resolve('second');
      },
    },
    'a toJSON that throws': { toJSON: trap },
    'wrong headers': { body: '', headers: { CC: ['orders'] } },
    'headers that can not be sent': { body: '', headers: { circle } },
    'a wrong content type': { body: '', contentType: 'a\r\nb' },
  };
  const queue = await testQueue(t);
  const handler = (request: { body: Buffer }) => {
    const [how, name = ''] = String(request.body).split(': ');
    if (how === 'throw') throw thrown[name];
    if (how === 'reject') return Promise.reject(thrown[name]);
    if (how === 'return') return returned[name] as string;
    if (how === 'resolve') return Promise.resolve(returned[name] as string);
    return 'fine';
  };
  const { worker, events } = await startWorker(t, handler, { queue });
  const { client } = startClient(t, { queue });
  const requests = [
    ...Object.keys(thrown).flatMap((name) => [`throw: ${name}`, `reject: ${name}`]),
    ...Object.keys(returned).flatMap((name) => [`return: ${name}`, `resolve: ${name}`]),
  ];
  for (const request of requests)
    await assert.rejects(client.call(request), { code: 'INTERNAL', message: /log says why/ }, request);
  assert.equal(String((await client.call('')).body), 'fine');
  assert.equal(events.filter(({ type }) => type === 'handler-failed').length, requests.length);
  assert.equal(worker.stats().requests, requests.length + 1, 'no request came twice');
  assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
});

test('an error’s data and a reply’s headers reach the caller', async (t) => {
  const queue = await testQueue(t);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const handler = ({ body }: { body: Buffer }, { correlationId, messageId, headers }: RequestContext) => {
    if (String(body) === 'data') throw new RpcError('INVALID_ARGUMENT', 'no', { data: { field: 'n' } });
    if (String(body) === 'circle') throw new RpcError('INVALID_ARGUMENT', 'no', { data: circle });
    return { body: { correlationId, messageId, headers }, headers: { tenant: 'ä', nested: { n: [1, true] } } };
  };
  const { events } = await startWorker(t, handler, { queue });
  const raw = await openRaw(t);
  const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const replies = await raw.consume(replyTo);
  await raw.publish(queue, '', { replyTo, correlationId: 'c', messageId: 'm', headers: { a: 1 } });
  const reply = await replies.next();
  assert.deepEqual(JSON.parse(String(reply.body)), { correlationId: 'c', messageId: 'm', headers: { a: 1 } });
  assert.deepEqual(
    [reply.contentType, JSON.parse(JSON.stringify(reply.headers))],
    ['application/json', { tenant: 'ä', nested: { n: [1, true] } }],
  );
  const { client } = startClient(t, { queue });
  await assert.rejects(client.call('data'), { code: 'INVALID_ARGUMENT', data: { field: 'n' } });
  await assert.rejects(client.call('circle'), { code: 'INVALID_ARGUMENT', data: undefined });
  assert.match(
    String(events.find((event) => event.type === 'handler-failed')?.error),
    /data of the error were left out/,
  );
});
