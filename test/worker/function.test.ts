import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CANCEL_HEADER } from '../../src/protocol/cancel.ts';
import { RpcError, type RpcErrorCode } from '../../src/protocol/errors.ts';
import { normalizeServeOptions } from '../../src/worker/options.ts';
import type { RequestHandler, ServeOptions } from '../../src/worker/worker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { field, int, long, publishRaw, table } from '../../test-helpers/raw-amqp.ts';
import { openRaw, type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

/** A worker that serves a function, and a client that calls it. */
async function serve(t: Scope, handler: RequestHandler, options: ServeOptions = {}) {
  const queue = await testQueue(t);
  const { worker, events } = await startWorker(t, handler, { queue, ...options });
  return { queue, worker, events, client: startClient(t, { queue }).client };
}

/** Every octet there is, and some that are no UTF-8. */
const octets = Buffer.from([...Array(256).keys(), 0xff, 0xc3, 0x28, 0x0d, 0x0a]);

describe('what a function returns', { concurrency: true }, () => {
  test('is sent as JSON with a JSON content type, any value, and comes later if it is a promise', async (t) => {
    for (const contentType of ['application/json', 'application/vnd.words+json; charset=utf-8']) {
      const { client } = await serve(t, async (request) => ({ got: await delay(1, request.json()) }), { contentType });
      const reply = await client.call('{"a":[1,"é"]}', { contentType: 'application/json' });
      assert.equal(reply.contentType, contentType);
      assert.deepEqual(JSON.parse(String(reply.body)), { got: { a: [1, 'é'] } });
    }
    const { client } = await serve(t, ({ body }) => (body.length > 0 ? String(body) : null), {
      contentType: 'application/json',
    });
    assert.equal(String((await client.call('a text')).body), '"a text"');
    assert.equal(String((await client.call('')).body), 'null');
  });

  test('is sent octet for octet if it is bytes, with any content type, a view into a larger buffer too', async (t) => {
    for (const contentType of ['image/png', 'text/plain', 'application/json']) {
      const { client } = await serve(
        t,
        ({ body }) => new Uint8Array(Buffer.from(`x${body.toString('latin1')}x`, 'latin1')).subarray(1, -1),
        {
          contentType,
        },
      );
      for (const sent of [contentType, 'application/json', 'text/plain', 'application/octet-stream']) {
        const reply = await client.call(octets, { contentType: sent });
        assert.deepEqual([reply.body, reply.contentType], [octets, contentType]);
      }
      assert.equal((await client.call('')).body.length, 0);
    }
  });

  test('is copied if it is bytes: the function may fill the same ones anew for the next caller', async (t) => {
    const same = Buffer.alloc(100_000);
    const { client } = await serve(t, ({ body }) => same.fill(body), { prefetch: 100 });
    const asked = Array.from({ length: 300 }, (_, n) => String(n % 10));
    const replies = await Promise.all(asked.map((digit) => client.call(digit)));
    const got = replies.map(({ body }) => [...new Set(body.toString())].join(' and '));
    assert.deepEqual(got, asked);
  });

  test('is INTERNAL for the caller, and named in the log, if it can not be sent', async (t) => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const values: Readonly<Record<string, unknown>> = {
      nothing: undefined,
      big: 1n,
      circle,
      fn: () => 1,
      symbol: Symbol('s'),
    };
    const json = await serve(t, ({ body }) => values[String(body)] as string, { contentType: 'application/json' });
    for (const name of Object.keys(values)) await assert.rejects(json.client.call(name), { code: 'INTERNAL' }, name);
    const text = await serve(t, ({ body }) => JSON.parse(String(body)), { contentType: 'text/plain' });
    for (const value of ['{}', 'null', 'true', '[]']) {
      await assert.rejects(text.client.call(value), { code: 'INTERNAL' }, value);
    }
    const failures = [...json.events, ...text.events].filter((event) => event.type === 'handler-failed');
    assert.equal(failures.length, 9);
    assert.match(
      String(failures.at(-1)?.error),
      /returned object; replies of content type text\/plain are a string, a number,/,
    );
    assert.equal(String((await text.client.call('"fine"')).body), 'fine');
  });

  test('has a content type that fits into a message, or the worker is not made', () => {
    for (const contentType of ['', 'json', 'text/plain\r\n', `text/${'x'.repeat(300)}`, 'text/ä']) {
      assert.throws(() => normalizeServeOptions('q', { contentType }, new Set()), {
        name: 'TypeError',
        message: /^contentType: expected/,
      });
    }
  });
});

describe('what a function throws', { concurrency: true }, () => {
  test('reaches the caller as it is if it is an RpcError, of each code, at once or later', async (t) => {
    const { client, events } = await serve(t, ({ body }) => {
      const [code, when] = String(body).split(' ') as [RpcErrorCode, string];
      const error = new RpcError(code, `because of ${code}`, { cause: new Error('my secret') });
      if (when === 'later') return delay(1).then(() => Promise.reject(error));
      throw error;
    });
    for (const code of ['NOT_FOUND', 'OUT_OF_RANGE', 'UNAUTHENTICATED'] as const) {
      for (const when of ['now', 'later']) {
        await assert.rejects(client.call(`${code} ${when}`), {
          code,
          reason: 'ERROR_REPLY',
          message: `because of ${code}`,
        });
      }
    }
    assert.deepEqual(
      events.filter(({ type }) => type === 'handler-failed'),
      [],
    );
  });

  test('is INTERNAL, and tells the caller nothing, if it is anything else, even what is no Error and has no text', async (t) => {
    const thrown: Readonly<Record<string, unknown>> = {
      error: new Error('my secret'),
      string: 'my secret',
      undefined: undefined,
      null: null,
      symbol: Symbol('my secret'),
      bare: Object.create(null),
      evil: {
        toString: () => {
          throw new Error('my secret');
        },
      },
      number: 5,
      'wrong code': null,
    };
    const { client, worker, events } = await serve(t, ({ body }) => {
      if (String(body) === 'wrong code') throw new RpcError('teapot' as RpcErrorCode, 'my secret');
      throw thrown[String(body)];
    });
    for (const name of Object.keys(thrown)) {
      await assert.rejects(client.call(name), (error: RpcError) => {
        assert.equal(error.code, 'INTERNAL', name);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
    const failures = events.filter((event) => event.type === 'handler-failed');
    assert.deepEqual(
      failures.slice(0, -1).map(({ error }) => error),
      Object.values(thrown).slice(0, -1),
    );
    assert.match(String(failures.at(-1)?.error), /expected a code such as INVALID_ARGUMENT, got 'teapot'/);
    assert.equal(worker.stats().requests, failures.length, 'no request came twice');
  });

  test('is cut if it has more to say than a reply can hold', async (t) => {
    const { client, events } = await serve(t, () => {
      throw new RpcError('ABORTED', '\u0001'.repeat(20 * 1024 * 1024));
    });
    await assert.rejects(client.call('1'), { code: 'ABORTED', message: `${'\u0001'.repeat(8_192)}…` });
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
  });

  test('is the refusal of a request that is no JSON, or no text, with what is wrong with it', async (t) => {
    const { client } = await serve(t, (request) => JSON.stringify(request.json()));
    assert.equal(String((await client.call('{"__proto__":{"a":1}}')).body), '{"__proto__":{"a":1}}');
    await assert.rejects(client.call('{"a":'), {
      code: 'INVALID_ARGUMENT',
      message: /^the request is not JSON: .*end of JSON/,
    });
    await assert.rejects(client.call(''), { code: 'INVALID_ARGUMENT', message: /^the request is not JSON: / });
    await assert.rejects(client.call(octets), {
      code: 'INVALID_ARGUMENT',
      message: 'the request is not text in UTF-8',
    });
  });
});

describe("a function's signal", { concurrency: true }, () => {
  test('aborts when the deadline passes, and what is thrown because of it is DEADLINE_EXCEEDED', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    const reasons: unknown[] = [];
    const { events } = await startWorker(
      t,
      async ({ body }, { signal, deadline }) => {
        assert.ok(deadline !== undefined && deadline > performance.now());
        if (String(body) === 'timers') await delay(60_000, undefined, { signal });
        await once(signal, 'abort');
        reasons.push(signal.reason);
        throw signal.reason;
      },
      { queue },
    );
    for (const how of ['itself', 'timers']) {
      await raw.publish(queue, how, { replyTo, expiration: '100' });
      const reply = await replies.next();
      assert.equal(reply.type, 'error');
      assert.equal(JSON.parse(String(reply.body)).code, 'DEADLINE_EXCEEDED', how);
    }
    assert.ok(reasons[0] instanceof RpcError);
    assert.equal(events.filter(({ type }) => type === 'handler-failed').length, 0);
  });

  test('does not abort without a deadline, with one that is years away, or when the answer is given', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    const signals: AbortSignal[] = [];
    const { worker } = await startWorker(
      t,
      async (_, { signal }) => {
        signals.push(signal);
        await delay(20);
        return String(signal.aborted);
      },
      { queue },
    );
    for (const expiration of [undefined, '4294967295', '1000']) {
      await raw.publish(queue, '1', { replyTo, ...(expiration && { expiration }) });
      assert.equal(String((await replies.next()).body), 'false', expiration);
    }
    await delay(1_050); // past the last deadline
    await worker.close();
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false, false, false],
    );
  });

  test('is nothing that the worker keeps for a function that looks at it after its answer', async (t) => {
    const queue = await testQueue(t);
    const signals: AbortSignal[] = [];
    const { worker } = await startWorker(
      t,
      (_, context) => {
        setTimeout(() => signals.push(context.signal), 20);
        return 'answer';
      },
      { queue },
    );
    const { client } = startClient(t, { queue });
    await client.call('1');
    await until(() => signals.length === 1);
    await worker.close({ grace: 0 }); // aborts the signals of what it has in hand
    assert.equal(signals[0]?.aborted, false);
  });

  test('aborts when the grace of a worker that stops is over, not before', async (t) => {
    const queue = await testQueue(t);
    let signal: AbortSignal | undefined;
    let abortedAt = 0;
    const { worker } = await startWorker(
      t,
      (_, context) => {
        signal = context.signal;
        signal.addEventListener('abort', () => (abortedAt = performance.now()));
        return new Promise(() => {});
      },
      { queue },
    );
    const call = startClient(t, { queue }).client.call('1');
    call.catch(() => {});
    await until(() => signal !== undefined);
    const closing = performance.now();
    assert.deepEqual(await worker.close({ grace: 300 }), { unfinished: 1 });
    assert.equal(signal?.aborted, true);
    assert.ok(abortedAt - closing > 298, `${abortedAt - closing} ms after it was told to close`);
    assert.deepEqual([signal?.reason instanceof RpcError, signal?.reason.code], [true, 'UNAVAILABLE']);
  });

  test('aborts when the connection is lost, also for a function that looks at it only then', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    const seen: string[] = [];
    let goOn = () => {};
    const { worker, events } = await startWorker(
      t,
      async ({ body }, context) => {
        if (context.redelivered) return 'again';
        if (String(body) === 'late')
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
        else await once(context.signal, 'abort');
        seen.push(`${body} ${context.signal.aborted} ${context.signal.reason?.code}`);
        return 'nobody hears it';
      },
      { queue, urls: proxy.url, prefetch: 2 },
    );
    const { client } = startClient(t, { queue });
    const calls = [client.call('at once'), client.call('late')];
    await until(() => worker.stats().inFlight === 2);
    proxy.cut();
    await until(() => seen.length === 1);
    goOn();
    for (const call of calls) assert.equal(String((await call).body), 'again');
    assert.deepEqual(seen, ['at once true UNAVAILABLE', 'late true UNAVAILABLE']);
    assert.equal(events.filter(({ type }) => type === 'handler-failed').length, 0);
  });
});

describe("a function's context", { concurrency: true }, () => {
  test('has the headers of every type, as values of JavaScript, and no name means anything but itself', async (t) => {
    const seen: Readonly<Record<string, unknown>>[] = [];
    const { queue, client } = await serve(t, (_, { headers }) => {
      seen.push(headers);
      return String('polluted' in headers || 'toString' in headers);
    });
    const raw = await openRaw(t);
    const { queue: replyQueue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyQueue);
    const double = Buffer.alloc(8);
    double.writeDoubleBE(1.5);
    const float = Buffer.alloc(4);
    float.writeFloatBE(0.5);
    const fields = [
      field('yes', 't', int(1, 1)),
      field('int8', 'b', Buffer.from([0xff])),
      field('int16', 's', Buffer.from([0xff, 0xfe])),
      field('int32', 'I', Buffer.from([0xff, 0xff, 0xff, 0xfd])),
      field('int64', 'l', int(8, 2 ** 40)),
      field('float', 'f', float),
      field('double', 'd', double),
      field('decimal', 'D', Buffer.from([2, 0, 0, 1, 0])),
      field('text', 'S', long(Buffer.from('é\n'))),
      field(
        'array',
        'A',
        long(Buffer.concat([Buffer.from('t'), int(1, 0), Buffer.from('F'), table(field('in', 'V', Buffer.alloc(0)))])),
      ),
      field('time', 'T', int(8, 1_700_000_000)),
      field('table', 'F', table(field('toString', 'S', long(Buffer.from('t'))))),
      field('nothing', 'V', Buffer.alloc(0)),
      field('bytes', 'x', long(octets)),
      field('__proto__', 'F', table(field('polluted', 't', int(1, 1)))),
    ];
    await publishRaw(queue, '1', { headers: Buffer.concat(fields), replyTo: Buffer.from(replyQueue) });
    assert.equal(String((await replies.next()).body), 'false');
    const [{ array, table: inner, ...rest } = {}] = seen;
    assert.deepEqual(
      { ...rest },
      {
        yes: true,
        int8: -1,
        int16: -2,
        int32: -3,
        int64: 2 ** 40,
        float: 0.5,
        double: 1.5,
        decimal: rest.decimal,
        text: 'é\n',
        time: 1_700_000_000,
        nothing: null,
        bytes: octets,
        ['__proto__']: Object.assign(Object.create(null), { polluted: true }),
      },
    );
    assert.deepEqual({ ...(rest.decimal as object) }, { scale: 2, value: 256 });
    assert.deepEqual([Object.getPrototypeOf(inner), { ...(inner as object) }], [null, { toString: 't' }]);
    assert.deepEqual(array, [false, Object.assign(Object.create(null), { in: null })]);
    await client.call('without any');
    assert.deepEqual(Object.keys(seen[1] ?? {}), [CANCEL_HEADER], 'the client’s own');
  });

  test('answers one whose headers are nested as deep as the broker lets them be', async (t) => {
    const { queue, client, events } = await serve(t, (_, { headers }) => String(Object.keys(headers)));
    let deep = field('x', 't', Buffer.from([1]));
    for (let depth = 0; depth < 4_000; depth++) deep = field('x', 'F', table(deep));
    const refused = await publishRaw(queue, '1', { headers: deep, replyTo: Buffer.from('amq.gen-nobody') }).catch(
      String,
    );
    if (refused) return t.skip(`the broker refuses it itself: ${refused}`);
    assert.equal(String((await client.call('behind it')).body), CANCEL_HEADER);
    assert.equal(events.filter(({ type }) => type === 'disconnected').length, 0);
  });

  test('has the options, tells whether the request came before, and logs by way of the worker', async (t) => {
    const { client, events } = await serve(
      t,
      (_, { options, redelivered, log }) => {
        log.info('one', { a: 1 });
        log.warn('two');
        log.error(3 as unknown as string);
        return `${options.greeting} ${redelivered}`;
      },
      { functionOptions: { greeting: 'hello' } },
    );
    assert.equal(String((await client.call('1')).body), 'hello false');
    assert.deepEqual(
      events.filter((event) => event.type === 'log').map(({ level, text, fields }) => [level, text, fields]),
      [
        ['info', 'one', { a: 1 }],
        ['warn', 'two', undefined],
        ['error', '3', undefined],
      ],
    );
  });
});
