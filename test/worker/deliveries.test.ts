import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ERROR_REPLY_TYPE } from '../../src/protocol/reply.ts';
import { earlierDeliveries } from '../../src/worker/deliveries.ts';
import { RpcWorker } from '../../src/worker/worker.ts';
import { field, publishRaw, table } from '../../test-helpers/raw-amqp.ts';
import { openRaw, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const COUNT = 'x-delivery-count';

describe('how often a request was delivered before', () => {
  test('is what a quorum queue counted, and once at least if it was', () => {
    assert.equal(earlierDeliveries({ redelivered: true, headers: { [COUNT]: 3 } }), 3);
    assert.equal(earlierDeliveries({ redelivered: true, headers: { [COUNT]: 0 } }), 1);
    assert.equal(earlierDeliveries({ redelivered: true, headers: {} }), 1);
    assert.equal(earlierDeliveries({ redelivered: true }), 1);
  });

  test('is nothing that its sender can say', () => {
    assert.equal(earlierDeliveries({ redelivered: false, headers: { [COUNT]: 7 } }), 0);
    assert.equal(earlierDeliveries({ redelivered: true, headers: { [COUNT]: '7' } }), 1);
    assert.equal(earlierDeliveries({ redelivered: true, headers: { [COUNT]: Number.NaN } }), 1);
    assert.equal(earlierDeliveries({ redelivered: true, headers: { [COUNT]: -7 } }), 1);
  });

  test('is more than any limit where the headers that hold the count cannot be read', () => {
    assert.equal(earlierDeliveries({ redelivered: true, headers: null }), Number.POSITIVE_INFINITY);
    assert.equal(earlierDeliveries({ redelivered: false, headers: null }), 0);
  });
});

let deep = field('x', 't', Buffer.from([1]));
for (let depth = 0; depth < 4_000; depth++) deep = field('x', 'F', table(deep));

describe('a request that ends its workers, on a quorum queue', { concurrency: true }, () => {
  // brokers may write L anew, so that it can be read, where they add their count to the headers
  for (const [what, headers] of [
    ['of a type that it does not know', field('x', 'L', Buffer.alloc(8, 1))],
    ['that is nested too deeply', deep],
  ] as const)
    test(`is not delivered for ever where a worker can’t read its headers: a field ${what}`, async (t) => {
      const queue = await testQueue(t, { args: { 'x-queue-type': 'quorum' } });
      const raw = await openRaw(t);
      const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
      const replies = await raw.consume(replyTo);
      try {
        await publishRaw(queue, 'deadly', { headers, replyTo: Buffer.from(replyTo) });
      } catch (error) {
        t.skip(`the broker itself refuses such headers: ${error}`);
        return;
      }
      const given = async () => {
        let runs = 0; // before that the worker looks up the caller
        const deadly = () => {
          runs++;
          return new Promise<string>(() => {});
        };
        const { worker } = await startWorker(t, deadly, { queue });
        await until(() => runs === 1 || gaveUp(worker));
        const over = gaveUp(worker);
        await worker.close({ grace: over ? 1_000 : 0 }); // with 0 as if it had died of it
        return over;
      };
      let ended = 0;
      while (!(await given())) ended++;
      assert.ok(ended >= 1 && ended <= 5, `${ended} workers ended`);
      t.diagnostic(`${ended} workers ended`);
      const { type, body } = await replies.next();
      assert.equal(type, ERROR_REPLY_TYPE);
      assert.match(String(body), /and never answered; it is not tried again/);
      assert.equal((await raw.channel.queueDeclare({ queue, passive: true })).messageCount, 0);
    });
});

function gaveUp(worker: RpcWorker): boolean {
  return worker.stats().rejected['delivered-too-often'] === 1;
}

test('a worker that is to try nothing again can’t have two requests in hand', () => {
  const echo = ({ body }: { body: Buffer }) => body;
  assert.throws(() => new RpcWorker().serve('q', echo, { maxDeliveries: 1, prefetch: 2 }), {
    name: 'TypeError',
    message: /^maxDeliveries: 1 needs prefetch 1, got prefetch 2: /,
  });
  assert.doesNotThrow(() => new RpcWorker().serve('q', echo, { maxDeliveries: 1 }));
  assert.doesNotThrow(() => new RpcWorker().serve('q', echo, { maxDeliveries: 2, prefetch: 2 }));
});
