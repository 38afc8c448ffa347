// The same by way of a real RabbitMQ, which this starts: an installed one, one out of Debian's packages, or in Docker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcClient, RpcWorker } from 'fib-worker';
import { startRabbitMQ } from 'fib-worker/testing';
import price from './price.ts';

test('price answers over RabbitMQ', async (t) => {
  const rabbitmq = await startRabbitMQ();
  t.after(() => rabbitmq.stop());
  const worker = new RpcWorker(rabbitmq.url).serve(price);
  await worker.start();
  t.after(() => worker.close());
  const client = new RpcClient(rabbitmq.url);
  t.after(() => client.close());
  const priceOf = client.function(price);
  assert.deepEqual(await priceOf({ sku: 'apple', count: 3 }), { cents: 90 });
  const error = await priceOf({ sku: 'stone' }).catch((thrown: unknown) => thrown);
  assert.ok(priceOf.isError(error, 'NOT_FOUND'));
  assert.equal(error.data.sku, 'stone');
});
