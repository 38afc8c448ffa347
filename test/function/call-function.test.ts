import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { defineFunction, integer, type RpcError, type RpcRequest } from '../../src/function/api.ts';
import type { RequestContext } from '../../src/index.ts';
import { callFunction } from '../../src/testing.ts';

const order = defineFunction({
  name: 'order',
  request: z.object({ sku: z.string(), count: z.number().default(1), at: z.coerce.date().optional() }),
  reply: z.object({ total: z.number() }),
  errors: { OUT_OF_STOCK: { code: 'FAILED_PRECONDITION', data: z.object({ left: z.number() }) } },
  maxRequestBytes: 100,
  async handler({ sku, count }, { headers }, errors) {
    if (count > 2) throw errors.OUT_OF_STOCK('only 2 are left', { left: 2 });
    return { total: sku === 'wrong' ? ('five' as unknown as number) : count * Number(headers.price ?? 10) };
  },
});

/** A plain module, as `import * as` gives it. */
const words = {
  maxRequestBytes: 20,
  options: {
    times: {
      flag: 'times',
      type: 'string',
      placeholder: 'N',
      default: '3',
      parse: integer({ min: 1 }),
      help: 'how often',
    },
    loud: { flag: 'loud', type: 'boolean', help: 'in capitals' },
  },
  default(request: RpcRequest, { options, log }: RequestContext<{ times: number; loud: boolean }>) {
    log.info('asked', { bytes: request.body.length });
    const said = request.text().repeat(options.times);
    return options.loud ? said.toUpperCase() : said;
  },
};

const echo = (request: RpcRequest) => ({
  body: request.body,
  contentType: request.contentType,
  headers: { type: request.type },
});

describe('callFunction', () => {
  it('gives a function with schemas the value of a request, and resolves to the value of its reply', async () => {
    assert.deepEqual(await callFunction(order, { sku: 'a' }), { total: 10 });
    const { total }: { total: number } = await callFunction(
      order,
      { sku: 'a', count: 2, at: new Date(0) },
      { headers: { price: 7 } },
    );
    assert.equal(total, 14);
  });

  it('rejects with what a caller gets: fields that do not fit, declared errors with their data, a request that is too long', async () => {
    const wrong = { sku: 5 } as unknown as { sku: string };
    await assert.rejects(callFunction(order, wrong), (error: RpcError) => {
      assert.deepEqual(
        [error.code, error.reason, error.issues?.[0]?.path],
        ['INVALID_ARGUMENT', 'ERROR_REPLY', '/sku'],
      );
      return error.cause === undefined;
    });
    const declared = {
      code: 'FAILED_PRECONDITION',
      reason: 'OUT_OF_STOCK',
      data: { left: 2 },
      message: 'only 2 are left',
    };
    await assert.rejects(callFunction(order, { sku: 'a', count: 3 }), declared);
    await assert.rejects(callFunction(order, { sku: 'x'.repeat(100) }), /has 110 bytes; the limit is 100/);
  });

  it('tells a test what a caller never learns, as the cause of INTERNAL', async () => {
    await assert.rejects(callFunction(order, { sku: 'wrong' }), (error: RpcError) => {
      assert.deepEqual([error.code, /log says why/.test(error.message)], ['INTERNAL', true]);
      return error.cause instanceof TypeError && /does not fit the schema/.test(error.cause.message);
    });
    const fails = () => Promise.reject(new RangeError('mine'));
    await assert.rejects(callFunction(fails, ''), (error: RpcError) => (error.cause as Error).message === 'mine');
    await assert.rejects(
      callFunction(() => () => 5, ''),
      { code: 'INTERNAL' },
    );
    await assert.rejects(
      callFunction(() => ({ body: '', headers: { CC: 'x' } }), ''),
      { code: 'INTERNAL' },
    );
  });

  it('gives a plain function text, bytes, or a value as JSON, and resolves to a reply', async () => {
    const text = await callFunction(echo, 'é');
    assert.deepEqual([text.text(), text.contentType, text.headers], ['é', 'text/plain', Object.create(null)]);
    assert.deepEqual((await callFunction(echo, Buffer.from([0, 255]))).body, Buffer.from([0, 255]));
    const json = await callFunction(echo, { a: [1] });
    assert.deepEqual([json.json(), json.contentType], [{ a: [1] }, 'application/json']);
    assert.equal((await callFunction(echo, '{}', { contentType: 'text/csv' })).contentType, 'text/csv');
    assert.deepEqual((await callFunction(() => ({ n: 5 }), null)).json(), { n: 5 });
  });

  it('gives a module its options by their defaults, or as they are given, and its limits', async () => {
    assert.equal((await callFunction(words, 'ab')).text(), 'ababab');
    assert.equal((await callFunction(words, 'ab', { options: { times: 1, loud: true } })).text(), 'AB');
    await assert.rejects(callFunction(words, 'x'.repeat(21)), { code: 'INVALID_ARGUMENT' });
    await assert.rejects(callFunction(words, Buffer.from([255])), /not text in UTF-8/);
  });

  it('sends headers as they arrive over the wire, both ways', async () => {
    const headers = (_: RpcRequest, context: RequestContext) => ({
      body: '',
      headers: { ...context.headers, own: new Date(5_000) },
    });
    const sent = { at: new Date(1_000), big: 5n, list: [1, null], __proto__: null };
    const reply = await callFunction(headers, gzipSync('x'), { headers: sent });
    assert.deepEqual({ ...reply.headers }, { at: 1, big: 5, list: [1, null], own: 5 });
  });

  it('ends at the deadline, which the function knows and its signal tells', async () => {
    let known: RequestContext | undefined;
    const waits = async (_: RpcRequest, context: RequestContext) => {
      known = context;
      await sleep(600_000, undefined, { signal: context.signal });
    };
    let deadline = 0;
    // until it was called before its deadline, however slow the machine
    for (let time = 20; !known && time < 60_000; time *= 2) {
      deadline = performance.now() + time;
      await assert.rejects(callFunction(waits, '', { deadline }), { code: 'DEADLINE_EXCEEDED' });
    }
    assert.ok(known);
    assert.equal(known.deadline, deadline);
    assert.equal((known.signal.reason as RpcError | undefined)?.code, 'DEADLINE_EXCEEDED');
    const ignores = () => new Promise(() => {});
    await assert.rejects(callFunction(ignores, '', { deadline: performance.now() + 20 }), {
      code: 'DEADLINE_EXCEEDED',
    });
    await assert.rejects(callFunction(echo, '', { deadline: performance.now() - 1 }), /passed before/);
  });

  it('is aborted as a call is, and the function is told', async () => {
    const told: unknown[] = [];
    const waits = (_: RpcRequest, { signal }: RequestContext) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(told.push(signal.reason)));
      });
    const controller = new AbortController();
    const call = callFunction(waits, '', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    assert.deepEqual(
      told.map((reason) => (reason as RpcError).code),
      ['CANCELLED'],
    );
    const stop = new AbortController();
    const stops = () => {
      stop.abort(new Error('meanwhile'));
      return new Promise(() => {});
    };
    await assert.rejects(callFunction(stops, '', { signal: stop.signal }), /meanwhile/);
    await assert.rejects(
      callFunction(echo, '', { signal: AbortSignal.abort('before') }),
      (reason) => reason === 'before',
    );
  });

  it('refuses what is no function, a module of several, and wrong options, by name', async () => {
    const plain = callFunction as (...args: unknown[]) => Promise<unknown>;
    const handler = () => '';
    for (const [args, message] of [
      [[5, ''], /^fn: expected an object, got 5$/],
      [[{}, ''], /has no default export/],
      [[{ default: [{ handler }, { handler, name: 'b' }] }, ''], /^fn: expected one function, got a module of 2/],
      [[echo, undefined], /^request: expected text, bytes or a JSON value, got undefined$/],
      [[echo, 5n], /^request: expected text, bytes or a JSON value, got 5n: .*BigInt$/],
      [[echo, '', { timeout: 5 }], /^options: expected options among .*, got 'timeout'$/],
      [[echo, '', { headers: { cc: '' } }], /^headers: /],
      [[echo, '', { deadline: '5' }], /^deadline: expected .*, got '5'$/],
      [[echo, '', { signal: {} }], /^signal: expected an AbortSignal, got \{\}$/],
      [[echo, '', { contentType: 'x' }], /^contentType: /],
    ] as const)
      await assert.rejects(
        plain(...args),
        (error: Error) => error.name === 'TypeError' && message.test(error.message),
        String(message),
      );
  });
});
