import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as codec from 'rabbitmq-client/lib/codec.js';
import type { Message } from '../../src/amqp/publish.ts';
import { seeded } from '../../test-helpers/property.ts';

const METHOD_FRAME = 1;
const BASIC_PUBLISH = 0x003c0028;
const BASIC_DELIVER = 0x003c003c;
const FRAME_MAX = 131_064;

/** What a `basic.deliver` tells. */
interface Deliver {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
}

// the first three are from patches/rabbitmq-client; the others know every method by its table, and are slower
const { SMALL_MESSAGE, encodeSmallMessage, createFrameDecoder, genContentFrames, encodeFrame } = codec as unknown as {
  SMALL_MESSAGE: number;
  encodeSmallMessage(out: Buffer, offset: number, channel: number, message: Message, body: Buffer): number;
  createFrameDecoder(onFrame: (frame: { params: Deliver }) => void): (chunk: Buffer) => void;
  genContentFrames(channel: number, message: unknown, body: Buffer, frameMax: number): Iterable<Buffer>;
  encodeFrame(frame: { type: number; channelId: number; methodId: number; params: Deliver }): Buffer;
};

const ascii = fc.string({ maxLength: 300 });
const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const property = fc.option(octets, { nil: undefined });

const message = fc.record({
  exchange: fc.oneof(fc.constant(''), text),
  routingKey: fc.oneof(ascii, text),
  mandatory: fc.boolean(),
  durable: fc.boolean(),
  contentType: property,
  correlationId: property,
  replyTo: property,
  expiration: property,
  type: property,
});
const body = fc
  .oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.constantFrom(4_087, 4_088).map((length) => new Uint8Array(length)),
  )
  .map((bytes) => Buffer.from(bytes));

describe('a small message', () => {
  test('is written octet for octet as rabbitmq-client writes it, in the room that was reckoned with', () => {
    fc.assert(
      fc.property(message, body, fc.integer({ min: 1, max: 65_535 }), (what, content, channel) => {
        const method = { ...what, deliveryMode: what.durable ? 2 : 1, rsvp1: 0, methodId: BASIC_PUBLISH };
        const expected = Buffer.concat([...genContentFrames(channel, method, content, FRAME_MAX)]);
        const room = Buffer.alloc(SMALL_MESSAGE + content.length + 1, 0xaa);
        const end = encodeSmallMessage(room, 1, channel, what, content);
        assert.ok(end <= room.length, `${end} octets`);
        assert.deepEqual(room.subarray(1, end), expected);
      }),
      seeded({ numRuns: 2_000 }),
    );
  });
});

describe('what a delivery tells', () => {
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

  test('is what the broker wrote, whatever the delivery before it told', () => {
    fc.assert(
      fc.property(fc.array(deliver, { minLength: 1, maxLength: 5 }), (deliveries) => {
        const read: Deliver[] = [];
        const decode = createFrameDecoder(({ params }) => read.push(params));
        for (const params of deliveries)
          decode(encodeFrame({ type: METHOD_FRAME, channelId: 1, methodId: BASIC_DELIVER, params }));
        assert.deepEqual(read, deliveries);
      }),
      seeded({ numRuns: 1_000 }),
    );
  });

  test('is refused if it does not fit into its frame', () => {
    const params = { consumerTag: 'c', deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'key' };
    const frame = encodeFrame({ type: METHOD_FRAME, channelId: 1, methodId: BASIC_DELIVER, params });
    const decode = () => createFrameDecoder(() => assert.fail('it was taken'));
    for (const at of [11, 22]) {
      const longer = Buffer.concat([frame, frame]); // what stands behind it is not its own
      longer[at] = 200;
      assert.throws(() => decode()(longer), /does not fit into its frame|out of range|ERR_|Index/);
    }
  });
});
