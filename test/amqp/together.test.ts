// Messages, replies and acks of one turn of the event loop go through together: what might suffer from that.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { FrameReader } from '../../src/measure/wire/frames.ts';
import { int } from '../../test-helpers/raw-amqp.ts';
import { openRaw, type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

/** Answers when it is told to. */
function byHand() {
  const waiting = new Map<string, () => void>();
  const seen: string[] = [];
  const handler = ({ body }: { body: Buffer }) => {
    seen.push(String(body));
    return new Promise<string>((resolve) => waiting.set(String(body), () => resolve(`did ${body}`)));
  };
  return { handler, seen, answer: (body: string) => waiting.get(body)?.() };
}

/** Holds the event loop. */
function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Tells of each write to a TCP socket that connects from now on. */
function watchWrites(t: Scope, onWrite: (octets: Buffer) => void): void {
  const { prototype } = net.Socket;
  const { write } = prototype;
  prototype.write = function (this: net.Socket, octets: string | Uint8Array, ...rest: unknown[]): boolean {
    if (this.remotePort !== undefined) onWrite(Buffer.from(octets as Uint8Array)); // standard output has none
    return Reflect.apply(write, this, [octets, ...rest]);
  };
  t.after(() => {
    prototype.write = write;
  });
}

describe('what goes through in one turn of the event loop', () => {
  test('keeps its order, small and large, and arrives as it was sent', async (t) => {
    const queue = await testQueue(t);
    const seen: number[] = [];
    const handler = ({ body }: { body: Buffer }) => {
      seen.push(body.length);
      return body.toString();
    };
    await startWorker(t, handler, { queue, prefetch: 100 });
    const { client } = startClient(t, { queue });
    const one = [0, 1, 4_088, 4_089, 20_000, 1, 131_064, 131_065, 2, 300_000, 65_536, 3, 1_048_576, 4];
    const sizes = [...one, ...one, ...one];
    const calls = sizes.map((size, index) => client.call(String(index % 10).repeat(size)));
    const replies = await Promise.all(calls);
    assert.deepEqual(seen, sizes);
    for (const [index, { body }] of replies.entries()) {
      assert.ok(body.equals(Buffer.alloc(sizes[index] ?? 0, String(index % 10))), `reply ${index}`);
    }
  });

  test('is acked if it was answered, and not otherwise, however answers overtake each other', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const first = byHand();
    const { worker } = await startWorker(t, first.handler, { queue, prefetch: 10 });
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    for (const body of ['1', '2', '3', '4', '5', '6', '7']) await raw.publish(queue, body, { replyTo });
    await raw.publish(queue, 'nobody to answer'); // rejected, between acks
    await until(() => worker.stats().requests === 8);
    for (const body of ['3', '1', '6']) first.answer(body);
    for (let count = 0; count < 3; count++) await replies.next();
    for (const body of ['2', '7']) first.answer(body);
    for (let count = 0; count < 2; count++) await replies.next();
    assert.deepEqual(await worker.close({ grace: 0 }), { unfinished: 2 });
    const second = byHand();
    await startWorker(t, second.handler, { queue, prefetch: 10 });
    await until(() => second.seen.length === 2);
    assert.deepEqual(second.seen, ['4', '5']);
    for (const body of second.seen) second.answer(body);
    for (let count = 0; count < 2; count++) await replies.next();
    assert.deepEqual(replies.received.map(({ body }) => String(body)).sort(), [
      ...['did 1', 'did 2', 'did 3', 'did 4', 'did 5', 'did 6', 'did 7'],
    ]);
  });

  test('goes out in one write: small replies, and behind them one ack for them all', async (t) => {
    const writes: Buffer[] = [];
    watchWrites(t, (octets) => writes.push(octets));
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { handler, answer } = byHand();
    const { worker } = await startWorker(t, handler, { queue, prefetch: 10 });
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    for (const body of ['1', '2', '3']) await raw.publish(queue, body, { replyTo });
    await raw.publish(queue, 'nobody to answer'); // the fourth delivery, rejected at once
    await raw.publish(queue, '5', { replyTo });
    await until(() => worker.stats().requests === 5);
    for (const body of ['1', '2', '3', '5']) answer(body);
    for (let count = 0; count < 4; count++) await replies.next();
    assert.deepEqual(await worker.close(), { unfinished: 0 });
    const [together, ...others] = writes.filter((octets) => octets.includes('did '));
    assert.equal(others.length, 0, 'the replies went out one by one');
    const frames = new FrameReader().read(together ?? Buffer.alloc(0));
    const reply = ['method', 'header', 'body'];
    assert.deepEqual(
      frames.map(({ kind }) => kind),
      [...reply, ...reply, ...reply, ...reply, 'method'],
    );
    const all = writes.flatMap((octets) => new FrameReader().read(octets));
    const basicAck = Buffer.concat([int(2, 60), int(2, 80)]);
    const acks = all.filter(({ payload }) => payload.subarray(0, 4).equals(basicAck)).map(({ payload }) => payload);
    assert.deepEqual(acks, [Buffer.concat([basicAck, int(8, 5), int(1, 1)])], 'up to tag 5, multiple');
    assert.deepEqual(acks[0], frames.at(-1)?.payload);
    assert.equal((await raw.channel.queueDeclare({ queue, passive: true })).messageCount, 0);
  });

  test('is acked before a worker that drains has gone', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    for (let count = 0; count < 50; count++) await raw.publish(queue, String(count), { replyTo });
    let closed: Promise<unknown> | undefined;
    const { worker } = await startWorker(
      t,
      ({ body }) => {
        closed ??= worker.close();
        busy(5); // one a turn: the others that came with it wait
        return String(body);
      },
      { queue, prefetch: 20 },
    );
    await until(() => closed !== undefined);
    assert.deepEqual(await closed, { unfinished: 0 });
    const { requests, answered, abandoned } = worker.stats();
    assert.ok(answered > 1, 'others had come with the first');
    assert.deepEqual({ requests, abandoned }, { requests: answered, abandoned: 0 });
    assert.equal((await raw.channel.queueDeclare({ queue, passive: true })).messageCount, 50 - answered);
    // a queue may tell its length before it takes in what has come
    const { channel } = raw;
    await until(async () => (await channel.queueDeclare({ queue: replyTo, passive: true })).messageCount === answered);
    const left = await raw.consume(queue);
    for (let count = answered; count < 50; count++) assert.equal((await left.next()).redelivered, false);
  });

  test('is lost to nobody when the worker is closed in the middle of it', async (t) => {
    const queue = await testQueue(t);
    let seen = 0;
    const { worker } = await startWorker(
      t,
      ({ body }) => {
        if (++seen === 5) void worker.close({ grace: 0 });
        return `first ${body}`;
      },
      { queue, prefetch: 20 },
    );
    const { client } = startClient(t, { queue });
    const calls = Promise.all(Array.from({ length: 20 }, (_, index) => client.call(String(index))));
    await until(() => seen >= 5);
    await worker.close();
    await startWorker(t, ({ body }) => `second ${body}`, { queue });
    const answers = (await calls).map(({ body }) => String(body).split(' ')[1]);
    assert.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });

  test('leaves no call unsettled when the client is closed in the middle of its replies', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => String(body), { queue, prefetch: 100 });
    const { client } = startClient(t, { queue });
    const calls = Array.from({ length: 50 }, (_, index) => client.call(String(index)));
    const settled = Promise.allSettled(calls);
    await Promise.race(calls);
    await client.close({ grace: 0 });
    for (const [index, outcome] of (await settled).entries()) {
      if (outcome.status === 'fulfilled') assert.equal(String(outcome.value.body), String(index));
      else assert.equal(outcome.reason.code, 'CANCELLED');
    }
    const { waiting, inFlight } = client.stats();
    assert.deepEqual({ waiting, inFlight }, { waiting: 0, inFlight: 0 });
  });

  test('is no more than a function takes a moment for: a slow one’s replies do not wait for each other', async (t) => {
    const queue = await testQueue(t);
    const happened: string[] = [];
    const handler = ({ body }: { body: Buffer }) => {
      busy(50);
      happened.push(`handled ${body}`);
      return String(body);
    };
    await startWorker(t, handler, { queue, prefetch: 30 });
    const { client } = startClient(t, { queue });
    const call = async (_: unknown, index: number) => {
      await client.call(String(index));
      happened.push(`replied ${index}`);
    };
    await Promise.all(Array.from({ length: 30 }, call));
    assert.ok(happened.indexOf('replied 0') < happened.indexOf('handled 29'), happened.join(', '));
  });

  test('is one request of a slow async function: its reply is written before the next one is begun', async (t) => {
    const happened: string[] = [];
    watchWrites(t, (octets) => {
      for (const [reply] of octets.toString('latin1').matchAll(/did \d/g)) happened.push(`wrote ${reply}`);
    });
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    const requests = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    for (const body of requests) await raw.publish(queue, body, { replyTo });
    const handler = async ({ body }: { body: Buffer }) => {
      await null; // what takes long comes when it has returned
      happened.push(`began ${body}`);
      busy(50);
      return `did ${body}`;
    };
    await startWorker(t, handler, { queue, prefetch: 10 });
    for (const _ of requests) await replies.next();
    assert.deepEqual(
      happened,
      requests.flatMap((body) => [`began ${body}`, `wrote did ${body}`]),
    );
  });
});
