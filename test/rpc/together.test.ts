// Messages, replies and acks of one turn of the event loop go through together: what might suffer from that.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRaw, startClient, startWorker, testQueue, until } from '../helpers/rpc.ts';

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

describe('what goes through in one turn of the event loop', { timeout: 60_000 }, () => {
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
    await until(() => worker.stats().received === 8);
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
        return String(body);
      },
      { queue, prefetch: 20 },
    );
    await until(() => closed !== undefined);
    assert.deepEqual(await closed, { unfinished: 0 });
    const { answered } = worker.stats();
    assert.ok(answered > 0);
    assert.equal((await raw.channel.queueDeclare({ queue, passive: true })).messageCount, 50 - answered);
    assert.equal((await raw.channel.queueDeclare({ queue: replyTo, passive: true })).messageCount, answered);
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
});
