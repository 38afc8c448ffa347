import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAnswer, isAnswered } from '../../src/measure/wire/awaited-answers.ts';
import { FrameCounter } from '../../src/measure/wire/frame-counter.ts';
import { type Frame, FrameReader } from '../../src/measure/wire/frames.ts';
import { frame, int, method, short } from '../../test-helpers/raw-amqp.ts';

const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
/** connection.tune-ok: 2047 channels, frames of 131072, a heartbeat each 20 s. */
const tuneOk = Buffer.from('010000' + '0000000c' + '000a001f' + '07ff' + '00020000' + '0014' + 'ce', 'hex');
const heartbeat = Buffer.from('08000000000000ce', 'hex');

/** The frames that a client sends for one call, and those that it gets. */
const publish = Buffer.concat([
  method(1, 60, 40, int(2, 0), short(''), short('rpc_queue'), int(1, 1)),
  frame(2, 1, Buffer.concat([int(2, 60), int(2, 0), int(8, 2), int(2, 0)])),
  frame(3, 1, Buffer.from('30')),
]);
const deliver = Buffer.concat([
  method(1, 60, 60, short('tag'), int(8, 1), int(1, 0), short(''), short('reply')),
  frame(2, 1, Buffer.concat([int(2, 60), int(2, 0), int(8, 6), int(2, 0)])),
  frame(3, 1, Buffer.from('832040')),
]);

const read = (bytes: Buffer): Frame[] => new FrameReader().read(bytes);

describe('frames', () => {
  it('are read out of a stream, the protocol header first', () => {
    assert.deepEqual(read(Buffer.concat([protocolHeader, tuneOk, heartbeat])), [
      { kind: 'protocol header', channel: 0, payload: protocolHeader, size: 8 },
      { kind: 'method', channel: 0, payload: tuneOk.subarray(7, -1), size: tuneOk.length },
      { kind: 'heartbeat', channel: 0, payload: Buffer.alloc(0), size: 8 },
    ]);
    assert.deepEqual(
      read(publish).map(({ kind, channel, size }) => [kind, channel, size]),
      [
        ['method', 1, 26],
        ['header', 1, 22],
        ['body', 1, 10],
      ],
    );
  });

  it('are the same however the stream is cut', () => {
    const bytes = Buffer.concat([protocolHeader, tuneOk, publish, heartbeat, deliver]);
    const whole = read(bytes);
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new FrameReader();
      const frames: Frame[] = [];
      for (let at = 0; at < bytes.length; at += size) frames.push(...reader.read(bytes.subarray(at, at + size)));
      assert.deepEqual(frames, whole, `in chunks of ${size}`);
    }
  });

  it('of another protocol are refused, with the octet that gave it away', () => {
    assert.throws(
      () => read(Buffer.from('160301', 'hex')),
      /expected an AMQP 0-9-1 frame, got one that begins with.* 22$/,
    );
    const noEnd = Buffer.from(tuneOk);
    noEnd[noEnd.length - 1] = 0;
    assert.throws(() => read(noEnd), /got one that ends with 0$/);
  });
});

describe('a method of a client', () => {
  const declare = (bits: number) => method(1, 50, 10, int(2, 0), short('amq.gen-x'), int(1, bits), int(4, 0));
  const remove = (bits: number) => method(1, 50, 40, int(2, 0), short('q'), int(1, bits));
  const consume = (bits: number) => method(1, 60, 20, int(2, 0), short('queue'), short('tag'), int(1, bits), int(4, 0));
  const cases: readonly (readonly [name: string, frame: Buffer, answered: boolean])[] = [
    ['channel.open', method(1, 20, 10, short('')), true],
    ['channel.close', method(1, 20, 40, int(2, 200), short(''), int(4, 0)), true],
    ['connection.close', method(0, 10, 50, int(2, 200), short(''), int(4, 0)), true],
    ['queue.declare', declare(0x0f), true],
    ['queue.declare with no-wait', declare(0x1f), false],
    ['queue.delete', remove(0x03), true],
    ['queue.delete with no-wait', remove(0x04), false],
    ['basic.consume', consume(0x07), true],
    ['basic.consume with no-wait', consume(0x0a), false],
    ['basic.cancel', method(1, 60, 30, short('tag'), int(1, 0)), true],
    ['basic.cancel with no-wait', method(1, 60, 30, short('tag'), int(1, 1)), false],
    ['confirm.select', method(1, 85, 10, int(1, 0)), true],
    ['basic.publish', publish, false],
    ['basic.ack', method(1, 60, 80, int(8, 1), int(1, 0)), false],
    ['connection.tune-ok', tuneOk, false],
  ];
  for (const [name, bytes, answered] of cases) {
    it(`${name} is ${answered ? '' : 'not '}answered`, () => {
      const [first] = read(bytes);
      assert.ok(first);
      assert.equal(isAnswered(first), answered);
    });
  }

  it('has an answer that is told from what the broker says unasked', () => {
    const answers = (bytes: Buffer) => read(bytes).map(isAnswer);
    assert.deepEqual(answers(method(1, 50, 11, short('amq.gen-x'), int(4, 0), int(4, 0))), [true]);
    assert.deepEqual(answers(method(0, 10, 51)), [true]);
    assert.deepEqual(answers(deliver), [false, false, false]);
    assert.deepEqual(answers(method(1, 60, 30, short('tag'), int(1, 0))), [false]); // the broker's own basic.cancel
  });
});

describe('the frame counter', () => {
  it('counts frames and bytes both ways, and one round trip for what is sent before anything is heard', () => {
    const counter = new FrameCounter();
    counter.connected();
    counter.sent(protocolHeader);
    counter.received(method(0, 10, 10, int(2, 9)));
    assert.deepEqual(counter.counts(), { framesOut: 1, framesIn: 1, bytesOut: 8, bytesIn: 14, roundTrips: 2 });
    counter.sent(publish);
    counter.sent(publish);
    counter.received(deliver.subarray(0, 20));
    counter.received(deliver.subarray(20));
    counter.received(deliver);
    assert.deepEqual(counter.counts(), {
      framesOut: 7,
      framesIn: 7,
      bytesOut: 8 + 2 * publish.length,
      bytesIn: 14 + 2 * deliver.length,
      roundTrips: 3,
    });
  });

  it('counts another round trip when the client has sent again, and none that nothing comes of', () => {
    const counter = new FrameCounter();
    for (let call = 0; call < 4; call++) {
      counter.sent(publish);
      counter.received(deliver);
    }
    counter.received(deliver);
    counter.sent(publish);
    assert.equal(counter.counts().roundTrips, 4);
  });

  it('leaves heartbeats out', () => {
    const counter = new FrameCounter();
    counter.sent(heartbeat);
    counter.received(Buffer.concat([heartbeat, heartbeat]));
    assert.deepEqual(counter.counts(), { framesOut: 0, framesIn: 0, bytesOut: 0, bytesIn: 0, roundTrips: 0 });
    counter.sent(publish);
    counter.received(heartbeat);
    assert.equal(counter.counts().roundTrips, 0);
  });

  it('knows how many answers are still to come', () => {
    const counter = new FrameCounter();
    counter.sent(Buffer.concat([method(1, 20, 10, short('')), method(2, 20, 10, short('')), publish]));
    assert.equal(counter.unanswered, 2);
    counter.received(Buffer.concat([method(1, 20, 11, int(4, 0)), deliver]));
    assert.equal(counter.unanswered, 1);
    counter.received(method(2, 20, 11, int(4, 0)));
    assert.equal(counter.unanswered, 0);
  });
});
