import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from '../../src/amqp/frame-reader.ts';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { seeded } from '../../test-helpers/property.ts';
import { type Scope, startClient, startWorker, testQueue } from '../../test-helpers/rpc.ts';

/** A frame that is neither a heartbeat nor empty: its payload, as it stands between header and end. */
interface Frame {
  readonly type: 'method' | 'header' | 'body';
  readonly channel: number;
  readonly payload: Buffer;
}

/** The octets that the broker sends to a client that makes these calls, one after the other. */
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

/** All of the frames, by their sizes. */
function framesOneByOne(octets: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < octets.length; at += octets.readUInt32BE(at + 3) + 8) {
    const type = ([undefined, 'method', 'header', 'body'] as const)[octets.readUInt8(at)];
    const payload = octets.subarray(at + 7, at + 7 + octets.readUInt32BE(at + 3));
    if (type) frames.push({ type, channel: octets.readUInt16BE(at + 1), payload });
  }
  return frames;
}

/** The body of `size` octets that is among the frames. */
function bodyOf(size: number, frames: readonly Frame[]): Buffer {
  const header = frames.findIndex(({ type, payload }) => type === 'header' && payload.readUInt32BE(8) === size);
  const end = frames.findIndex(({ type }, index) => index > header && type !== 'body');
  return Buffer.concat(frames.slice(header + 1, end).map(({ payload }) => payload));
}

/** The frames in these chunks, as far as they are complete. */
function framesOf(chunks: Iterable<Buffer>): Frame[] {
  const frames: Frame[] = [];
  const whole = (type: Frame['type']) => (channel: number, octets: Buffer, start: number, end: number) =>
    frames.push({ type, channel, payload: Buffer.from(octets.subarray(start, end)) });
  const reader = new FrameReader({
    onMethod: whole('method'),
    onHeader: whole('header'),
    onBodyFrame(channel, size) {
      const pieces: Buffer[] = [];
      return {
        take: (octets, start, end) => pieces.push(Buffer.from(octets.subarray(start, end))),
        frameEnd() {
          const payload = Buffer.concat(pieces);
          assert.equal(payload.length, size);
          frames.push({ type: 'body', channel, payload });
        },
      };
    },
  });
  for (const chunk of chunks) reader.read(Buffer.from(chunk)); // a copy: nothing may depend on what lies beside a chunk
  return frames;
}

function* cut(octets: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let at = 0, index = 0; at < octets.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield octets.subarray(at, at + size);
    at += size;
  }
}

describe('frames that a broker sends', () => {
  test('are read alike however they are cut into chunks', async (t) => {
    const bodies = ['x'.repeat(5_000), 'y'.repeat(300_000)];
    const octets = await said(t, ['', '30', ...bodies, '31', '32']);
    const whole = framesOneByOne(octets);
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
    for (const frame of [
      [8, 0, 0, 0, 0, 0, 0],
      [3, 0, 1, 0, 0, 0, 1, 120],
    ]) {
      const wrongEnd = Buffer.from([...frame, 205]);
      for (const sizes of [[1], [7], [100]]) {
        assert.throws(() => framesOf(cut(wrongEnd, sizes)), { code: 'FRAME_ERROR' });
      }
    }
  });
});
