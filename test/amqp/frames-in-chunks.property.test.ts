import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as codec from 'rabbitmq-client/lib/codec.js';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { seeded } from '../../test-helpers/property.ts';
import { type Scope, startClient, startWorker, testQueue } from '../../test-helpers/rpc.ts';

interface Frame {
  readonly type: number;
  /** Of a header frame. */
  readonly bodySize?: number;
  /** Of a body frame. */
  readonly payload?: Buffer;
}

// createFrameDecoder is from patches/rabbitmq-client
const { createFrameDecoder, decodeFrame } = codec as unknown as {
  createFrameDecoder(onFrame: (frame: Frame) => void): (chunk: Buffer) => void;
  decodeFrame(read: (octets: number) => Promise<Buffer>): Promise<Frame>;
};

/** What the broker says to a client that makes these calls, one after the other, octet for octet. */
async function said(t: Scope, calls: readonly string[]): Promise<Buffer> {
  const { hostname, port } = new URL(amqpUrl());
  const chunks: Buffer[] = [];
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    far.on('data', (chunk) => chunks.push(chunk));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  t.after(() => server.close());
  const queue = await testQueue(t);
  await startWorker(t, ({ body }: { body: Buffer }) => body.toString(), { queue });
  const { client } = startClient(t, { queue, urls: `amqp://127.0.0.1:${await listenOnLoopback(server)}` });
  for (const body of calls) await client.call(body);
  await client.close();
  return Buffer.concat(chunks);
}

/** All of the frames, by the decoder that knows no chunks: it asks for so many octets. */
async function framesOneByOne(octets: Buffer): Promise<Frame[]> {
  const frames: Frame[] = [];
  let at = 0;
  const read = async (count: number) => {
    at += count;
    return octets.subarray(at - count, at);
  };
  while (at < octets.length) frames.push(await decodeFrame(read));
  return frames;
}

/** The body of so many octets that is among the frames. */
function bodyOf(size: number, frames: readonly Frame[]): Buffer {
  const header = frames.findIndex(({ bodySize }) => bodySize === size);
  const end = frames.findIndex(({ payload }, index) => index > header && payload === undefined);
  return Buffer.concat(frames.slice(header + 1, end).map(({ payload = Buffer.alloc(0) }) => payload));
}

/** The frames in these chunks, as far as they are complete. */
function framesOf(chunks: Iterable<Buffer>): Frame[] {
  const frames: Frame[] = [];
  const decode = createFrameDecoder((frame) => frames.push(frame));
  for (const chunk of chunks) decode(Buffer.from(chunk)); // a copy: nothing may depend on what lies beside a chunk
  return frames;
}

function* cut(octets: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let at = 0, index = 0; at < octets.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield octets.subarray(at, at + size);
    at += size;
  }
}

describe('frames that a broker sends', { timeout: 60_000 }, () => {
  test('are read alike however they are cut into chunks', async (t) => {
    const bodies = ['x'.repeat(5_000), 'y'.repeat(300_000)];
    const octets = await said(t, ['', '30', ...bodies, '31', '32']);
    const whole = await framesOneByOne(octets);
    assert.ok(whole.length > 20, `${whole.length} frames`);
    for (const body of bodies) assert.ok(bodyOf(body.length, whole).equals(Buffer.from(body)), `${body.length} octets`);
    assert.deepEqual(framesOf([octets]), whole);
    assert.deepEqual(framesOf(cut(octets, [1])), whole);
    const size = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 }));
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 30 }), (sizes) => {
        assert.deepEqual(framesOf(cut(octets, sizes)), whole);
      }),
      seeded({ numRuns: 200 }),
    );
  });

  test('are refused as soon as they can be none, before all of one has come', () => {
    const http = Buffer.from('HTTP/1.1 400 Bad Request\r\n');
    for (const sizes of [[1], [3], [100]]) {
      assert.throws(() => framesOf(cut(http, sizes)), { code: 'FRAME_ERROR' });
    }
    const large = Buffer.from([3, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0]);
    assert.throws(() => framesOf([large]), { code: 'FRAME_ERROR' });
    const wrongEnd = Buffer.from([8, 0, 0, 0, 0, 0, 0, 205]);
    assert.throws(() => framesOf([wrongEnd]), { code: 'FRAME_ERROR' });
  });
});
