import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchForIdleness } from '../../src/programs/worker/idle.ts';
import { Readiness } from '../../src/programs/worker/readiness.ts';
import { RpcError } from '../../src/protocol/errors.ts';

test('a worker is ready while it consumes, unless as many runs as it may have go on past their time limit', () => {
  const readiness = new Readiness(1);
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
  assert.deepEqual(told({ type: 'blocked', reason: 'low on memory' }), ['blocked', false]);
  assert.deepEqual(told({ type: 'unblocked' }), ['consuming', true]);
  assert.deepEqual(told({ type: 'retrying', queue, error, attempt: 1, delay: 1 }), ['disconnected', false]);
  assert.deepEqual(told({ type: 'blocked', reason: 'low on memory' }), ['disconnected', false]);
  assert.deepEqual(told({ type: 'unblocked' }), ['disconnected', false], 'it still does not consume');
  assert.deepEqual(told({ type: 'blocked', reason: 'low on memory' }), ['disconnected', false]);
  assert.deepEqual(told({ type: 'connected', url: 'amqp://b' }), ['connected', false]);
  assert.deepEqual(
    told({ type: 'consuming', queue, prefetch: 2 }),
    ['consuming', true],
    'the next connection is not blocked',
  );
  readiness.drain();
  assert.deepEqual([readiness.state, readiness.ready], ['draining', false]);
});

test('a worker of several queues is ready while it consumes all of them, and none of them is stuck', () => {
  const readiness = new Readiness(2);
  const told = (event: Parameters<typeof readiness.onEvent>[0]) => {
    readiness.onEvent(event);
    return readiness.state;
  };
  const error = new RpcError('UNAVAILABLE', 'gone', { reason: 'CONNECTION_LOST' });
  told({ type: 'connected', url: 'amqp://b' });
  assert.equal(told({ type: 'consuming', queue: 'a', prefetch: 1 }), 'connected');
  assert.equal(told({ type: 'consuming', queue: 'b', prefetch: 1 }), 'consuming');
  assert.equal(told({ type: 'disconnected', queue: 'b', error, delay: 1 }), 'disconnected');
  assert.equal(told({ type: 'consuming', queue: 'b', prefetch: 1 }), 'consuming');
  assert.equal(told({ type: 'overrun', queue: 'a', running: 1, limit: 1 }), 'stuck');
  assert.equal(told({ type: 'overrun-ended', queue: 'b', running: 0, limit: 1 }), 'stuck');
  assert.equal(told({ type: 'overrun-ended', queue: 'a', running: 0, limit: 1 }), 'consuming');
  told({ type: 'disconnected', error, delay: 1 });
  told({ type: 'connected', url: 'amqp://b' });
  assert.equal(told({ type: 'consuming', queue: 'a', prefetch: 1 }), 'connected');
});

test('a worker that stops when idle does not while it consumes nothing, or is blocked', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const queue = 'q';
  const error = new RpcError('UNAVAILABLE', 'gone', { reason: 'CONNECTION_LOST' });
  let idle = 0;
  t.mock.method(performance, 'now', () => now);
  let now = 1;
  const told = watchForIdleness({ limit: 100, inFlight: () => 0, onIdle: () => idle++ });
  const pass = () => {
    now += 200;
    t.mock.timers.tick(200);
    return idle;
  };
  told({ type: 'retrying', queue, error, attempt: 1, delay: 1 });
  told({ type: 'blocked', reason: 'low on memory' });
  told({ type: 'unblocked' });
  assert.equal(pass(), 0, 'its queue is gone');
  told({ type: 'consuming', queue, prefetch: 1 });
  told({ type: 'blocked', reason: 'low on memory' });
  assert.equal(pass(), 0, 'it is blocked');
  told({ type: 'unblocked' });
  assert.equal(pass(), 1);
});
