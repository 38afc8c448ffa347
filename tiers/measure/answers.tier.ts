import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { designs } from '../../src/measure/contenders/implementation.ts';
import { implementations } from '../../src/measure/contenders/index.ts';
import { cases, never, openCaller, startServer, target } from '../../test-helpers/implementations.ts';
import { testQueue } from '../../test-helpers/rpc.ts';

for (const one of cases) {
  describe(`${one.name} with ${one.design} replies`, () => {
    test('gets right answers of every size', async (t) => {
      const to = target(await testQueue(t));
      await startServer(t, one, to);
      const caller = openCaller(t, one, to);
      assert.equal(Buffer.from(await caller.call('30', never)).toString(), '832040');
      for (const size of [0, 1, 8_191, 131_064, 131_065, 200_000, 1_048_576]) {
        const reply = Buffer.from(await caller.call(`bytes:${size}`, never));
        assert.ok(reply.equals(Buffer.alloc(size, 'x')), `${size} bytes, got ${reply.length}`);
      }
      assert.equal(caller.discarded(), 0);
    });

    test('gives each of 200 calls at once its own answer, the first ones included', async (t) => {
      const to = target(await testQueue(t));
      await startServer(t, one, to);
      const caller = openCaller(t, one, to);
      const sizes = Array.from({ length: 200 }, (_, index) => (index * 977) % 20_000);
      const replies = await Promise.all(sizes.map((size) => caller.call(`bytes:${size}`, never)));
      assert.deepEqual(
        replies.map(({ length }) => length),
        sizes,
      );
      assert.equal(caller.discarded(), 0);
    });

    test('gives calls up with the reason of their signal, and no others', async (t) => {
      const to = target(await testQueue(t));
      const caller = openCaller(t, one, to);
      const [given, kept] = [new AbortController(), new AbortController()];
      const aborted = [caller.call('30', given.signal), caller.call('30', given.signal)];
      const other = caller.call('30', kept.signal);
      given.abort(new Error('enough'));
      for (const call of aborted) await assert.rejects(call, /^Error: enough$/);
      await assert.rejects(caller.call('30', given.signal), /^Error: enough$/);
      await startServer(t, one, to);
      assert.equal(Buffer.from(await other).toString(), '832040');
      await caller.close();
      assert.equal(getEventListeners(kept.signal, 'abort').length, 0, 'nothing listens any more');
    });
  });
}

test('the implementations have names of their own, a detail for the conditions, and their designs in order', () => {
  for (const [name, implementation] of Object.entries(implementations)) {
    assert.equal(implementation.name, name);
    assert.ok(implementation.detail.length > 20);
    const inOrder = designs.filter((design) => (implementation.designs as readonly string[]).includes(design));
    assert.deepEqual(implementation.designs, inOrder);
  }
});

test('the floor and this project have all three designs', () => {
  for (const name of ['fib-worker', 'floor'] as const) assert.deepEqual(implementations[name].designs, designs);
});
