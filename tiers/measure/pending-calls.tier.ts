import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { CALL_TIMEOUT, CallTimeout } from '../../src/measure/contenders/implementation.ts';
import { PendingCalls } from '../../src/measure/contenders/pending-calls.ts';
import { never } from '../../test-helpers/implementations.ts';

/** Makes time stand still; the function it gives lets `ms` pass. */
function stopTime(t: TestContext): (ms: number) => void {
  let now = 1_000;
  t.mock.timers.enable({ apis: ['setInterval'] });
  t.mock.method(performance, 'now', () => now);
  return (ms) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
}

/** Adds a call; what it settles with is what the promise gives. */
function add(calls: PendingCalls, id: string, signal = never): Promise<unknown> {
  const call = new Promise((resolve, reject) => calls.add(id, { resolve, reject, signal }));
  return call.then(
    (reply) => String(reply),
    (reason) => reason,
  );
}

describe('the calls that wait', () => {
  test('are taken once, by their ids', async () => {
    const calls = new PendingCalls();
    const call = add(calls, 'a');
    assert.ok(calls.has('a'));
    assert.equal(calls.take('b'), undefined);
    calls.take('a')?.resolve(Buffer.from('yes'));
    assert.equal(calls.take('a'), undefined);
    assert.equal(await call, 'yes');
    calls.end(new Error('over'));
  });

  test('time out, each at most a second after its limit, and their owner is told', async (t) => {
    const pass = stopTime(t);
    const givenUp: string[] = [];
    const calls = new PendingCalls((id) => givenUp.push(id));
    const first = add(calls, 'first');
    pass(5_000);
    const second = add(calls, 'second');
    pass(CALL_TIMEOUT - 5_000 - 1);
    assert.deepEqual(givenUp, []);
    pass(1_000);
    assert.ok((await first) instanceof CallTimeout);
    assert.deepEqual(givenUp, ['first']);
    pass(5_000);
    assert.ok((await second) instanceof CallTimeout);
    calls.end(new Error('over'));
  });

  test('that share a signal share its one listener, which goes when it is aborted, or at the end', async () => {
    const [aborted, other] = [new AbortController(), new AbortController()];
    const givenUp: string[] = [];
    const calls = new PendingCalls((id) => givenUp.push(id));
    const both = [add(calls, 'a', aborted.signal), add(calls, 'b', aborted.signal)];
    const third = add(calls, 'c', other.signal);
    const listeners = () => [aborted, other].map(({ signal }) => getEventListeners(signal, 'abort').length);
    assert.deepEqual(listeners(), [1, 1]);
    aborted.abort('enough');
    assert.deepEqual(await Promise.all(both), ['enough', 'enough']);
    assert.deepEqual(givenUp, ['a', 'b']);
    assert.equal(await add(calls, 'd', aborted.signal), 'enough');
    assert.deepEqual(listeners(), [0, 1]);
    const end = new Error('over');
    calls.end(end);
    assert.equal(await third, end);
    assert.deepEqual(listeners(), [0, 0]);
  });

  test('end with the first error, and so does every later one', async () => {
    const calls = new PendingCalls();
    const end = new Error('lost');
    calls.end(end);
    calls.end(new Error('closed'));
    assert.equal(await add(calls, 'a'), end);
  });
});
