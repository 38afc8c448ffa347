// The types of functions with schemas. `tsc` checks this file, and an expected error that is none fails it.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { integer } from '../../src/function/api.ts';
import { defineFunction, type FunctionContract, RpcClient, type RpcError, RpcWorker } from '../../src/index.ts';

/** True if the types are the same, `any` and `unknown` told apart. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Says that a value has exactly a type. */
function has<Expected>() {
  return <Actual>(_value: Actual, ..._fault: Same<Actual, Expected> extends true ? [] : [never]) => {};
}

const counted = defineFunction({
  name: 'counted',
  request: z.object({ text: z.string(), minLength: z.number().default(1) }),
  reply: z.object({ words: z.number(), at: z.coerce.date(), kind: z.enum(['prose', 'verse']).default('prose') }),
  errors: {
    TOO_RUDE: { code: 'FAILED_PRECONDITION', data: z.object({ word: z.string(), at: z.date() }) },
    NOT_FOUND: { data: z.number() },
    ABORTED: {},
  },
  options: {
    limit: { flag: 'limit', type: 'string', placeholder: 'N', default: '5', parse: integer({ min: 1 }), help: 'words' },
  },
  handler: ({ text, minLength }, { options, signal }, errors) => {
    has<string>()(text);
    has<number>()(minLength);
    has<number>()(options.limit);
    has<AbortSignal>()(signal);
    if (text === 'rude') throw errors.TOO_RUDE('no', { word: 'x', at: new Date(0) });
    // @ts-expect-error: its data have another type
    if (text === 'wrong data') throw errors.NOT_FOUND('no', { word: 'x' });
    // @ts-expect-error: it needs data
    if (text === 'no data') throw errors.NOT_FOUND('no');
    // @ts-expect-error: it has no data
    if (text === 'data') throw errors.ABORTED('no', 5);
    // @ts-expect-error: no such error is declared
    if (text === 'undeclared') throw errors.TOO_LONG('no');
    return { words: text.length, at: new Date(0) };
  },
});

const client = new RpcClient();

describe('the types of a function', () => {
  // @ts-expect-error: it tells types apart
  has<string>()(5);

  it('are those of its schemas at the client that has it', () => {
    const call = client.function(counted);
    const ask = () => call({ text: 'to be' });
    has<() => Promise<{ words: number; at: Date; kind: 'prose' | 'verse' }>>()(ask);
    const wrong = [
      // @ts-expect-error: the text is missing
      () => call({ minLength: 1 }),
      // @ts-expect-error: the text is no text
      () => call({ text: 5 }),
      // @ts-expect-error: there is no such field
      () => call({ text: 'a', length: 5 }),
      // @ts-expect-error: requests are JSON, always
      () => call({ text: 'a' }, { contentType: 'text/plain' }),
    ];
    assert.equal(wrong.length, 4);
  });

  it('are as JSON leaves them at the client that has its type alone', () => {
    const call = client.function<typeof counted>('counted');
    const ask = () => call({ text: 'to be', minLength: 2 });
    has<() => Promise<{ words: number; at: string; kind: 'prose' | 'verse' }>>()(ask);
    const caught = (error: unknown) => {
      if (call.isError(error, 'TOO_RUDE')) has<{ word: string; at: string }>()(error.data);
    };
    caught(undefined);
  });

  it('tell the data and the code of an error by its reason', () => {
    const call = client.function(counted);
    const caught = (error: unknown) => {
      // @ts-expect-error: no such error is declared
      if (call.isError(error, 'TOO_LONG')) return 'undeclared';
      if (call.isError(error, 'TOO_RUDE')) {
        has<Date>()(error.data.at);
        has<'FAILED_PRECONDITION'>()(error.code);
        // @ts-expect-error: the data have no such field
        return error.data.length;
      }
      if (call.isError(error, 'NOT_FOUND')) {
        has<number>()(error.data);
        has<'NOT_FOUND'>()(error.code);
        return error satisfies RpcError;
      }
      return call.isError(error, 'ABORTED') ? has<unknown>()(error.data) : error;
    };
    assert.equal(caught(5), 5);
  });

  it('refuse a handler that returns something else, and errors without a code', () => {
    const [request, reply] = [z.string(), z.object({ words: z.number() })];
    // @ts-expect-error: the reply has no words
    defineFunction({ name: 'a', request, reply, handler: () => ({ wrds: 1 }) });
    // @ts-expect-error: the words are no number
    defineFunction({ name: 'a', request, reply, handler: async () => ({ words: 'one' }) });
    // @ts-expect-error: nothing is no JSON value
    defineFunction({ name: 'a', request, handler: () => {} });
    // @ts-expect-error: a bigint is no JSON value
    defineFunction({ name: 'a', request, handler: () => 1n });
    // @ts-expect-error: bytes are no JSON value
    defineFunction({ name: 'a', request, handler: async () => Buffer.from('a') });
    const list: readonly { readonly at: Date }[] = [];
    defineFunction({ name: 'a', request, handler: (text) => (text ? list : new Date()) });
    assert.throws(
      // @ts-expect-error: only a reason that is the name of a code may do without one
      () => defineFunction({ name: 'a', request, errors: { TOO_RUDE: {} }, handler: () => 1 }),
      /^TypeError: function 'a': errors\.TOO_RUDE\.code: expected a code such as FAILED_PRECONDITION, got undefined$/,
    );
    assert.throws(
      // @ts-expect-error: it is no code
      () => defineFunction({ name: 'a', request, errors: { TOO_RUDE: { code: 'RUDE' } }, handler: () => 1 }),
      /^TypeError: .*TOO_RUDE\.code: .*got 'RUDE'$/,
    );
    assert.throws(
      // @ts-expect-error: it is no schema
      () => defineFunction({ name: 'a', request: {}, handler: () => 1 }),
      /'a': request: expected a schema/,
    );
  });

  it('are those of any library', () => {
    const handler = ({ n }: { n: number }) => ({ n });
    const ark = client.function(defineFunction({ name: 'a', request: type({ n: 'number = 1' }), handler }));
    const val = client.function(
      defineFunction({ name: 'a', request: v.object({ n: v.optional(v.number(), 1) }), handler }),
    );
    has<(options: { n?: number }) => Promise<{ n: number }>>()((options: { n?: number }) => ark(options));
    has<(options: { n?: number }) => Promise<{ n: number }>>()((options: { n?: number }) => val(options));
  });

  it('are inferred from a contract without a handler, and from a handler without a reply schema', () => {
    const contract = {
      name: 'a',
      request: z.string(),
      errors: { NOT_FOUND: { data: z.string() } },
    } satisfies FunctionContract;
    const call = client.function(contract);
    has<() => Promise<unknown>>()(() => call('a'));
    assert.equal(call.isError(undefined, 'NOT_FOUND'), false);
    const fn = defineFunction({
      ...contract,
      handler: async (text) => ({ text, at: new Date(), none: null, count: 1n as bigint }),
    });
    const typed = client.function(fn);
    has<() => Promise<{ text: string; at: string; none: null; count: never }>>()(() => typed('a'));
    new RpcWorker().serve(fn).serve('b', fn, { prefetch: 5 });
    // @ts-expect-error: a queue's name alone says nothing to answer with
    assert.throws(() => new RpcWorker().serve('c'), /handler: expected a function/);
  });

  it('of a handler without schemas are those of what can be sent: one that returns or promises nothing does not compile', () => {
    interface Price {
      total: number;
    }
    const price = (): Price => ({ total: 1 });
    const query: PromiseLike<Price> = Promise.resolve(price());
    const worker = new RpcWorker();
    worker
      .serve('a', price)
      .serve('b', async () => price())
      .serve('c', () => query);
    worker.serve('d', () => [new Date()]).serve('e', async () => ({ body: new Uint8Array() }));
    worker.serve('f', async (request) => request.text() || null);
    // @ts-expect-error: undefined is no reply
    worker.serve('g', () => {});
    // @ts-expect-error: nor is the promise of it
    worker.serve('h', async () => {});
  });
});
