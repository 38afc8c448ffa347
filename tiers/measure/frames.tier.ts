import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from '../../src/measure/contenders/floor/frame-reader.ts';
import { FrameWriter } from '../../src/measure/contenders/floor/frame-writer.ts';
import { method, property } from '../../src/measure/contenders/floor/protocol.ts';

const FRAME_MAX = 4_096;

interface Message {
  readonly channel: number;
  readonly size: number;
  readonly deliveryTag: number;
  readonly correlationId: string;
  readonly replyTo: string;
}

/** Messages as a broker delivers them, each followed by a method without content. */
function deliveries(messages: readonly Message[]): Buffer {
  const writer = new FrameWriter();
  writer.frameMax = FRAME_MAX;
  for (const { channel, size, deliveryTag, correlationId, replyTo } of messages) {
    writer.channel = channel;
    writer.method(method.basicDeliver).text('a consumer').uint64(deliveryTag).uint8(0).text('').text('a key').end();
    const properties = property.contentType | property.deliveryMode | property.correlationId | property.replyTo;
    writer.header(size, properties).text('text/plain').uint8(1).text(correlationId).text(replyTo).end();
    writer.body(Buffer.alloc(size, 'x'));
    writer.method(method.queueDeleteOk).uint32(7).end();
  }
  return Buffer.concat(writer.take());
}

/** Gives what a reader tells of these octets, arriving in pieces of these sizes, over and over. */
function read(octets: Buffer, pieces: readonly number[]): { messages: unknown[]; methods: unknown[] } {
  const messages: unknown[] = [];
  const methods: unknown[] = [];
  const reader = new FrameReader({
    onDelivery(body, correlationId, replyTo, deliveryTag) {
      assert.ok(body.equals(Buffer.alloc(body.length, 'x')), 'the body is as it was sent');
      messages.push({ size: body.length, correlationId, replyTo, deliveryTag });
    },
    onMethod: (channel, id, payload) => methods.push([channel, id, payload.readUInt32BE(4)]),
    onReturn: (correlationId, why) => messages.push({ correlationId, why }),
  });
  for (let at = 0, turn = 0; at < octets.length; turn++) {
    const size = pieces[turn % pieces.length] ?? 1;
    reader.read(octets.subarray(at, at + size));
    at += size;
  }
  return { messages, methods };
}

const octetString = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
const message = fc.record({
  channel: fc.integer({ min: 1, max: 65_535 }),
  size: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 3 * FRAME_MAX })),
  deliveryTag: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  correlationId: octetString,
  replyTo: octetString,
});

describe('the frames of the floor', () => {
  test('say the same however they are cut into pieces', () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 2 * FRAME_MAX }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), pieces, (messages, sizes) => {
        const { messages: told, methods } = read(deliveries(messages), sizes);
        assert.deepEqual(
          told,
          messages.map(({ channel: _, ...rest }) => rest),
        );
        assert.deepEqual(
          methods,
          messages.map(({ channel }) => [channel, method.queueDeleteOk, 7]),
        );
      }),
    );
  });

  test('may arrive octet by octet', () => {
    const one = { size: FRAME_MAX + 1, deliveryTag: 2 ** 40, correlationId: 'id', replyTo: 'there' };
    assert.deepEqual(read(deliveries([{ channel: 1, ...one }]), [1]).messages, [one]);
  });

  test('of bodies are as long as the broker allows, and no longer', () => {
    const writer = new FrameWriter();
    writer.frameMax = FRAME_MAX;
    writer.body(Buffer.alloc(2 * (FRAME_MAX - 8) + 1));
    assert.equal(Buffer.concat(writer.take()).length, FRAME_MAX + FRAME_MAX + 9);
    assert.ok(writer.empty);
  });

  test('of a message that was returned tell why', () => {
    const writer = new FrameWriter();
    writer.method(method.basicReturn).uint16(312).text('NO_ROUTE').text('').text('nowhere').end();
    writer.header(1, property.correlationId).text('id').end();
    writer.body(Buffer.from('x'));
    assert.deepEqual(read(Buffer.concat(writer.take()), [9]).messages, [{ correlationId: 'id', why: '312 NO_ROUTE' }]);
  });

  test('go out in order over many slabs, none written into that was given away', () => {
    const writer = new FrameWriter();
    const taken: Buffer[] = [];
    const ids = Array.from({ length: 5_000 }, (_, index) => `id ${index}`);
    for (const id of ids) {
      writer.header(9, property.correlationId).text(id).end();
      writer.body(Buffer.alloc(9, 'x'));
      if (id.endsWith('7')) taken.push(...writer.take());
    }
    taken.push(...writer.take());
    const { messages } = read(Buffer.concat(taken), [1_000_000]);
    assert.deepEqual(
      messages.map((each) => (each as Message).correlationId),
      ids,
    );
  });
});
