import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestIds } from '../../src/protocol/request-ids.ts';
import type { RequestHandler } from '../../src/worker/worker.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test("a request's traceparent counts in W3C's form alone", () => {
  const of = (value: unknown) => requestIds({ headers: { traceparent: value } }).traceparent;
  assert.equal(of(traceparent), traceparent);
  for (const wrong of [
    undefined,
    7,
    '',
    traceparent.toUpperCase(),
    `${traceparent}\n`,
    ` ${traceparent}`,
    traceparent.replace('00-', 'ff-'),
    traceparent.replace(/-\w{32}-/, `-${'0'.repeat(32)}-`),
    traceparent.replace(/-\w{16}-/, `-${'0'.repeat(16)}-`),
    `${traceparent}-${'x'.repeat(100_000)}`,
  ])
    assert.equal(of(wrong), undefined, String(wrong).slice(0, 80));
  assert.deepEqual(requestIds({ headers: null }), { correlationId: undefined, traceparent: undefined });
});

test('the ids of a request are in its context, in every event about it, and in its error reply', async (t) => {
  const queue = await testQueue(t);
  const raw = await openRaw(t);
  const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const replies = await raw.consume(replyTo);
  const ids = { correlationId: 'one\n\u00ff', traceparent };
  const seen: unknown[] = [];
  let end = () => {};
  const handler: RequestHandler = ({ body }, { correlationId, traceparent, log }) => {
    seen.push({ correlationId, traceparent });
    log.warn('of the function');
    if (String(body) === 'fail') throw new Error('of the function');
    return new Promise((resolve) => {
      end = () => resolve('late');
    });
  };
  const { events } = await startWorker(t, handler, { queue, maxOverruns: 5 });
  const properties = { replyTo, correlationId: ids.correlationId, headers: { traceparent } };
  await raw.publish(queue, 'fail', properties);
  const problem = JSON.parse(String((await replies.next()).body));
  assert.deepEqual([problem.code, problem.correlationId], ['INTERNAL', ids.correlationId]);
  await raw.publish(queue, 'overrun', { ...properties, expiration: '200' });
  await replies.next();
  end();
  await until(() => events.some(({ type }) => type === 'overrun-ended'));
  await raw.publish(queue, 'rejected', { ...properties, replyTo: 'orders' });
  await until(() => events.some(({ type }) => type === 'rejected'));
  assert.deepEqual(seen, [ids, ids]);
  const about = events.filter(({ type }) => !['connected', 'queue', 'consuming'].includes(type));
  assert.deepEqual(
    about.map((event) => ('correlationId' in event ? [event.type, event.correlationId, event.traceparent] : event)),
    ['log', 'handler-failed', 'answered', 'log', 'overrun', 'answered', 'overrun-ended', 'rejected'].map((type) => [
      type,
      ...Object.values(ids),
    ]),
  );
  await raw.publish(queue, 'fail', { replyTo, messageId: 'two' });
  assert.equal(JSON.parse(String((await replies.next()).body)).correlationId, 'two', 'without another id');
});

test("the error of a call that a worker had names the call's id", async (t) => {
  const queue = await testQueue(t);
  const { events } = await startWorker(t, () => Promise.reject(new Error('secret')), { queue });
  const { client } = startClient(t, { queue });
  const error = await client.call('1').catch((rejected: { correlationId?: string }) => rejected);
  const failed = events.find((event) => event.type === 'handler-failed');
  assert.ok(failed?.correlationId !== undefined);
  assert.equal('correlationId' in error && error.correlationId, failed.correlationId);
  const silent = await testQueue(t);
  const patient = startClient(t, { queue: silent }).client;
  await assert.rejects(patient.call('1', { timeout: 200 }), ({ correlationId }: { correlationId?: string }) =>
    /^\S{12,}$/.test(correlationId ?? ''),
  );
});
