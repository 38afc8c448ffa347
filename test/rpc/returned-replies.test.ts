import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { openRaw, startWorker, testQueue, until } from '../helpers/rpc.ts';

test('a reply to a queue that is not there yet arrives, whole and once, when the queue is there', async (t) => {
  const queue = await testQueue(t);
  const answer = 'x'.repeat(5_000); // longer than any request that the worker takes
  const allowed = { allowReplyTo: ['replies.*'], maxRequestBytes: 64 };
  const { worker } = await startWorker(t, () => answer, { queue, ...allowed });
  const raw = await openRaw(t);
  const replyTo = `replies.${randomUUID()}`;
  await raw.publish(queue, '30', { replyTo, correlationId: 'one', durable: false });
  await until(() => worker.stats().answered === 1);
  await raw.channel.queueDeclare({ queue: replyTo, exclusive: true });
  const inbox = await raw.consume(replyTo);
  const { body, correlationId, contentType } = await inbox.next();
  assert.deepEqual([String(body), correlationId, contentType], [answer, 'one', 'text/plain']);
  await raw.publish(queue, '30', { replyTo, correlationId: 'two', durable: false });
  assert.equal((await inbox.next()).correlationId, 'two', 'and nothing came between');
});
