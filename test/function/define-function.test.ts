// Functions with schemas, each of zod, valibot and arktype, called over RabbitMQ.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { typedFunction } from '../../src/client/function.ts';
import { integer } from '../../src/function/api.ts';
import {
  defineFunction,
  RpcClient,
  RpcError,
  RpcWorker,
  type ServedFunction,
  type StandardSchemaV1,
  type WorkerEvent,
} from '../../src/index.ts';
import { callFunction } from '../../src/testing.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { deleteAfter, openRaw, until } from '../../test-helpers/rpc.ts';

const schemas = {
  zod: {
    request: z.object({ sku: z.string(), count: z.number().int().default(1) }),
    reply: z.object({ total: z.number() }),
    left: z.object({ left: z.number() }),
    text: z.string(),
  },
  valibot: {
    request: v.object({ sku: v.string(), count: v.optional(v.pipe(v.number(), v.integer()), 1) }),
    reply: v.object({ total: v.number() }),
    left: v.object({ left: v.number() }),
    text: v.string(),
  },
  arktype: {
    request: type({ sku: 'string', count: 'number.integer = 1' }),
    reply: type({ total: 'number' }),
    left: type({ left: 'number' }),
    text: type('string'),
  },
};

/** The order that the tests' function takes; the schemas of all libraries say the same. */
type Order = StandardSchemaV1<{ sku: string; count?: number | undefined }, { sku: string; count: number }>;

function orderFunction(
  {
    request,
    reply,
    left,
  }: { request: Order; reply: StandardSchemaV1<{ total: number }>; left: StandardSchemaV1<{ left: number }> },
  queue = `test.${randomUUID()}`,
) {
  return defineFunction({
    name: 'order',
    queue,
    prefetch: 7,
    request,
    reply,
    errors: { OUT_OF_STOCK: { code: 'FAILED_PRECONDITION', data: left }, NOT_FOUND: {} },
    handler: async ({ sku, count }, { headers }, errors) => {
      if (sku === 'none') throw errors.NOT_FOUND('there is no such thing');
      if (sku === 'wrong error') throw errors.OUT_OF_STOCK('x', { left: 'two' as unknown as number });
      if (sku === 'wrong reply') return { total: 'five' as unknown as number };
      if (sku === 'other error') throw new RpcError('ABORTED', 'not now', { reason: 'ANOTHER', data: 5 });
      if (count > 2) throw errors.OUT_OF_STOCK('only 2 are left', { left: 2 });
      return { total: count * Number(headers.price ?? 10) };
    },
  });
}

/** Serves functions, and gives a client; both are closed when the test is over. */
async function serve(t: TestContext, ...functions: ServedFunction[]) {
  const worker = new RpcWorker(amqpUrl());
  const events: WorkerEvent[] = [];
  worker.on('*', (event) => events.push(event));
  for (const one of functions) {
    deleteAfter(t, one.queue);
    worker.serve(one);
  }
  t.after(() => worker.close({ grace: 0 }));
  await worker.start();
  const client = new RpcClient({ urls: amqpUrl() });
  t.after(() => client.close({ grace: 0 }));
  return { client, events };
}

for (const [library, given] of Object.entries(schemas)) {
  describe(`a function with schemas of ${library}`, { concurrency: 3 }, () => {
    it('gets the value that its schema makes of a request, and its caller the value of the reply', async (t) => {
      const order = orderFunction(given);
      const { client, events } = await serve(t, order);
      const call = client.function(order);
      assert.deepEqual(await call({ sku: 'a', count: 2 }), { total: 20 });
      assert.deepEqual(await call({ sku: 'a' }, { headers: { price: 7 }, timeout: 5_000 }), { total: 7 });
      const prefetches = events.flatMap((event) => (event.type === 'consuming' ? [event.prefetch] : []));
      assert.deepEqual(prefetches, [7]);
    });

    it('never sees a request that does not fit, and its caller learns which fields', async (t) => {
      const order = orderFunction(given);
      const { client } = await serve(t, order);
      const wrong = { sku: 5, count: 'x' } as unknown as { sku: string };
      const error = await client
        .function<typeof order>(order.queue)(wrong)
        .catch((thrown: unknown) => thrown);
      assert.ok(error instanceof RpcError);
      assert.deepEqual([error.code, error.reason], ['INVALID_ARGUMENT', 'ERROR_REPLY']);
      assert.deepEqual(error.issues?.map(({ path }) => path).sort(), ['/count', '/sku']);
      assert.match(error.message, /^the request does not fit: \/\w+: .*; \/\w+: /);
    });

    it('names the whole of a request that is no text where a text is expected', async () => {
      const fn = defineFunction({ name: 'text', request: given.text as StandardSchemaV1<unknown>, handler: () => 1 });
      const misfit = { code: 'INVALID_ARGUMENT', message: /^the request does not fit: [^/:]/ };
      await assert.rejects(callFunction(fn, 1), (error: RpcError) => {
        assert.deepEqual(
          error.issues?.map(({ path }) => path),
          [''],
        );
        return error.code === misfit.code && misfit.message.test(error.message);
      });
    });

    it('has errors whose data its schema checks, typed by their reason', async (t) => {
      const order = orderFunction(given);
      const { client } = await serve(t, order);
      for (const call of [client.function(order), client.function<typeof order>(order.queue)]) {
        const error = await call({ sku: 'a', count: 3 }).catch((thrown: unknown) => thrown);
        assert.ok(call.isError(error, 'OUT_OF_STOCK'));
        const left: number = error.data.left;
        assert.deepEqual([error.code, error.message, left], ['FAILED_PRECONDITION', 'only 2 are left', 2]);
        assert.equal(typeof error.correlationId, 'string');
        assert.ok(!call.isError(error, 'NOT_FOUND'));
        const none = await call({ sku: 'none' }).catch((thrown: unknown) => thrown);
        assert.ok(call.isError(none, 'NOT_FOUND') && none.code === 'NOT_FOUND' && none.data === undefined);
        await assert.rejects(call({ sku: 'other error' }), { code: 'ABORTED', reason: 'ANOTHER', data: 5 });
      }
    });

    it('fails for its caller without a word if its reply, or the data of an error, does not fit: the log says why', async (t) => {
      const order = orderFunction(given);
      const { client, events } = await serve(t, order);
      const call = client.function<typeof order>(order.queue);
      const failed = { code: 'INTERNAL', message: /log says why/, issues: undefined };
      await assert.rejects(call({ sku: 'wrong reply' }), failed);
      await assert.rejects(call({ sku: 'wrong error' }), failed);
      const logged = events.flatMap((event) => (event.type === 'handler-failed' ? [String(event.error)] : []));
      assert.match(logged[0] ?? '', /^TypeError: what the function returned does not fit .*: \/total: /);
      assert.match(logged[1] ?? '', /^TypeError: the data of the error OUT_OF_STOCK do not fit their schema: \/left: /);
    });
  });
}

describe('a client that has the function, not its type alone', () => {
  it('rejects a reply, or data of an error, that does not fit', async (t) => {
    const order = orderFunction(schemas.zod);
    const stranger = {
      queue: order.queue,
      handler: (request: { json(): unknown }) => {
        if (Object(request.json()).sku === 'a') return { total: null };
        throw new RpcError('FAILED_PRECONDITION', 'x', { reason: 'OUT_OF_STOCK', data: 'none' });
      },
    };
    const { client } = await serve(t, stranger);
    const call = client.function(order);
    const reply = { code: 'DATA_LOSS', reason: 'SCHEMA_MISMATCH', message: /^the reply does not fit .*\/total: / };
    await assert.rejects(call({ sku: 'a' }), reply);
    const data = {
      code: 'DATA_LOSS',
      reason: 'SCHEMA_MISMATCH',
      message: /^the data of the worker's error OUT_OF_STOCK /,
    };
    await assert.rejects(call({ sku: 'b' }), data);
    assert.deepEqual(await client.function<typeof order>(order.queue)({ sku: 'a' }), { total: null });
  });

  it('rejects what makes its schema throw, and has that as the cause', async () => {
    const thrown = new RangeError('a bug');
    const fails: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw thrown;
        },
      },
    };
    const contract = { name: 'a', request: z.string(), errors: { ABORTED: { data: fails } } };
    const broken = {
      code: 'DATA_LOSS',
      reason: 'SCHEMA_MISMATCH',
      message: /: the schema threw: a bug; /,
      cause: thrown,
    };
    await assert.rejects(typedFunction(async () => 'x', { ...contract, reply: fails })('x'), broken);
    const aborted = Promise.reject(new RpcError('ABORTED', 'x', { reason: 'ABORTED' }));
    await assert.rejects(typedFunction(() => aborted, contract)('x'), broken);
  });

  it('tells a declared error by its reason and its code', async () => {
    const contract = {
      name: 'a',
      request: z.string(),
      errors: { GONE: { code: 'NOT_FOUND', data: z.number() } },
    } as const;
    const [gone, other] = [
      new RpcError('NOT_FOUND', 'x', { reason: 'GONE', data: 5 }),
      new RpcError('ABORTED', 'x', { reason: 'GONE', data: 'of another function' }),
    ];
    const call = new RpcClient().function(contract);
    assert.deepEqual([call.isError(gone, 'GONE'), call.isError(other, 'GONE')], [true, false]);
    await assert.rejects(typedFunction(() => Promise.reject(other), contract)('x'), other);
    assert.ok(new RpcClient().function<typeof contract>('a').isError(other, 'GONE'), 'its type alone has no codes');
  });

  it('needs no handler: an object with the schemas will do', async (t) => {
    const contract = { name: `test.${randomUUID()}`, request: z.string(), reply: z.coerce.date() };
    const { client } = await serve(t, defineFunction({ ...contract, handler: (text) => new Date(text) }));
    const date: Date = await client.function(contract)('2030-01-02');
    assert.equal(date.getUTCFullYear(), 2030);
  });
});

/** What a library might promise with: no Promise. */
function later(value: unknown): unknown {
  const then = (resolve: (value: unknown) => void) => setTimeout(resolve, 1, value);
  return Object.defineProperty({}, 'then', { value: then });
}

describe('a function with a schema of its own making', () => {
  /** A schema that takes its time. */
  const slow: StandardSchemaV1<string, string> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const fits = typeof value === 'string' && value !== 'bad';
        const message = 'expected another text';
        const path = ['a/b', { key: '~' }, 0, Symbol('s')];
        const result = fits ? { value: `${value}!` } : { issues: Array(100).fill({ message, path }) };
        return later(result) as Promise<typeof result>;
      },
    },
  };
  const shout = () => {
    const errors = { ABORTED: { data: slow } };
    return defineFunction({
      name: `test.${randomUUID()}`,
      request: slow,
      reply: slow,
      errors,
      handler: (text, _context, { ABORTED }) => {
        if (text.startsWith('abort')) throw ABORTED('x', text === 'abort!' ? 'why' : 'bad');
        return text.startsWith('return') ? 'bad' : text;
      },
    });
  };

  it('may validate with promises, or anything that has a then', async (t) => {
    const fn = shout();
    const { client, events } = await serve(t, fn);
    const call = client.function<typeof fn>(fn.name);
    assert.equal(await call('hey'), 'hey!!');
    assert.equal(await client.function(fn)('hey'), 'hey!!!');
    await assert.rejects(call('abort'), { code: 'ABORTED', data: 'why!' });
    await assert.rejects(call('abort badly'), { code: 'INTERNAL' });
    await assert.rejects(call('return badly'), { code: 'INTERNAL' });
    await until(() => events.filter(({ type }) => type === 'handler-failed').length === 2);
  });

  it('names the first issues, each by a JSON pointer, and says how many more there are', async (t) => {
    const fn = shout();
    const { client } = await serve(t, fn);
    const error = await client
      .function(fn)('bad')
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof RpcError && error.issues);
    assert.deepEqual(error.issues[0], { path: '/a~1b/~0/0/Symbol(s)', message: 'expected another text' });
    assert.equal(error.issues.length, 16);
    assert.match(error.message, /^the request does not fit: (\/a~1b\S+ expected another text; ){3}and 97 more$/);
  });
});

describe('the issues of a request', () => {
  it('may lie under a key that is null, and only those that are sent are looked at', async () => {
    const wrong = { message: 'no', path: [null as unknown as string, { key: 0 }] };
    const unread = {
      get message(): string {
        throw new Error('looked at');
      },
    };
    const issues = [...Array(16).fill(wrong), unread];
    const request: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } };
    const fn = defineFunction({ name: 'a', request, handler: () => 1 });
    await assert.rejects(callFunction(fn, 1), (error: RpcError) => {
      assert.deepEqual([error.issues?.length, error.issues?.[0]?.path], [16, '/null/0']);
      return /; and 14 more$/.test(error.message);
    });
  });
});

describe('a typed function', () => {
  it('returns no bigint and no bytes, which are not JSON: the log says what to use', async () => {
    for (const [returned, named] of [
      [5n, 'a bigint'],
      [Buffer.from('a'), 'bytes'],
    ] as const) {
      const fn = defineFunction({ name: 'a', request: z.null(), handler: () => returned as unknown as string });
      await assert.rejects(callFunction(fn, null), ({ code, cause }: RpcError) => {
        assert.match(String(cause), new RegExp(`^TypeError: the function returned ${named}, .*use a plain function`));
        return code === 'INTERNAL';
      });
    }
  });

  it('fails with a declared error whose data are too long to be sent: the log says so', async () => {
    const fn = defineFunction({
      name: 'a',
      request: z.number(),
      errors: { ABORTED: { data: z.string() } },
      handler: (length, _context, errors): string => {
        throw errors.ABORTED('x', 'ä'.repeat(length));
      },
    });
    await assert.rejects(callFunction(fn, 16_383), { code: 'ABORTED', data: 'ä'.repeat(16_383) });
    await assert.rejects(callFunction(fn, 16_384), ({ code, cause }: RpcError) => {
      assert.equal(
        String(cause),
        "TypeError: the data of the error ABORTED can't be sent: they have 32770 bytes as JSON; at most 32768",
      );
      return code === 'INTERNAL';
    });
  });

  it('has options whose defaults are right, or the definition throws a TypeError that names one', () => {
    const limit = {
      flag: 'limit',
      type: 'string',
      placeholder: 'N',
      default: 'x',
      parse: integer(),
      help: '',
    } as const;
    const define = () => defineFunction({ name: 'a', request: z.null(), options: { limit }, handler: () => 1 });
    assert.throws(define, /^TypeError: function 'a': options\.limit: default: .*, got 'x'$/);
  });

  it('sends what its handler returns as JSON where it has no schema for that, also an object with a body', async (t) => {
    const fn = defineFunction({
      name: `test.${randomUUID()}`,
      request: z.literal(['text', 'reply', 'date', 'nothing']),
      handler: (what) =>
        ({ text: 'a', reply: { body: 'b' }, date: { at: new Date(0) }, nothing: undefined as never })[what],
    });
    const { client, events } = await serve(t, fn);
    const call = client.function(fn);
    assert.equal(await call('text'), 'a');
    assert.deepEqual(await call('reply'), { body: 'b' });
    assert.deepEqual(await call('date'), { at: '1970-01-01T00:00:00.000Z' });
    await assert.rejects(call('nothing'), { code: 'INTERNAL' });
    await until(() =>
      events.some((event) => event.type === 'handler-failed' && /no form in JSON/.test(`${event.error}`)),
    );
  });

  it('answers any caller that sends JSON, and refuses what is no JSON', async (t) => {
    const order = orderFunction(schemas.valibot);
    const { client } = await serve(t, order);
    assert.equal((await client.call(order.queue, '{"sku":"a"}')).text(), '{"total":10}');
    await assert.rejects(client.call(order.queue, 'sku=a'), { code: 'INVALID_ARGUMENT', message: /not JSON/ });
    const raw = await openRaw(t);
    const replies = await raw.consume('amq.rabbitmq.reply-to');
    await raw.publish(order.queue, '{"sku":[]}', { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c' });
    const { body, contentType } = await replies.next();
    const { errors, ...problem } = JSON.parse(String(body));
    assert.equal(contentType, 'application/problem+json');
    assert.deepEqual(Object.keys(problem), ['title', 'detail', 'code', 'correlationId']);
    assert.deepEqual([errors.length, errors[0].path, typeof errors[0].message], [1, '/sku', 'string']);
  });

  it('is served beside others on a queue of its own, and on another one under another name', async (t) => {
    const [one, two] = [orderFunction(schemas.zod), orderFunction(schemas.arktype)];
    const other = `test.${randomUUID()}`;
    deleteAfter(t, other);
    const worker = new RpcWorker(amqpUrl()).serve(one).serve(two, { prefetch: 3 }).serve(other, two);
    for (const { queue } of [one, two]) deleteAfter(t, queue);
    t.after(() => worker.close({ grace: 0 }));
    const prefetches = new Map<string, number>();
    worker.on('consuming', ({ queue, prefetch }) => prefetches.set(queue, prefetch));
    await worker.start();
    assert.deepEqual(Object.fromEntries(prefetches), { [one.queue]: 7, [two.queue]: 3, [other]: 7 });
    const client = new RpcClient(amqpUrl());
    t.after(() => client.close({ grace: 0 }));
    assert.deepEqual(await client.function(one)({ sku: 'a' }), { total: 10 });
    assert.deepEqual(await client.function(other, two)({ sku: 'a' }), { total: 10 });
  });

  it('gives up when it is told to, and after its time limit', async (t) => {
    const fn = defineFunction({
      name: `test.${randomUUID()}`,
      request: z.null(),
      handler: () => new Promise<string>(() => {}),
    });
    const { client } = await serve(t, fn);
    const stop = new AbortController();
    const call = client.function(fn)(null, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    await assert.rejects(client.function(fn)(null, { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' });
  });
});
