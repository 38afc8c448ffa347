import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as codec from 'rabbitmq-client/lib/codec.js';
import { listenOnLoopback } from '../../src/compare/wire/loopback.ts';
import { amqpUrl } from '../helpers/broker.ts';
import { seeded } from '../helpers/property.ts';
import { type Scope, startClient, startWorker, testQueue } from '../helpers/rpc.ts';

// from patches/rabbitmq-client
const { createFrameDecoder } = codec as unknown as {
  createFrameDecoder(onFrame: (frame: unknown) => void): (chunk: Buffer) => void;
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

/** The frames in these chunks, as far as they are complete. */
function framesOf(chunks: Iterable<Buffer>): unknown[] {
  const frames: unknown[] = [];
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
    const octets = await said(t, ['', '30', 'x'.repeat(5_000), 'y'.repeat(300_000), '31']);
    const whole = framesOf([octets]);
    assert.ok(whole.length > 20, `${whole.length} frames`);
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
