import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Cmd, decodeFrame, encodeFrame, genContentFrames } from 'rabbitmq-client/lib/codec.js';
import type { MessageProperties } from '../../src/amqp/channel.ts';
import { encodeTable, readTable } from '../../src/amqp/field-table.ts';
import { type CompleteMessage, IncomingDelivery, MessageReader } from '../../src/amqp/message-reader.ts';
import { writeMessage, writeSettlement } from '../../src/amqp/message-writer.ts';
import { readAnnounced } from '../../src/amqp/method-reader.ts';
import { Outbox } from '../../src/amqp/outbox.ts';
import { seeded } from '../../test-helpers/property.ts';

// ours is compared with rabbitmq-client's codec, which knows every method and property by a table, and is slower

const FRAME_MAX = 131_072;

/** Of at most 255 octets, as AMQP has it. */
const fits = (text: string) => Buffer.byteLength(text) <= 255;
const ascii = fc.string({ maxLength: 255 });
const text = fc.string({ unit: 'grapheme', maxLength: 80 }).filter(fits);
const octets = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** A short string that both encode alike: rabbitmq-client writes all as UTF-8. */
const property = fc.option(ascii, { nil: undefined });

/** Values that a field table can hold, and rabbitmq-client encodes. */
const { table } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ min: -1e15, max: 1e15, noNaN: true }),
    fc.constant(undefined),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('table'),
  ),
  // rabbitmq-client loses a field called __proto__
  table: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    tie('value'),
    { maxKeys: 5, noNullPrototype: true },
  ),
}));
const headers = fc.option(table as fc.Arbitrary<Record<string, unknown>>, { nil: undefined });

const message: fc.Arbitrary<MessageProperties> = fc.record({
  exchange: fc.oneof(fc.constant(''), text),
  routingKey: fc.oneof(ascii, text),
  mandatory: fc.boolean(),
  durable: fc.boolean(),
  contentType: property,
  contentEncoding: property,
  headers,
  priority: fc.option(fc.nat({ max: 255 }), { nil: undefined }),
  correlationId: property,
  replyTo: property,
  expiration: property,
  messageId: property,
  timestamp: fc.option(fc.maxSafeNat(), { nil: undefined }),
  type: property,
  userId: property,
  appId: property,
});
const size = fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(4_088, 8_192, 8_193, 20_000, 131_064, 131_065, 300_000));

/** The octets that a writer gives. */
function said(write: (outbox: Outbox) => void): Buffer {
  const written: Buffer[] = [];
  // a socket that has sent all at once: what it was given may be overwritten
  const outbox = new Outbox({ unsent: 0, write: (pieces) => written.push(Buffer.concat(pieces)) });
  write(outbox);
  outbox.flush();
  return Buffer.concat(written);
}

describe('a message that is published', () => {
  test('is written octet for octet as rabbitmq-client writes it, at any size', () => {
    fc.assert(
      fc.property(
        message,
        size,
        fc.integer({ min: 1, max: 65_535 }),
        fc.boolean(),
        (what, size, channel, bodyStays) => {
          const content = Buffer.alloc(size, 'abcdefg');
          const method = { ...what, deliveryMode: what.durable ? 2 : 1, rsvp1: 0 };
          const expected = Buffer.concat([...genContentFrames(channel, method, content, FRAME_MAX - 8)]);
          const actual = said((outbox) => writeMessage(outbox, channel, { ...what, bodyStays }, content, FRAME_MAX));
          assert.ok(actual.equals(expected), `${actual.length} octets, ${expected.length} expected`);
        },
      ),
      seeded({ numRuns: 2_000 }),
    );
  });

  test('is said behind what was said before, and not copied if it is long and stays as it is', () => {
    const long = Buffer.alloc(100_000, 'x');
    const pieces: Buffer[] = [];
    const outbox = new Outbox({ unsent: 1, write: (written) => pieces.push(...written) });
    writeSettlement(outbox, 1, Cmd.BasicAck, 1, 0);
    writeMessage(outbox, 1, { routingKey: 'q', bodyStays: true }, long, FRAME_MAX);
    writeSettlement(outbox, 1, Cmd.BasicAck, 2, 1);
    outbox.flush();
    assert.equal(pieces.length, 3);
    assert.equal(pieces[1]?.buffer, long.buffer);
    const ack = (deliveryTag: number, multiple: boolean) => method(Cmd.BasicAck, { deliveryTag, multiple });
    assert.ok(pieces[0]?.subarray(0, 21).equals(ack(1, false)));
    assert.ok(pieces[2]?.subarray(1).equals(ack(2, true)));
  });

  test('is not begun if it can’t be encoded', () => {
    const long = 'x'.repeat(256);
    const wrong: MessageProperties[] = [
      { routingKey: long },
      { exchange: 'é'.repeat(128) },
      { correlationId: long },
      { type: long },
      { priority: 256 },
      { headers: { [long]: 1 } },
      { headers: { n: 2n ** 63n } },
      { headers: { long: 'x'.repeat(FRAME_MAX) } },
    ];
    const octets = said((outbox) => {
      for (const one of wrong) assert.throws(() => writeMessage(outbox, 1, one, Buffer.from('x'), FRAME_MAX));
      writeSettlement(outbox, 1, Cmd.BasicAck, 7, 0);
    });
    assert.ok(octets.equals(method(Cmd.BasicAck, { deliveryTag: 7, multiple: false })));
  });
});

/** A method on channel 1, as rabbitmq-client writes it. */
function method(methodId: number, params: object): Buffer {
  return encodeFrame({ type: 1, channelId: 1, methodId, params });
}

const deliver = fc.record(
  {
    consumerTag: fc.oneof(text, fc.constant('replies')),
    deliveryTag: fc.oneof(fc.nat(), fc.maxSafeNat()),
    redelivered: fc.boolean(),
    exchange: fc.oneof(fc.constant(''), text),
    routingKey: fc.oneof(text, fc.constant('rpc_queue')),
  },
  { noNullPrototype: true },
);

/** Reads messages that come as these methods, headers, and bodies in frames of these sizes. */
function readMessage(frames: { method: Buffer; header: Buffer; body: Buffer; sizes: readonly number[] }, max = 1e9) {
  const read: CompleteMessage[] = [];
  const reader = new MessageReader(max, (one) => read.push(one));
  const announced = readAnnounced(frames.method.readUInt32BE(7), frames.method, 11, frames.method.length - 1);
  if (announced) reader.begin(announced);
  reader.header(frames.header, 7, frames.header.length - 1);
  let at = 0;
  for (const size of frames.sizes) {
    const sink = reader.bodyFrame(size);
    sink.take(frames.body, at, at + size);
    sink.frameEnd();
    at += size;
  }
  return { read, reader };
}

const plain = method(Cmd.BasicDeliver, {
  consumerTag: 'c',
  deliveryTag: 1,
  redelivered: false,
  exchange: '',
  routingKey: 'key',
});
const headerOf = (bodySize: number, fields: object = {}) => encodeFrame({ type: 2, channelId: 1, bodySize, fields });

describe('a message that is delivered', () => {
  const properties = fc.record({
    contentType: property,
    contentEncoding: property,
    headers,
    deliveryMode: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
    priority: fc.option(fc.nat({ max: 255 }), { nil: undefined }),
    correlationId: property,
    replyTo: property,
    expiration: property,
    messageId: property,
    timestamp: fc.option(fc.maxSafeNat(), { nil: undefined }),
    type: property,
    userId: property,
    appId: property,
  });

  /** The headers, as rabbitmq-client reads them. */
  async function headersOf(frame: Buffer): Promise<unknown> {
    let at = 0;
    const read = async (octets: number) => {
      at += octets;
      return frame.subarray(at - octets, at);
    };
    return (await decodeFrame(read)).fields?.headers;
  }

  test('is what the broker wrote, after any other delivery', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 10_000 }), { maxLength: 5 });
    const content = fc.tuple(deliver, properties, sizes);
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 5 }), async (messages) => {
        for (const [params, fields, sizes] of messages) {
          const body = Buffer.alloc(sum(sizes), 'abcdefg');
          const header = headerOf(body.length, fields);
          const { read } = readMessage({ method: method(Cmd.BasicDeliver, params), header, body, sizes });
          const [{ headers: table, ...rest } = assert.fail('nothing was read')] = read;
          assert.deepEqual(
            { ...rest, body: String(rest.body) },
            { ...params, ...without(fields), body: String(body), bodySize: body.length },
          );
          assert.deepEqual(structuredClone(table), await headersOf(header));
        }
      }),
      seeded({ numRuns: 1_000 }),
    );
  });

  test('keeps the octets of its short strings, which need not be UTF-8', () => {
    fc.assert(
      fc.property(octets, octets, (correlationId, replyTo) => {
        const written = said((outbox) =>
          writeMessage(outbox, 1, { correlationId, replyTo }, Buffer.alloc(0), FRAME_MAX),
        );
        const at = 8 + written.readUInt32BE(3); // behind basic.publish
        const { read } = readMessage({ method: plain, header: written.subarray(at), body: Buffer.alloc(0), sizes: [] });
        assert.deepEqual([read[0]?.correlationId, read[0]?.replyTo], [correlationId, replyTo]);
      }),
      seeded({ numRuns: 500 }),
    );
  });

  test('has the body that was announced, in frames of any size, or is refused', () => {
    const body = Buffer.from('abcd');
    const read = (size: number, sizes: number[]) => readMessage({ method: plain, header: headerOf(size), body, sizes });
    for (const sizes of [[4], [1, 1, 1, 1], [3, 1]]) {
      const { read: whole } = read(4, sizes);
      assert.deepEqual([whole.length, String(whole[0]?.body)], [1, 'abcd'], String(sizes));
    }
    assert.throws(() => read(3, [4]), { code: 'FRAME_ERROR' });
    assert.throws(() => read(3, [2, 2]), { code: 'FRAME_ERROR' });
    assert.throws(() => read(4, [2, 0, 2]), { code: 'FRAME_ERROR' });
    assert.throws(() => read(4, [4, 1]), { code: 'UNEXPECTED_FRAME' });
    assert.throws(() => read(0, [1]), { code: 'UNEXPECTED_FRAME' });
    assert.throws(() => read(0, [0]), { code: 'UNEXPECTED_FRAME' });
    const { read: none, reader } = read(5, [4]);
    assert.deepEqual([none.length, reader.busy], [0, true]);
    assert.throws(() => reader.header(headerOf(1), 7, headerOf(1).length - 1), { code: 'UNEXPECTED_FRAME' });
  });

  test('comes without a body that is too long, and tells its size', () => {
    const body = Buffer.alloc(1_000, 'x');
    const frames = { method: plain, header: headerOf(body.length), body, sizes: [400, 600] };
    const [long] = readMessage(frames, 999).read;
    assert.deepEqual([long?.bodySize, long?.body.length], [1_000, 0]);
    const [fitting] = readMessage(frames, 1_000).read;
    assert.deepEqual([fitting?.bodySize, fitting?.body.length], [1_000, 1_000]);
  });

  test('has null for headers that can’t be read, and keeps all else', () => {
    const nested = (depth: number): Record<string, unknown> => (depth === 0 ? {} : { a: nested(depth - 1) });
    const fields = { correlationId: 'id', type: 'error' };
    const unknown = headerOf(0, { headers: { a: 1 }, ...fields });
    unknown[unknown.indexOf('a') + 1] = 'L'.charCodeAt(0);
    const deep = headerOf(0, { headers: nested(500), ...fields });
    for (const one of [unknown, deep]) {
      const [read] = readMessage({ method: plain, header: one, body: Buffer.alloc(0), sizes: [] }).read;
      assert.deepEqual([read?.headers, read?.correlationId, read?.type], [null, 'id', 'error']);
    }
  });

  test('is refused if it does not fit into its frames', () => {
    const read = (frame: Buffer) => readAnnounced(Cmd.BasicDeliver, frame, 11, plain.length - 1);
    assert.ok(read(plain) instanceof IncomingDelivery);
    for (const at of [11, 22, 23]) {
      const longer = Buffer.concat([plain, plain]); // what stands behind it is not its own
      longer[at] = 200;
      assert.throws(() => read(longer), { code: 'FRAME_ERROR' });
    }
    const header = headerOf(0, { headers: { a: 1 }, correlationId: 'id' });
    for (const at of [21, 24, header.indexOf('id') - 1]) {
      const longer = Buffer.concat([header, Buffer.alloc(1_000)]);
      longer[at] = 200;
      const reader = new MessageReader(0, () => assert.fail('it was taken'));
      reader.begin(new IncomingDelivery('c', 1, false, '', ''));
      assert.throws(() => reader.header(longer, 7, header.length - 1), { code: 'FRAME_ERROR' });
    }
  });
});

describe('a field table', () => {
  test('has a field for every name and type, and no prototype', () => {
    const table = Object.fromEntries<unknown>([
      ['__proto__', 1],
      ['toString', 'x'],
      ['octets', Buffer.from([0, 255])],
      ['at', new Date(5_999)],
    ]);
    const octets = encodeTable(table);
    const read = readTable(octets, 0, octets.length);
    assert.deepEqual(Object.entries(read), [
      ['__proto__', 1],
      ['toString', 'x'],
      ['octets', Buffer.from([0, 255])],
      ['at', 5],
    ]);
    assert.equal(Object.getPrototypeOf(read), null);
  });

  test('holds every number that JavaScript has', () => {
    const numbers = [
      0,
      -1,
      127,
      128,
      -32_769,
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 53,
      0.5,
      2 ** 51 + 0.5,
      -1e30,
      1e30,
      -(2 ** 63),
    ];
    const octets = encodeTable({
      numbers: [...numbers, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    });
    assert.deepEqual(readTable(octets, 0, octets.length).numbers, [
      ...numbers,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The fields but the headers, undefined ones included. */
function without({ headers: _, ...fields }: { headers?: unknown }): object {
  return fields;
}
