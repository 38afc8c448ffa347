import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readiness } from '../../src/programs/worker/readiness.ts';
import { RpcError } from '../../src/protocol/errors.ts';

test('a worker is ready while it consumes, unless as many runs as it may have go on past their time limit', () => {
  const readiness = new Readiness();
  const told = (event: Parameters<typeof readiness.onEvent>[0]) => {
    readiness.onEvent(event);
    return [readiness.state, readiness.ready];
  };
  const queue = 'q';
  const error = new RpcError('UNAVAILABLE', 'gone', { reason: 'CONNECTION_LOST' });
  assert.deepEqual([readiness.state, readiness.ready], ['starting', false]);
  assert.deepEqual(told({ type: 'consuming', queue, prefetch: 2 }), ['consuming', true]);
  assert.deepEqual(told({ type: 'overrun', queue, running: 1, limit: 2 }), ['consuming', true]);
  assert.deepEqual(told({ type: 'overrun', queue, running: 2, limit: 2 }), ['stuck', false]);
  assert.match(readiness.describe(), /^not ready: too many runs of the function go on past their time limit$/);
  assert.deepEqual(told({ type: 'disconnected', error, delay: 1 }), ['disconnected', false]);
  assert.deepEqual(told({ type: 'consuming', queue, prefetch: 2 }), ['stuck', false]);
  assert.deepEqual(told({ type: 'overrun-ended', queue, running: 1, limit: 2 }), ['consuming', true]);
  readiness.drain();
  assert.deepEqual([readiness.state, readiness.ready], ['draining', false]);
});
