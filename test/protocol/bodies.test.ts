import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type BodyMessage, ReceivedBody, saysText } from '../../src/protocol/body.ts';
import { boundedIssues, isRpcError, RpcError } from '../../src/protocol/errors.ts';
import { checkHeaders } from '../../src/protocol/headers.ts';
import { decodeErrorReply, encodeErrorReply, encodeResult, replyErrorOf } from '../../src/protocol/reply.ts';

const request = (message: BodyMessage, maxBytes = 1_000) => new ReceivedBody(message, 'request', maxBytes);
const reply = (message: BodyMessage, maxBytes = 1_000) => new ReceivedBody(message, 'reply', maxBytes);
const words = '{"words":"größer"}';

describe('a body that came', () => {
  test('is text and JSON as it is meant, compressed or not, and its octets stay as they came', () => {
    const plain = Buffer.from(words);
    const compressed: readonly (readonly [string | undefined, Buffer])[] = [
      [undefined, plain],
      ['', plain],
      ['utf-8', plain],
      ['UTF-8', plain],
      ['binary', plain],
      ['identity', plain],
      ['gzip', gzipSync(plain)],
      ['x-gzip', gzipSync(plain)],
      ['GZIP', gzipSync(plain)],
      ['deflate', deflateSync(plain)],
      ['deflate', deflateRawSync(plain)],
      ['br', brotliCompressSync(plain)],
    ];
    for (const [contentEncoding, body] of compressed) {
      const got = reply({ body, contentEncoding });
      assert.deepEqual([got.text(), got.json(), got.bytes()], [words, JSON.parse(words), plain], contentEncoding);
      assert.equal(got.body, body);
      assert.equal(got.contentEncoding, contentEncoding);
    }
  });

  test('is refused once it is longer than it may be, a bomb before it went off', () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    for (const body of [bomb, gzipSync(Buffer.alloc(1_001))]) {
      assert.throws(() => request({ body, contentEncoding: 'gzip' }).text(), {
        code: 'INVALID_ARGUMENT',
        reason: 'TOO_LARGE',
        message: /^the request has more than 1000 bytes once it is decompressed \(gzip\)$/,
      });
      assert.throws(() => reply({ body, contentEncoding: 'gzip' }).json(), { code: 'RESOURCE_EXHAUSTED' });
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000);
    assert.equal(request({ body: gzipSync(Buffer.alloc(1_000)), contentEncoding: 'gzip' }).bytes().length, 1_000);
    assert.equal(request({ body: gzipSync(''), contentEncoding: 'gzip' }, 0).text(), '');
    assert.throws(() => request({ body: gzipSync('x'), contentEncoding: 'gzip' }, 0).text(), { reason: 'TOO_LARGE' });
  });

  test('is refused by name if its encoding is another one, and if it is not what it says', () => {
    for (const contentEncoding of ['zstd', 'gzip, br', 'utf-16', '__proto__', 'toString']) {
      assert.throws(() => request({ body: Buffer.from('x'), contentEncoding }).text(), {
        code: 'UNIMPLEMENTED',
        reason: 'UNSUPPORTED_ENCODING',
        message: `the request has the content encoding ${JSON.stringify(contentEncoding.toLowerCase())}; gzip, deflate and br are understood`,
      });
    }
    for (const contentEncoding of ['gzip', 'deflate', 'br']) {
      const cut = { body: Buffer.from('cut off'), contentEncoding };
      assert.throws(() => request(cut).text(), { code: 'INVALID_ARGUMENT', reason: 'UNREADABLE' });
      assert.throws(() => reply(cut).text(), { code: 'DATA_LOSS', reason: 'UNREADABLE' });
    }
    assert.throws(() => reply({ body: Buffer.from([0xff]) }).text(), { message: 'the reply is not text in UTF-8' });
    assert.throws(() => reply({ body: Buffer.from('{') }).json(), { reason: 'UNREADABLE', message: /not JSON/ });
  });

  test('is a value of AMQP 1.0 that can be told as octets', () => {
    const values: readonly (readonly [string, string])[] = [
      ['005377a1023330', '30'],
      ['005377b1000000023330', '30'],
      ['005377a3023330', '30'],
      ['005377a0023330', '30'],
      ['005377b0000000023330', '30'],
      ['00800000000000000077a1023330', '30'],
      ['005377541e', '30'],
      ['00537755ff', '-1'],
      ['00537743', '0'],
      ['00537744', '0'],
      ['005377711fffffff', '536870911'],
      ['0053778100000000000cb228', '832040'],
      ['00537780ffffffffffffffff', '18446744073709551615'],
      ['005377a100', ''],
    ];
    for (const [hex, text] of values)
      assert.equal(request({ body: Buffer.from(hex, 'hex'), type: 'amqp-1.0' }).text(), text, hex);
  });

  test('says that it is AMQP 1.0 if it is any other value of it, and reads nothing outside of it', () => {
    const others = ['00537740', '00537741', '0053778240f0000000000000', '005377c00100', '005377d1', '005376c00100', ''];
    const cut = [
      '005377',
      '005377a1',
      '005377a103',
      '005377a1013330',
      '005377b1000000',
      '005377b1ffffffff',
      '00537771',
    ];
    for (const hex of [...others, ...cut]) {
      assert.throws(() => reply({ body: Buffer.from(hex, 'hex'), type: 'amqp-1.0' }).text(), {
        code: 'UNIMPLEMENTED',
        reason: 'UNSUPPORTED_AMQP_1_0',
        message: /AMQP 1\.0/,
      });
    }
  });

  test('is text if it says so, or nothing', () => {
    for (const type of [undefined, '', 'text/plain', ' Text/html', 'application/json', 'application/a+json; b=c'])
      assert.ok(saysText(type), type);
    for (const type of ['image/png', 'application/octet-stream', 'application/jsonx']) assert.ok(!saysText(type), type);
  });
});

describe('what a function returned', () => {
  test('goes out by what it is', () => {
    const cases: readonly (readonly [unknown, string, string])[] = [
      ['text', 'text', 'text/plain'],
      [1.5, '1.5', 'text/plain'],
      [12345678901234567890n, '12345678901234567890', 'text/plain'],
      [new Uint8Array([0x61]), 'a', 'application/octet-stream'],
      [{ a: [1] }, '{"a":[1]}', 'application/json'],
      [[1], '[1]', 'application/json'],
      [null, 'null', 'application/json'],
      [true, 'true', 'application/json'],
      [{ body: 'x', other: 1 }, '{"body":"x","other":1}', 'application/json'],
      [{ contentType: 'text/html' }, '{"contentType":"text/html"}', 'application/json'],
      [{ body: 'x' }, 'x', 'text/plain'],
      [{ body: '<p>', contentType: 'text/html' }, '<p>', 'text/html'],
      [{ body: { a: 1 } }, '{"a":1}', 'application/json'],
      [{ body: 'x', contentType: 'application/json' }, '"x"', 'application/json'],
      [{ body: Buffer.from('b'), contentType: 'image/png' }, 'b', 'image/png'],
    ];
    for (const [result, body, contentType] of cases) {
      const encoded = encodeResult(result);
      assert.deepEqual([String(encoded.body), encoded.contentType], [body, contentType]);
    }
    assert.deepEqual({ ...encodeResult({ body: '', headers: { tenant: 'a' } }).headers }, { tenant: 'a' });
    assert.equal(String(encodeResult('x', 'application/json').body), '"x"');
  });

  test('is refused if it can not be sent', () => {
    for (const result of [undefined, () => 1, Symbol('s'), { body: undefined }, { body: 1, contentType: 'json' }])
      assert.throws(() => encodeResult(result), TypeError);
    assert.throws(() => encodeResult({}, 'text/plain'), /are a string, a number/);
    assert.throws(() => encodeResult({ body: '', headers: { CC: ['orders'] } }), /reserved/);
  });
});

describe('errors', () => {
  test('are known for what they are to every copy of the package, and nothing else is', () => {
    // what the class of another copy makes: the same, of another class
    class OtherRpcError extends Error {
      readonly code = 'ABORTED';
      get [Symbol.for('fib-worker.RpcError')]() {
        return true;
      }
    }
    const foreign = new OtherRpcError('x');
    assert.ok(!(foreign instanceof RpcError) && isRpcError(foreign));
    assert.deepEqual(replyErrorOf(foreign), { code: 'ABORTED', message: 'x' });
    assert.ok(isRpcError(new RpcError('ABORTED', 'x')));
    const evil = new Proxy({}, { get: () => assert.fail('trap') });
    for (const other of [undefined, null, 1, 'x', {}, new Error('x'), evil]) assert.ok(!isRpcError(other));
  });

  test('of functions are told to the caller only if they are still what they were made as', () => {
    const parts = { data: { user: 7 }, reason: 'OURS', issues: [{ path: '/user', message: 'unknown' }] };
    const right = new RpcError('NOT_FOUND', 'no such user', parts);
    assert.deepEqual(replyErrorOf(right), { code: 'NOT_FOUND', message: 'no such user', ...parts });
    const changed = (how: object) => Object.assign(new RpcError('NOT_FOUND', 'x'), how);
    const trap = () => {
      throw new Error('trap');
    };
    const wrong = [
      changed({ code: 404 }),
      changed({ code: undefined }),
      changed({ code: 'E_FOO' }),
      changed({ message: undefined }),
      changed({ message: 10n }),
      new Proxy(right, { get: trap }),
      Object.defineProperty(changed({}), 'message', { get: trap }),
      Object.defineProperty(changed({}), 'issues', { get: trap }),
      new Error('x'),
    ];
    for (const thrown of wrong) assert.equal(replyErrorOf(thrown), undefined);
  });

  test('carry a reason of a function there and back, but none of this library, whose reasons tell of this side', () => {
    const back = (reason: string) =>
      decodeErrorReply(encodeErrorReply({ code: 'ABORTED', message: 'x', reason })).reason;
    const sent = (reason: string) => replyErrorOf(new RpcError('ABORTED', 'x', { reason }))?.reason;
    assert.deepEqual([sent('OUT_OF_STOCK'), back('OUT_OF_STOCK')], ['OUT_OF_STOCK', 'OUT_OF_STOCK']);
    for (const reason of ['NO_BROKER', 'TIMEOUT', 'lower', '', `A${'X'.repeat(64)}`, 'A\nB'])
      assert.deepEqual([sent(reason), back(reason)], [undefined, 'ERROR_REPLY'], reason);
  });

  test('carry issues there and back, a bounded number of bounded length', () => {
    const back = (issues: unknown) => {
      const told = replyErrorOf(new RpcError('INVALID_ARGUMENT', 'x', { issues: issues as [] }));
      return told && decodeErrorReply(encodeErrorReply(told)).issues;
    };
    const issue = { path: '/items/0', message: 'expected a number' };
    assert.deepEqual(back([issue, { ...issue, more: 1 }]), [issue, issue]);
    assert.equal(back(Array(1_000).fill(issue))?.length, 16);
    const [long] = back([{ path: 'p'.repeat(1_000), message: 'm'.repeat(1_000) }]) ?? [];
    assert.deepEqual([long?.path.length, long?.message.length], [201, 301]);
    for (const none of [undefined, null, 'x', {}, [], [1, null, { path: 1, message: 'x' }]])
      assert.equal(back(none), undefined);
    const forged = { code: 'ABORTED', errors: Array(100).fill({ path: 'p'.repeat(300), message: '' }) };
    const { issues = [] } = decodeErrorReply(Buffer.from(JSON.stringify(forged)));
    assert.deepEqual([issues.length, issues[0]?.path.length], [16, 201]);
  });

  test('can be read where they are as long as a worker makes them', () => {
    const text = (length: number) => '\u0001'.repeat(length);
    const longest = encodeErrorReply(
      {
        code: 'FAILED_PRECONDITION',
        message: text(10_000),
        reason: 'R'.repeat(64),
        issues: boundedIssues(Array(20).fill({ path: text(300), message: text(400) })) ?? [],
        data: 'x'.repeat(32 * 1024 - 2),
      },
      { correlationId: text(255) },
    );
    assert.ok(longest.length > 128 * 1024, `${longest.length} bytes`);
    const { code, data } = decodeErrorReply(longest);
    assert.deepEqual([code, String(data).length], ['FAILED_PRECONDITION', 32 * 1024 - 2]);
  });

  test('carry data there and back, unless they are no JSON or too long, which somebody is told', () => {
    const data = { fields: [{ name: 'n', why: 'too large' }] };
    const back = decodeErrorReply(encodeErrorReply(new RpcError('INVALID_ARGUMENT', 'x', { data })));
    assert.deepEqual([back.code, back.message, back.data, back.reason], ['INVALID_ARGUMENT', 'x', data, 'ERROR_REPLY']);
    assert.equal(decodeErrorReply(encodeErrorReply(new RpcError('ABORTED', 'x'))).data, undefined);
    const omitted: string[] = [];
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const wrong of [circle, 1n, () => 1, 'x'.repeat(40_000), 'ä'.repeat(20_000)]) {
      const onDataOmitted = (error: TypeError) => omitted.push(error.message);
      const body = encodeErrorReply({ code: 'ABORTED', message: 'x', data: wrong }, { onDataOmitted });
      assert.deepEqual([decodeErrorReply(body).message, decodeErrorReply(body).data], ['x', undefined]);
    }
    assert.equal(omitted.length, 5);
    for (const message of omitted) assert.match(message, /^the data of the error were left out: /);
  });
});

describe('headers', () => {
  test('have lists whose holes are null, as in JSON', () => {
    const list = [1, 2, 3];
    delete list[1];
    assert.deepEqual(checkHeaders({ list }).list, [1, null, 3]);
  });

  test('are copied, nested ones too, without undefined ones', () => {
    const bytes = Buffer.from('b');
    const given = {
      tenant: 'ä',
      n: 1,
      big: 2n,
      yes: true,
      none: null,
      not: undefined,
      at: new Date(0),
      bytes,
      list: [1, { a: 'b' }],
    };
    const copy = checkHeaders(given);
    bytes.fill('x');
    (given.list[1] as { a: string }).a = 'c';
    assert.deepEqual(
      { ...copy, list: undefined },
      { tenant: 'ä', n: 1, big: 2n, yes: true, none: null, at: new Date(0), bytes: Buffer.from('b'), list: undefined },
    );
    assert.equal(JSON.stringify(copy.list), '[1,{"a":"b"}]');
  });

  test('that are reserved, too many, too deep or of no type are refused by name', () => {
    const deep: Record<string, unknown> = {};
    deep.in = deep;
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [[], /^headers: expected an object .*got \[\]/],
      ['x', /^headers: expected an object/],
      [{ CC: 'orders' }, /^headers: .*"CC", which is reserved/],
      [{ 'X-Death': 1 }, /"X-Death", which is reserved/],
      [{ a: Number.NaN }, /^headers\.a: .*got NaN/],
      [{ a: () => 1 }, /^headers\.a: .*got \[Function: a\]/],
      [{ a: 2n ** 63n }, /^headers\.a: /],
      [{ a: { b: new Map() } }, /^headers\.a\.b: .*got Map/],
      [{ a: 'x'.repeat(70_000) }, /at most 65536 bytes/],
      [{ ['x'.repeat(256)]: 1 }, /1 to 255 bytes, got one of 256/],
      [deep, /at most 16 levels/],
    ];
    for (const [headers, message] of wrong) assert.throws(() => checkHeaders(headers), { name: 'TypeError', message });
  });
});
