// The functions as a worker runs them, without a broker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callFunction } from 'fib-worker/testing';
import price from './price.ts';
import * as tax from './tax.ts';

test('price multiplies', async () => {
  assert.deepEqual(await callFunction(price, { sku: 'apple', count: 3 }), { cents: 90 });
  assert.deepEqual(await callFunction(price, { sku: 'pear' }), { cents: 45 });
});

test('price refuses what it does not know', async () => {
  await assert.rejects(callFunction(price, { sku: 'stone' }), { code: 'NOT_FOUND', data: { sku: 'stone' } });
  await assert.rejects(callFunction(price, { sku: 'apple', count: 0 }), { code: 'INVALID_ARGUMENT' });
});

test('tax takes its rate from the command line', async () => {
  assert.equal((await callFunction(tax, '90')).text(), '17');
  assert.equal((await callFunction(tax, '90', { options: { rate: 7 } })).text(), '6');
  await assert.rejects(callFunction(tax, 'much'), { code: 'INVALID_ARGUMENT' });
});
